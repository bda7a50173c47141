"""The verifier for the services behind us, on the tokens and the key set endpoint of a real gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.errors import (
    AlgorithmNotAllowed,
    AudienceNotAllowed,
    ClaimMissing,
    ConfigurationError,
    IssuerNotAllowed,
    KeyUnknown,
    ProviderUnavailable,
    Refusal,
    SignatureInvalid,
    StoreUnavailable,
    TokenExpired,
    TokenMalformed,
    TokenMissing,
    TokenNotYetValid,
    TokenTooLarge,
)
from jwt_signer_mw.flows.documents import fresh_for
from jwt_signer_mw.verifier import Verifier
from stepping import FrozenClock
from upstreams import ALGORITHM, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AGE = 3000.0  # seconds after which the document of a set may be kept for the whole 300


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def gateway(tmp_path: Path, clock: FrozenClock) -> Iterator[Gateway]:
    opened = Gateway(tmp_path, clock)
    yield opened
    opened.close()


def verifier_of(gateway: Gateway, **options: Any) -> Verifier:
    given = {"issuer": "kong", "algorithms": [ALGORITHM], "clock": gateway.now, **options}
    return Verifier(given.pop("jwks", gateway.jwks), **given)


# What is accepted and what is not -----------------------------------------------------------------


def test_gives_the_claims(gateway: Gateway) -> None:
    claims = verifier_of(gateway).verify(gateway.token(sub="ada", scope="read"))
    assert (claims["sub"], claims["scope"], claims["iss"]) == ("ada", "read", "kong")


def test_gives_them_on_an_event_loop_too(gateway: Gateway) -> None:
    verifier, tokens = verifier_of(gateway), [gateway.token(sub=f"s{n}") for n in range(20)]

    async def verify_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*map(verifier.averify, tokens))

    assert [claims["sub"] for claims in asyncio.run(verify_all())] == [f"s{n}" for n in range(20)]
    assert gateway.fetches == 1
    header = f"Bearer {tokens[0]}"
    assert asyncio.run(verifier.averify_header(header)) == verifier.verify_header(header)
    assert gateway.fetches == 1, "both ways share the keys"


@pytest.mark.parametrize(
    "options, claims, refusal",
    [
        ({"issuer": "other"}, {}, IssuerNotAllowed),
        ({"issuer": ["other", "kong"]}, {}, None),
        ({"audience": "orders"}, {}, AudienceNotAllowed),
        ({"audience": "orders"}, {"aud": "stock"}, AudienceNotAllowed),
        ({"audience": ("orders", "stock")}, {"aud": ["stock", "x"]}, None),
        ({}, {"aud": "anything"}, None),
        ({}, {"nbf": 1_800_000_100}, TokenNotYetValid),
        ({"leeway": 100}, {"nbf": 1_800_000_100}, None),
        ({"algorithms": "RS256"}, {}, AlgorithmNotAllowed),
    ],
)
def test_checks_what_it_is_told(
    gateway: Gateway, options: dict[str, Any], claims: dict[str, Any], refusal: type[Refusal] | None
) -> None:
    verifier, token = verifier_of(gateway, **options), gateway.token(**claims)
    if refusal is None:
        assert verifier.verify(token)["iss"] == "kong"
    else:
        with pytest.raises(refusal):
            verifier.verify(token)


def test_a_token_ends_with_its_expiry_and_the_leeway(gateway: Gateway, clock: FrozenClock) -> None:
    token = gateway.token(exp=int(clock.now) + 60)
    strict, lax = verifier_of(gateway), verifier_of(gateway, leeway=5)
    clock.now += 59.9
    assert strict.verify(token)
    clock.now += 0.1
    with pytest.raises(TokenExpired):
        strict.verify(token)
    assert lax.verify(token)
    clock.now += 5
    with pytest.raises(TokenExpired):
        lax.verify(token)


def test_a_token_without_expiry_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ClaimMissing):
        verifier_of(gateway).verify(gateway.signed({"iss": "kong"}))


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"iss":"kong","iss":"kong"}', b"\xff"])
def test_a_payload_that_is_no_object_is_refused(gateway: Gateway, payload: bytes) -> None:
    with pytest.raises(TokenMalformed):
        verifier_of(gateway).verify(gateway.signed(payload))


def test_what_is_no_good_token_is_refused(gateway: Gateway) -> None:
    verifier, token = verifier_of(gateway), gateway.token()
    head, body, signature = token.split(".")
    flipped = "A" if signature[0] != "A" else "B"
    with pytest.raises(SignatureInvalid):
        verifier.verify(f"{head}.{body}.{flipped}{signature[1:]}")
    for text in ("", "opaque", f"{head}.{body}", f"{head}.{body}.", f"{token}.x"):
        with pytest.raises(TokenMalformed):
            verifier.verify(text)
    with pytest.raises(TokenTooLarge):
        verifier.verify("a" * 20_000)
    with pytest.raises(KeyUnknown):
        verifier.verify(gateway.forged(iss="kong"))


@pytest.mark.parametrize(
    "header, refusal",
    [
        (None, TokenMissing),
        ("Basic YTpi", TokenMissing),
        ("Bearer", TokenMalformed),
        ("Bearer a, Bearer b", TokenMalformed),
        ("Bearer  x", TokenMalformed),
    ],
)
def test_reads_a_bearer_header(gateway: Gateway, header: str | None, refusal: type[Refusal]) -> None:
    verifier = verifier_of(gateway)
    assert verifier.verify_header(f"bearer {gateway.token(sub='ada')}")["sub"] == "ada"
    with pytest.raises(refusal) as caught:
        verifier.verify_header(header)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": ""},
        {"issuer": []},
        {"audience": []},
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"jwks": "kong"},
        {"jwks": "https://user:secret@gateway.example/jwks"},
        {"jwks": "nonsense://x"},
        {"jwks": "redis://h/x?db=y"},
    ],
)
def test_refuses_options_that_make_no_sense(gateway: Gateway, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        verifier_of(gateway, **options)
    assert "secret" not in str(caught.value)


# Keys in memory -----------------------------------------------------------------------------------


def test_keys_are_kept_as_long_as_the_document_says(gateway: Gateway, clock: FrozenClock) -> None:
    clock.now += 1000  # so a copy may be kept for a hundred seconds
    verifier = verifier_of(gateway)
    for later in (0, 50, 49.9):
        clock.now += later
        verifier.verify(gateway.token())
    assert gateway.fetches == 1
    clock.now += 0.1
    verifier.verify(gateway.token())
    assert gateway.fetches == 2


def test_no_longer_than_it_is_told(gateway: Gateway, clock: FrozenClock) -> None:
    clock.now += AGE
    verifier = verifier_of(gateway, max_age=10)
    for later in (0, 9.9, 0.1):
        clock.now += later
        verifier.verify(gateway.token())
    assert gateway.fetches == 2


def test_a_document_that_may_not_be_kept_is_fetched_once_a_second(
    gateway: Gateway, clock: FrozenClock
) -> None:
    """Just after a change."""
    verifier, tokens = verifier_of(gateway), [gateway.token(sub=str(n)) for n in range(10)]
    for token in tokens:
        verifier.verify(token)
    assert gateway.fetches == 1
    clock.now += 1
    for token in tokens:
        verifier.verify(token)
    assert gateway.fetches == 2


def test_a_rotation_each_second_stops_no_request(gateway: Gateway, clock: FrozenClock) -> None:
    verifier, seen = verifier_of(gateway), set[str]()
    for n in range(30):
        verifier.verify(gateway.token(sub=str(n)))
        gateway.rotate()
        verifier.verify(gateway.token(sub=f"{n} later"))
        seen.add(gateway.kong.signers[ALGORITHM].kid or "")
        clock.now += 1
    assert len(seen) > 20, "the keys that sign did change"


def test_a_key_that_was_revoked_is_gone_when_the_copy_is_stale(gateway: Gateway, clock: FrozenClock) -> None:
    clock.now += AGE
    verifier, token = verifier_of(gateway), gateway.token(exp=int(clock.now) + 3600)
    verifier.verify(token)
    gateway.revoke(gateway.kong.signers[ALGORITHM].kid or "")
    clock.now += 299
    assert verifier.verify(token)
    clock.now += 1
    with pytest.raises(KeyUnknown):
        verifier.verify(token)


def test_made_up_kids_fetch_nothing_while_keys_are_fresh(gateway: Gateway, clock: FrozenClock) -> None:
    clock.now += AGE
    verifier = verifier_of(gateway, reload_interval=30)
    verifier.verify(gateway.token())
    for n in range(50):
        with pytest.raises(KeyUnknown):
            verifier.verify(gateway.forged(f"made-up-{n}"))
    assert gateway.fetches == 2, "the first one made it look"
    clock.now += 30
    for n in range(50):
        with pytest.raises(KeyUnknown):
            verifier.verify(gateway.forged(f"again-{n}"))
    assert gateway.fetches == 3


def test_made_up_kids_fetch_once_a_second_at_most(gateway: Gateway, clock: FrozenClock) -> None:
    verifier = verifier_of(gateway)
    for _ in range(20):
        clock.now += 0.1
        with pytest.raises(KeyUnknown):
            verifier.verify(gateway.forged())
    assert gateway.fetches <= 3


def test_a_gateway_that_is_down_stops_no_known_key(
    gateway: Gateway, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = verifier_of(gateway)
    verifier.verify(gateway.token())
    gateway.down = True
    clock.now += 100
    assert verifier.verify(gateway.token(sub="ada"))["sub"] == "ada"
    assert "not loaded" in caplog.text
    asked = gateway.fetches
    for _ in range(20):
        verifier.verify(gateway.token())
        with pytest.raises(KeyUnknown):
            verifier.verify(gateway.forged())
    assert gateway.fetches <= asked + 1
    gateway.down = False
    gateway.rotate()
    gateway.rotate()
    clock.now += 1
    assert verifier.verify(gateway.token(sub="bob"))["sub"] == "bob"


def test_without_any_keys_it_is_503(gateway: Gateway, clock: FrozenClock) -> None:
    verifier, token = verifier_of(gateway), gateway.token()
    gateway.down = True
    for _ in range(10):
        with pytest.raises(ProviderUnavailable) as caught:
            verifier.verify(token)
        assert caught.value.status == 503
    assert gateway.fetches == 1
    gateway.down = False
    clock.now += 30
    assert verifier.verify(gateway.token())


def test_many_threads_fetch_once(gateway: Gateway) -> None:
    verifier, token, gate = verifier_of(gateway), gateway.token(), threading.Barrier(16)
    claims: list[dict[str, Any]] = []

    def run() -> None:
        gate.wait()
        claims.append(verifier.verify(token))

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 16
    assert gateway.fetches == 1


FORKING = """
import os, sys
from jwt_signer_mw.verifier import Verifier
verifier = Verifier(sys.argv[1], issuer="kong", algorithms=["ES256"])
verifier.verify(sys.argv[2])
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if verifier.verify(sys.argv[2])["sub"] == "ada" else 1)
    assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_survives_a_fork(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    command = [sys.executable, "-W", "error", "-c", FORKING, gateway.jwks, gateway.token(sub="ada")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    gateway.close()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"cache-control": "public, max-age=60"}, 60),
        ({"cache-control": "Max-Age = 60"}, 60),
        ({"cache-control": 'max-age="60"'}, 60),
        ({"cache-control": "max-age=60", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "age": "80"}, 0),
        ({"cache-control": "max-age=60, no-cache"}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "public"}, None),
        ({"cache-control": "s-maxage=10, private"}, None),
        ({"cache-control": "max-age=soon"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=60", "age": "old"}, 0),
        ({"cache-control": "max-age=" + "9" * 5000}, 31_536_000),
    ],
)
def test_reads_cache_control(headers: dict[str, str], seconds: float | None) -> None:
    assert fresh_for(headers) == seconds


# Other places -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [lambda flow: flow, asyncio.run], ids=["blocking", "asynchronous"])
def test_reads_a_store(gateway: Gateway, clock: FrozenClock, run: Callable[..., Any]) -> None:
    verifier = verifier_of(gateway, jwks=gateway.store)
    verify = verifier.verify if run is not asyncio.run else verifier.averify
    for n in range(5):
        assert run(verify(gateway.token(sub=str(n))))["sub"] == str(n)
        gateway.rotate()
        clock.now += 1
    with pytest.raises(KeyUnknown):
        run(verify(gateway.forged()))
    assert gateway.fetches == 0


def test_a_store_without_the_set_is_503_and_stays_without(gateway: Gateway) -> None:
    verifier = verifier_of(gateway, jwks=gateway.store, keyset="nobody")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            verifier.verify(gateway.token())
    assert len(gateway.stored_kids()) == 2
    with pytest.raises(StoreUnavailable):
        verifier_of(gateway, jwks="redis://127.0.0.1:1/0").verify(gateway.token())


def test_reads_a_file(gateway: Gateway, tmp_path: Path) -> None:
    import requests

    file = tmp_path / "keys.json"
    file.write_bytes(requests.get(gateway.jwks, timeout=5).content)
    assert verifier_of(gateway, jwks=file.as_uri()).verify(gateway.token(sub="ada"))["sub"] == "ada"
    with pytest.raises(ProviderUnavailable):
        verifier_of(gateway, jwks=f"{file.as_uri()}x").verify(gateway.token())
