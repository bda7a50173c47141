"""The keyring: from settings to the sets that verify and sign."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import (
    ConfigurationError,
    ProviderUnavailable,
    StoreConflict,
    StoreError,
    StoreUnavailable,
)
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.keys import Keyring
from jwt_signer_mw.flows.lookout import CHECK_INTERVAL
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.remote import Remote
from jwt_signer_mw.jose import generate_key
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.keysets.sealing import Sealing
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.settings import Settings
from stepping import FrozenClock, Stepper

if TYPE_CHECKING:
    from pathlib import Path

    from jwt_signer_mw.keysets.keyset import StoredSet

URL = "https://provider.example/jwks"
OTHER = "https://other.example/jwks"
A, B = generate_key("ES256"), generate_key("ES256")
FAST = {"access_token_signing_algorithm": "ES256", "channel_token_signing_algorithm": "ES256"}
BOTH = FAST | {"channel_token_request_header": "X-In", "channel_token_upstream_header": "X-Out"}


class House:
    """A keyring with its surroundings."""

    def __init__(self, settings: dict[str, Any], store: MemoryStore | None = None) -> None:
        self.settings = Settings.load(FAST | settings)
        self.clock = FrozenClock()
        self.store = MemoryStore() if store is None else store
        self.keyring = Keyring(self.settings, self.store, Clock.of(self.clock))
        self.documents: dict[str, Any] = {URL: {"keys": [A.public_jwk()]}, OTHER: {"keys": [B.private_jwk()]}}
        self.stepper = Stepper(answer=self._answer)

    def _answer(self, exchange: Exchange) -> Reply:
        return Reply(200, {}, json.dumps(self.documents[exchange.url]).encode())

    def prepare(self) -> House:
        self.stepper.run(self.keyring.prepare())
        return self

    def maintain(self, later: float = 0) -> None:
        self.clock.now += later
        if self.clock.now >= self.keyring.due:
            self.stepper.run(self.keyring.maintain())

    @property
    def named(self) -> list[Named]:
        return [keys for keys in self.keyring.sets() if isinstance(keys, Named)]

    @property
    def remotes(self) -> list[Remote]:
        return [keys for keys in self.keyring.sets() if isinstance(keys, Remote)]


# What the settings ask for ------------------------------------------------------------------------


def test_the_default_is_one_set_called_kong() -> None:
    house = House({}).prepare()
    (kong,) = house.keyring.sets()
    assert isinstance(kong, Named)
    assert kong.name == "kong"
    assert kong.algorithms == {"ES256"}
    access, channel = house.settings.access_token, house.settings.channel_token
    assert house.keyring.verification(access) is None
    assert house.keyring.verification(channel) is None
    signing = house.keyring.signing(access)
    assert signing.key is kong.signers["ES256"]


def test_tokens_share_a_set_and_its_algorithms_come_together() -> None:
    house = House(BOTH | {"channel_token_signing_algorithm": "ES384"}).prepare()
    assert [named.algorithms for named in house.named] == [{"ES256", "ES384"}]
    stored = house.store.load("kong")
    assert stored is not None
    assert stored.algorithms == {"ES256", "ES384"}
    assert stored.version == 1
    keys = [
        house.keyring.signing(token).key
        for token in (house.settings.access_token, house.settings.channel_token)
    ]
    assert [key.alg for key in keys if key is not None] == ["ES256", "ES384"]


def test_tokens_may_have_sets_of_their_own() -> None:
    house = House(BOTH | {"channel_token_keyset": "channel"}).prepare()
    assert [named.name for named in house.named] == ["kong", "channel"]
    assert house.store.names() == ("channel", "kong")


@pytest.mark.parametrize(
    "off",
    [
        {"access_token_signing": False},
        {"access_token_upstream_header": None},
        {"access_token_upstream_header": ""},
    ],
)
def test_nothing_is_made_for_a_token_that_is_not_signed(off: dict[str, Any]) -> None:
    house = House(off).prepare()
    assert house.keyring.sets() == ()
    assert house.store.names() == ()
    assert house.keyring.due == inf


def test_equal_sources_share_one_set() -> None:
    house = House(BOTH | {"access_token_jwks_uri": URL, "channel_token_jwks_uri": URL})
    access, channel = house.settings.access_token, house.settings.channel_token
    assert house.keyring.verification(access) is house.keyring.verification(channel)
    assert len(house.remotes) == 1


@pytest.mark.parametrize(
    "difference",
    [
        {"channel_token_jwks_uri": OTHER},
        {"channel_token_endpoints_ssl_verify": False},
        {"channel_token_jwks_uri_client_username": "u", "channel_token_jwks_uri_client_password": "p"},
        {"channel_token_jwks_uri_client_certificate": {"cert": "c.pem", "key": "k.pem"}},
    ],
)
def test_other_sources_do_not(difference: dict[str, Any]) -> None:
    house = House(BOTH | {"access_token_jwks_uri": URL, "channel_token_jwks_uri": URL} | difference)
    assert len(house.remotes) == 2


def test_a_url_that_verifies_is_not_the_set_that_signs() -> None:
    """One must not see private halves, the other needs them."""
    house = House({"access_token_jwks_uri": OTHER, "access_token_keyset": OTHER})
    assert [remote.source.signing for remote in house.remotes] == [False, True]
    assert len({remote.id for remote in house.remotes}) == 2


def test_asks_a_provider_as_the_settings_say() -> None:
    house = House(
        {
            "access_token_jwks_uri": URL,
            "access_token_jwks_uri_client_username": "u",
            "access_token_jwks_uri_client_password": "p",
            "access_token_jwks_uri_client_certificate": {"cert": "c.pem", "key": "k.pem"},
            "access_token_endpoints_ssl_verify": False,
            "http_timeout": 1500,
            "max_response_bytes": 4321,
        }
    )
    remote = house.keyring.verification(house.settings.access_token)
    assert remote is not None
    house.stepper.run(remote.load())
    (exchange,) = house.stepper.exchanges
    assert (exchange.basic, exchange.certificate) == (("u", "p"), ("c.pem", "k.pem"))
    assert (exchange.verify, exchange.timeout, exchange.max_bytes) == (False, 1.5, 4321)


def test_the_shorter_period_of_two_counts() -> None:
    periods = {"access_token_jwks_uri_rotate_period": 0, "channel_token_jwks_uri_rotate_period": 70}
    house = House(BOTH | {"access_token_jwks_uri": URL, "channel_token_jwks_uri": URL} | periods)
    house.stepper.run(house.remotes[0].load())
    assert house.remotes[0].due == house.clock.now + 70
    house = House(
        BOTH | {"access_token_keyset_rotate_period": 90, "channel_token_keyset_rotate_period": 60}
    ).prepare()
    house.maintain(61)
    stored = house.store.load("kong")
    assert stored is not None
    assert stored.version == 2


# Building -----------------------------------------------------------------------------------------


def test_no_provider_is_asked_while_building() -> None:
    house = House({"access_token_jwks_uri": URL, "access_token_keyset": OTHER}).prepare()
    assert house.stepper.exchanges == []
    key = house.stepper.run(house.keyring.signing(house.settings.access_token).ready())
    assert key.kid == B.kid


def test_a_signing_file_is_read_while_building(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(B.private_jwk()))
    uri = (tmp_path / "keys.json").as_uri()
    house = House({"access_token_keyset": uri}).prepare()
    assert house.remotes[0].keys is not None


def test_a_signing_file_that_is_not_there_yet_is_read_when_it_is(tmp_path: Path) -> None:
    uri = (tmp_path / "keys.json").as_uri()
    house = House({"access_token_keyset": uri}).prepare()
    (tmp_path / "keys.json").write_text(json.dumps(B.private_jwk()))
    key = house.stepper.run(house.keyring.signing(house.settings.access_token).ready())
    assert key.kid == B.kid


class Down(MemoryStore):
    down = True

    def load(self, name: str) -> StoredSet | None:
        if self.down:
            raise StoreError("down")
        return super().load(name)


def test_a_store_that_is_down_stops_no_build(caplog: pytest.LogCaptureFixture) -> None:
    store = Down()
    house = House({}, store).prepare()
    assert "'kong' is not ready" in caplog.text
    signing = house.keyring.signing(house.settings.access_token)
    assert [signing.key] == [None]
    with pytest.raises(StoreUnavailable):
        house.stepper.run(signing.ready())
    store.down = False
    house.clock.now += CHECK_INTERVAL
    assert house.stepper.run(signing.ready()) is signing.key
    assert house.keyring.due == house.clock.now + CHECK_INTERVAL


def test_keys_that_cannot_be_read_stop_the_build() -> None:
    """They must be neither replaced nor worked around."""
    store = MemoryStore(Sealing([Fernet.generate_key().decode()]))
    House({}, store).prepare()
    before = dict(store._sets)
    store._sealing = Sealing()
    with pytest.raises(ConfigurationError) as caught:
        House({}, store).prepare()
    (found,) = caught.value.problems
    assert (found.id, found.option) == ("keysets.E004", "keyset_encryption_keys")
    assert store._sets == before


# Epoch and due ------------------------------------------------------------------------------------


def test_the_epoch_tells_every_change_of_keys() -> None:
    house = House({"access_token_jwks_uri": URL}).prepare()
    keyring, (kong,), (remote,) = house.keyring, house.named, house.remotes
    epochs = [keyring.epoch]

    def changed() -> bool:
        epochs.append(keyring.epoch)
        return epochs[-1] not in epochs[:-1]

    house.stepper.run(remote.load())
    assert not changed(), "a first load takes nothing away"
    house.stepper.run(remote.refresh(None, None))
    assert not changed(), "the same document"
    house.documents[URL] = {"keys": [B.public_jwk()]}
    house.stepper.run(remote.refresh(None, None))
    assert changed()
    house.maintain(CHECK_INTERVAL)
    assert not changed(), "nothing new in the store"
    house.stepper.run(kong.rotate())
    assert changed()
    house.stepper.run(kong.delete())
    assert changed()
    house.stepper.run(house.keyring.signing(house.settings.access_token).ready())
    assert changed()
    remote.forget()
    assert changed()


def test_the_epoch_tells_what_another_worker_did() -> None:
    house = House({}).prepare()
    other = House({}, house.store).prepare()
    other.stepper.run(other.named[0].rotate())
    before = house.keyring.epoch
    house.maintain(CHECK_INTERVAL)
    assert house.keyring.epoch != before
    assert house.named[0].signers["ES256"].kid == other.named[0].signers["ES256"].kid


def test_due_is_the_first_of_all() -> None:
    house = House({"access_token_jwks_uri": URL, "access_token_jwks_uri_rotate_period": 0.5}).prepare()
    assert house.keyring.due == house.clock.now + CHECK_INTERVAL
    house.stepper.run(house.remotes[0].load())
    assert house.keyring.due == house.clock.now + 0.5
    house.maintain(0.5)
    assert len(house.stepper.exchanges) == 2
    assert house.keyring.due == house.clock.now + 0.5


def test_nothing_is_due_without_anything_to_watch() -> None:
    house = House({"access_token_jwks_uri": URL, "access_token_signing": False}).prepare()
    house.stepper.run(house.remotes[0].load())
    assert house.keyring.due == inf


def test_one_request_maintains_and_the_others_go_on() -> None:
    house = House({"access_token_jwks_uri": URL, "access_token_jwks_uri_rotate_period": 60}).prepare()
    house.stepper.run(house.remotes[0].load())
    house.clock.now += 59.5
    house.stepper.run(house.keyring.maintain())  # of an idle worker all requests would wait for our own set
    house.clock.now += 0.5
    flow = house.keyring.maintain()
    next(flow)
    assert house.keyring.due > house.clock.now
    flow.close()
    assert house.keyring.due < inf, "a request that is cut off leaves no hole in the schedule"
    house.maintain(60)
    assert len(house.stepper.exchanges) == 2


def test_maintaining_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House({"access_token_keyset_rotate_period": 60, "access_token_jwks_uri": URL}).prepare()

    def lose(stored: StoredSet, expected: int | None) -> None:
        raise StoreConflict("another was first")

    monkeypatch.setattr(house.store, "save", lose)
    house.maintain(61)
    assert house.named[0].signers["ES256"].alg == "ES256"


def test_a_provider_that_is_down_is_a_503() -> None:
    house = House({"access_token_jwks_uri": URL})
    house.documents[URL] = "no key set"
    remote = house.keyring.verification(house.settings.access_token)
    assert remote is not None
    with pytest.raises(ProviderUnavailable):
        house.stepper.run(remote.load())


def test_sets_survive_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keysets.sqlite3"
    kids = set()
    for _ in range(2):
        house = House({})
        house.keyring = Keyring(house.settings, open_store(url), Clock.of(house.clock))
        house.prepare()
        kids.add(house.named[0].signers["ES256"].kid)
    assert len(kids) == 1
