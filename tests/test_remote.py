"""Fetched key sets: documents from URLs and files, reloads, and what happens when a provider is down."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.errors import ProviderUnavailable, SigningKeyMissing, TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.flows.remote import MAX_ABSENT, Remote
from jwt_signer_mw.flows.signers import RemoteSigner
from jwt_signer_mw.jose import generate_key
from stepping import FrozenClock, Stepper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jwt_signer_mw.jose import Key, KeySet

URL = "https://provider.example/jwks"
A, B, C = (generate_key("ES256") for _ in range(3))
RSA = generate_key("RS256")
OCT = generate_key("HS256")


def public(*keys: Key) -> dict[str, Any]:
    return {"keys": [key.public_jwk() for key in keys]}


def private(*keys: Key) -> dict[str, Any]:
    return {"keys": [key.private_jwk() for key in keys]}


class Provider:
    """Answers fetches with `document`: JSON, bytes, a reply or an error; `meanwhile` runs during a fetch."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.meanwhile: Callable[[], object] | None = None
        self.clock = FrozenClock()
        self.changes = 0
        self.replaced: bool | None = None  # what the last change told
        self.stepper = Stepper(answer=self.answer)

    def answer(self, _: Exchange) -> Reply | Exception:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if isinstance(self.document, Reply | Exception):
            return self.document
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        return Reply(200, {}, body)

    def open(self, *, period: float = 0, source: Source | None = None) -> Remote:
        return Remote(
            source or Source(URL),
            Clock.of(self.clock),
            interval=30,
            period=period,
            changed=self._count,
        )

    def _count(self, replaced: bool) -> None:
        self.changes += 1
        self.replaced = replaced

    @property
    def fetches(self) -> int:
        return len(self.stepper.exchanges)

    def load(self, remote: Remote) -> KeySet:
        return self.stepper.run(remote.load())

    def reload(self, remote: Remote, kid: str | None, seen: KeySet) -> bool:
        return self.stepper.run(remote.reload(kid, seen))


def kids(keys: KeySet | None) -> list[str | None]:
    return [] if keys is None else [key.kid for key in keys.keys]


# The first load -----------------------------------------------------------------------------------


def test_fetches_a_set_once() -> None:
    provider = Provider(public(A, B))
    remote = provider.open()
    assert kids(remote.keys) == []
    assert kids(provider.load(remote)) == [A.kid, B.kid]
    assert provider.load(remote) is remote.keys
    assert (provider.fetches, provider.changes, provider.replaced) == (1, 1, False)
    assert remote.updated_at == provider.clock.now


def test_asks_as_the_settings_say() -> None:
    provider = Provider(public(A))
    source = Source(URL, ("user", "word"), ("c.pem", "k.pem"), verify=False, timeout=2.5, max_bytes=999)
    provider.load(provider.open(source=source))
    (exchange,) = provider.stepper.exchanges
    assert (exchange.url, exchange.method, exchange.body) == (URL, "GET", b"")
    assert exchange.basic == ("user", "word")
    assert exchange.certificate == ("c.pem", "k.pem")
    assert (exchange.verify, exchange.timeout, exchange.max_bytes) == (False, 2.5, 999)


BROKEN = {
    "empty": b"",
    "html": b"<html>maintenance</html>",
    "no keys": b"{}",
    "list": b"[]",
    "keys of a wrong type": b'{"keys":{}}',
    "deep": b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "invalid UTF-8": b'{"keys":["\xff"]}',
    "redirect": Reply(302, {"location": "http://169.254.169.254/"}, b""),
    "not found": Reply(404, {}, json.dumps(public(A)).encode()),
    "not modified": Reply(304, {}, b""),
    "created": Reply(201, {}, json.dumps(public(A)).encode()),
    "unreachable": TransportError("https://provider.example/jwks: ConnectTimeout"),
}


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_a_broken_document_is_a_failed_fetch(document: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Decision 25: without an older set, 503, and not asked again before the interval is over."""
    provider = Provider(document)
    remote = provider.open()
    with pytest.raises(ProviderUnavailable) as caught:
        provider.load(remote)
    assert caught.value.status == 503
    assert "provider.example" in caplog.text
    provider.document = public(A)
    provider.clock.now += 29
    with pytest.raises(ProviderUnavailable) as caught:
        provider.load(remote)
    assert caught.value.retry_after == 1
    assert provider.fetches == 1
    provider.clock.now += 1
    assert kids(provider.load(remote)) == [A.kid]


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", ""])
def test_any_content_type_will_do(content_type: str) -> None:
    reply = Reply(200, {"content-type": content_type}, json.dumps(public(A)).encode())
    provider = Provider(reply)
    assert kids(provider.load(provider.open())) == [A.kid]


def test_a_single_key_is_a_set() -> None:
    provider = Provider(A.public_jwk())
    assert kids(provider.load(provider.open())) == [A.kid]


def test_broken_keys_are_skipped_and_named_once_per_document(caplog: pytest.LogCaptureFixture) -> None:
    document = {"keys": [A.public_jwk(), {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"}, 5]}
    provider = Provider(document)
    remote = provider.open(period=60)
    assert kids(provider.load(remote)) == [A.kid]
    assert "keys[1]: RSA modulus of 17 bits" in caplog.text
    caplog.clear()
    provider.stepper.run(remote.maintain())
    assert provider.fetches == 2
    assert caplog.text == ""
    provider.document = {"keys": [*document["keys"], {}]}
    provider.stepper.run(remote.maintain())
    assert "keys[3]" in caplog.text


def test_private_halves_are_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    provider = Provider(private(A, RSA))
    keys = provider.load(provider.open())
    assert [key.is_private for key in keys.keys] == [False, False]
    assert "private members" in caplog.text
    assert A.private_jwk()["d"] not in caplog.text


def test_oct_keys_from_the_network_verify_nothing() -> None:
    provider = Provider(private(A, OCT))
    assert kids(provider.load(provider.open())) == [A.kid]
    signing = provider.open(source=Source(URL, signing=True))
    assert kids(provider.load(signing)) == [A.kid, OCT.kid], "but they sign, if the settings ask for it"


def test_one_of_many_fetches() -> None:
    provider, gate = Provider(public(A)), threading.Event()

    class Transport:
        count = 0

        def send(self, exchange: Exchange) -> Reply:
            assert exchange.url == URL
            self.count += 1
            assert gate.wait(10)
            return Reply(200, {}, json.dumps(public(A)).encode())

    transport, remote, found = Transport(), provider.open(), list[Any]()
    driver = BlockingDriver(transport)
    threads = [threading.Thread(target=lambda: found.append(driver.run(remote.load()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert transport.count == 1
    assert len(found) == 16
    assert len({id(keys) for keys in found}) == 1


def test_without_an_interval_every_request_tries_again() -> None:
    provider = Provider(b"")
    remote = Remote(Source(URL), Clock.of(provider.clock), interval=0, period=0, changed=provider._count)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable, match="not JSON"):
            provider.load(remote)
    assert provider.fetches == 3


# Forced reloads -----------------------------------------------------------------------------------


def test_an_unknown_kid_reloads_the_set_once() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = public(B)
    assert provider.reload(remote, B.kid, seen) is True
    assert kids(remote.keys) == [B.kid], "what the provider withdrew is gone"
    assert kids(remote.previous) == [A.kid]
    assert (provider.fetches, provider.changes, provider.replaced) == (2, 2, True)


def test_nothing_forces_two_reloads_within_the_interval() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    assert provider.reload(remote, B.kid, seen) is False
    provider.document = public(A, B)
    provider.clock.now += 29.9
    assert provider.reload(remote, "other", seen) is False
    assert provider.reload(remote, B.kid, seen) is False
    assert provider.reload(remote, None, seen) is False
    assert provider.fetches == 2
    provider.clock.now += 0.1
    assert provider.reload(remote, B.kid, seen) is True
    assert provider.fetches == 3


def test_a_thousand_unknown_kids_cost_one_fetch() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    for number in range(1000):
        provider.clock.now += 0.01
        assert provider.reload(remote, f"kid-{number}", seen) is False
    assert provider.fetches == 2
    assert remote.keys is seen


def test_a_thousand_unknown_kids_on_a_cold_start_cost_one_fetch() -> None:
    """The set was fetched for the first of them, so it counts as its reload."""
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    assert provider.stepper.run(remote.reload("kid", seen, just_loaded=True)) is False
    for number in range(1000):
        assert provider.reload(remote, f"kid-{number}", seen) is False
    assert provider.fetches == 1


def test_a_failed_signature_is_not_remembered() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    assert provider.reload(remote, A.kid, seen) is False
    provider.clock.now += 30
    provider.document = public(B)
    assert provider.reload(remote, A.kid, seen) is True


def test_a_key_that_changed_under_its_kid_is_found() -> None:
    same_kid = {"keys": [B.public_jwk() | {"kid": A.kid}]}
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = same_kid
    assert provider.reload(remote, A.kid, seen) is True


def test_absent_kids_are_remembered_within_bounds() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    for number in range(MAX_ABSENT + 10):
        provider.reload(remote, f"kid-{number}", seen)
        provider.clock.now += 31
    assert len(remote._absent) <= MAX_ABSENT
    provider.reload(remote, "k" * 10_000, seen)
    assert all(len(kid) < 1000 for kid in remote._absent)


def test_a_failed_reload_keeps_the_old_set() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = TransportError("down")
    assert provider.reload(remote, "other", seen) is False
    assert provider.load(remote) is seen
    assert provider.reload(remote, "another", seen) is False
    assert provider.fetches == 2
    provider.document = public(A, B)
    provider.clock.now += 30
    assert provider.reload(remote, B.kid, seen) is True


def test_the_same_set_again_changes_nothing() -> None:
    provider = Provider(public(A, B))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = json.dumps(public(A, B), indent=2).encode()
    assert provider.reload(remote, "other", seen) is False
    assert (remote.keys, remote.previous, provider.changes) == (seen, None, 1)


def test_an_empty_set_is_a_good_one() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = {"keys": []}
    assert provider.reload(remote, "other", seen) is True
    assert kids(remote.keys) == []


def test_who_saw_an_old_set_tries_the_new_one_without_a_fetch() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = public(B)
    provider.reload(remote, B.kid, seen)
    assert provider.reload(remote, "another", seen) is True
    assert provider.fetches == 2


def test_nobody_with_a_known_key_waits_for_a_reload() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.meanwhile = lambda: found.append(provider.load(remote))
    found: list[KeySet] = []
    provider.reload(remote, "other", seen)
    assert found == [seen]


# The rotate period --------------------------------------------------------------------------------


def test_reloads_after_the_period() -> None:
    provider = Provider(public(A))
    remote = provider.open(period=600)
    provider.load(remote)
    assert remote.due == provider.clock.now + 600
    provider.document = public(B)
    provider.clock.now += 600
    remote.postpone()
    provider.stepper.run(remote.maintain())
    assert kids(remote.keys) == [B.kid]
    assert remote.due == provider.clock.now + 600


def test_reloads_never_without_a_period() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    provider.load(remote)
    assert remote.due == float("inf")


def test_the_others_go_on_with_the_old_set() -> None:
    provider = Provider(public(A))
    remote = provider.open(period=600)
    seen = provider.load(remote)
    provider.clock.now += 600
    provider.document = public(B)
    during: list[tuple[KeySet, bool]] = []
    provider.meanwhile = lambda: during.append((provider.load(remote), remote.due > provider.clock.now))
    remote.postpone()
    provider.stepper.run(remote.maintain())
    assert during == [(seen, True)]


def test_a_period_that_fails_tries_again_after_the_interval() -> None:
    provider = Provider(public(A))
    remote = provider.open(period=600)
    seen = provider.load(remote)
    provider.clock.now += 600
    provider.document = TransportError("down")
    remote.postpone()
    provider.stepper.run(remote.maintain())
    assert remote.keys is seen
    assert remote.due == provider.clock.now + 30


def test_a_reload_by_the_clock_does_not_hold_up_a_forced_one() -> None:
    provider = Provider(public(A))
    remote = provider.open(period=600)
    seen = provider.load(remote)
    provider.stepper.run(remote.maintain())
    provider.document = public(B)
    assert provider.reload(remote, B.kid, seen) is True


# By hand ------------------------------------------------------------------------------------------


def test_a_refresh_needs_no_patience_and_may_bring_credentials() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    provider.load(remote)
    provider.document = public(B)
    provider.stepper.run(remote.refresh(("admin", "word"), ("c", "k")))
    assert kids(remote.keys) == [B.kid]
    assert provider.stepper.exchanges[-1].basic == ("admin", "word")
    assert provider.stepper.exchanges[-1].certificate == ("c", "k")
    assert remote.source.basic is None


def test_a_refresh_that_fails_says_so_and_keeps_the_set() -> None:
    provider = Provider(public(A))
    remote = provider.open()
    seen = provider.load(remote)
    provider.document = Reply(500, {}, b"")
    with pytest.raises(ProviderUnavailable):
        provider.stepper.run(remote.refresh(None, None))
    assert remote.keys is seen


def test_a_forgotten_set_is_fetched_anew() -> None:
    provider = Provider(public(A))
    remote = provider.open(period=60)
    provider.load(remote)
    remote.forget()
    assert (remote.keys, remote.previous, remote.due, provider.changes) == (None, None, float("inf"), 2)
    provider.load(remote)
    assert provider.fetches == 2


# Files --------------------------------------------------------------------------------------------


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my keys.json"
    path.write_text(json.dumps(public(A)))
    provider = Provider(None)
    remote = provider.open(source=Source(path.as_uri()))
    assert "%20" in remote.name
    assert kids(provider.load(remote)) == [A.kid]
    assert provider.fetches == 0


def test_an_oct_key_of_a_file_verifies(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(private(OCT)))
    provider = Provider(None)
    remote = provider.open(source=Source((tmp_path / "keys.json").as_uri()))
    assert provider.load(remote).candidates("HS256", OCT.kid)


@pytest.mark.parametrize("name", ["missing.json", "", "pipe", "big.json"])
def test_reads_nothing_but_files_of_a_fair_size(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big.json").write_text(" " * 4000 + json.dumps(public(A)))
    provider = Provider(None)
    remote = provider.open(source=Source(f"{tmp_path.as_uri()}/{name}", max_bytes=4000))
    with pytest.raises(ProviderUnavailable):
        provider.load(remote)


def test_reads_no_file_that_never_ends() -> None:
    provider = Provider(None)
    with pytest.raises(ProviderUnavailable, match="not a regular file"):
        provider.load(provider.open(source=Source("file:///dev/zero")))


# Signing with fetched keys ------------------------------------------------------------------------


def signer(provider: Provider, alg: str) -> tuple[Remote, RemoteSigner]:
    remote = provider.open(source=Source(URL, signing=True))
    return remote, RemoteSigner(remote, alg)


def test_signs_with_the_key_of_its_algorithm() -> None:
    provider = Provider(private(A, RSA))
    _, source = signer(provider, "RS256")
    key = provider.stepper.run(source.ready())
    assert (key.kid, key.can_sign("RS256")) == (RSA.kid, True)
    assert source.key is key
    source.used(provider.clock.now + 60)
    assert source.key is key


def test_signs_with_the_new_key_after_a_reload() -> None:
    provider = Provider(private(A))
    remote, source = signer(provider, "ES256")
    provider.stepper.run(source.ready())
    provider.document = private(B)
    provider.stepper.run(remote.refresh(None, None))
    assert not source.key
    assert provider.stepper.run(source.ready()).kid == B.kid


def test_a_set_without_such_a_key_is_our_own_fault() -> None:
    """Reached, but without a key for the algorithm: 500, after one reload at most per interval."""
    provider = Provider(public(A))
    remote, source = signer(provider, "ES256")
    with pytest.raises(SigningKeyMissing) as caught:
        provider.stepper.run(source.ready())
    assert caught.value.status == 500
    assert provider.fetches == 1, "it was fetched just now"
    provider.clock.now += 30
    provider.document = private(A)
    assert provider.stepper.run(source.ready()).kid == A.kid
    assert remote.keys is not None


def test_a_set_out_of_reach_is_the_provider_s_fault() -> None:
    provider = Provider(TransportError("down"))
    _, source = signer(provider, "ES256")
    with pytest.raises(ProviderUnavailable):
        provider.stepper.run(source.ready())


# Names --------------------------------------------------------------------------------------------


def test_shows_no_secret_of_its_source() -> None:
    source = Source("https://user:geheim@provider.example/jwks?key=geheim#x", ("user", "geheim"), None)
    assert source.place == "https://provider.example/jwks"
    assert "geheim" not in repr(source)


def test_has_an_id_that_lasts_and_tells_sources_apart() -> None:
    provider = Provider(None)
    ids = [provider.open().id, provider.open().id, provider.open(source=Source(URL, verify=False)).id]
    assert ids[0] == ids[1] != ids[2]
    assert provider.open(source=Source(URL, ("u", "p"))).id == ids[0], "no secret goes into it"
