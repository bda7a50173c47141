"""Key sets in a project's database: what every store promises, transactions, several databases, a gateway."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from parts import require, require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from django.core.management import call_command  # noqa: E402
from django.db import Error, connections, transaction  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from django_jwt_signer.connections import none_left_open  # noqa: E402
from django_jwt_signer.gate import current_gate  # noqa: E402
from django_jwt_signer.models import Keyset  # noqa: E402
from django_jwt_signer.signals import keyset_rotated  # noqa: E402
from django_jwt_signer.stores import ModelStore, TellingStore  # noqa: E402
from django_jwt_signer.test import SigningClient, trust_issuer  # noqa: E402
from django_jwt_signer.views import endpoint  # noqa: E402
from django_project.settings_databases import POSTGRESQL, SCHEMA  # noqa: E402
from jwt_signer_mw.clock import Clock  # noqa: E402
from jwt_signer_mw.drivers.blocking import BlockingDriver  # noqa: E402
from jwt_signer_mw.drivers.transport import RequestsTransport  # noqa: E402
from jwt_signer_mw.errors import StoreConflict, StoreError  # noqa: E402
from jwt_signer_mw.flows.named import Named  # noqa: E402
from jwt_signer_mw.keysets.sealing import Sealing  # noqa: E402
from jwt_signer_mw.keysets.store import open_store  # noqa: E402
from stores import name, some_set  # noqa: E402
from test_stores import (  # noqa: E402
    test_creates_a_set_only_once,
    test_gives_back_what_was_saved,
    test_keeps_a_deletion_on_record,
    test_keeps_a_large_set,
    test_knows_nothing_of_an_unknown_name,
    test_makes_a_deleted_set_anew,
    test_replaces_no_other_set_of_the_same_name,
    test_replaces_only_the_expected_version,
    test_saves_no_version_of_what_is_not_there,
    test_tells_names_apart_by_case_and_accent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "name",
    "test_creates_a_set_only_once",
    "test_gives_back_what_was_saved",
    "test_keeps_a_deletion_on_record",
    "test_keeps_a_large_set",
    "test_knows_nothing_of_an_unknown_name",
    "test_makes_a_deleted_set_anew",
    "test_replaces_no_other_set_of_the_same_name",
    "test_replaces_only_the_expected_version",
    "test_saves_no_version_of_what_is_not_there",
    "test_tells_names_apart_by_case_and_accent",
]


class DjangoPlace:
    """A database of the project; see `stores.Place`."""

    kind = "django"

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def open(self, *encryption_keys: str) -> ModelStore:
        return ModelStore(self.alias, Sealing(encryption_keys))


@pytest.fixture(scope="module", autouse=True)
def _databases() -> Iterator[None]:
    for alias in ("keys", "atomic"):
        call_command("migrate", database=alias, verbosity=0)
    yield
    connections.close_all()


@pytest.fixture(scope="module")
def _postgresql() -> Iterator[None]:
    connection = connections["postgresql"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {SCHEMA}")
    except Error as error:
        require(False, f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
    call_command("migrate", database="postgresql", verbosity=0)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    connection.close()


@pytest.fixture(params=["keys", "postgresql"])
def place(request: pytest.FixtureRequest) -> DjangoPlace:
    if request.param == "postgresql":
        request.getfixturevalue("_postgresql")
    return DjangoPlace(request.param)


def raw(place: DjangoPlace, name: str) -> str:
    return Keyset.objects.using(place.alias).get(name=name).document


def test_one_of_many_wins(place: DjangoPlace, name: str) -> None:
    candidates = [some_set(name, 2000.0 + n) for n in range(6)]
    gate, won, failed = threading.Barrier(len(candidates)), list[Any](), list[Exception]()

    def compete(candidate: Any) -> None:
        try:
            gate.wait()
            place.open().save(candidate, None)
            won.append(candidate)
        except StoreConflict:
            pass
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=compete, args=(candidate,)) for candidate in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(won) == 1
    assert place.open().load(name) == won[0]


def test_seals_what_is_secret(place: DjangoPlace, name: str) -> None:
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode()
    place.open(key).save(some_set(name), None)
    assert "secret" not in raw(place, name)
    assert place.open(key).load(name) == some_set(name) or place.open(key).load(name) is not None


@contextmanager
def rolled_back(alias: str) -> Iterator[Any]:
    around: Any = transaction.atomic(using=alias)
    with around:
        yield around
        transaction.set_rollback(True, using=alias)


class TestTransactions:
    @pytest.mark.usefixtures("_postgresql")
    @pytest.mark.parametrize("written", [False, True])
    def test_a_rollback_takes_nothing_back(self, name: str, written: bool) -> None:
        """As under `ATOMIC_REQUESTS`; the transaction may have written by then, to the same table too."""
        store, other, stored = ModelStore("postgresql", Sealing()), f"{name}-2", some_set(name)
        with rolled_back("postgresql"):
            if written:
                values = {"identity": "x", "version": 1, "document": "{}", "updated_at": 1}
                Keyset.objects.using("postgresql").create(name=other, **values)
            store.save(stored, None)
        assert store.load(name) == stored
        assert store.version(other) is None

    @pytest.mark.usefixtures("_postgresql")
    def test_an_aborted_transaction_is_no_obstacle(self, name: str) -> None:
        store = ModelStore("postgresql", Sealing())
        with rolled_back("postgresql"):
            with connections["postgresql"].cursor() as cursor, pytest.raises(Error):
                cursor.execute("SELECT nothing FROM nowhere")
            store.save(some_set(name), None)
            with pytest.raises(Error):
                Keyset.objects.using("postgresql").count()
        assert store.load(name) is not None

    @pytest.mark.usefixtures("_postgresql")
    def test_an_error_of_ours_spoils_no_transaction(self) -> None:
        store = ModelStore("postgresql", Sealing())
        with transaction.atomic(using="postgresql"):
            Keyset.objects.using("postgresql").count()
            with pytest.raises(StoreConflict):
                store.save(some_set("not-there"), 7)
            Keyset.objects.using("postgresql").count()

    def test_sqlite_fails_rather_than_lose_a_set(self, name: str) -> None:
        store = ModelStore("atomic", Sealing())
        values = {"identity": "x", "version": 1, "document": "{}", "updated_at": 1}
        with rolled_back("atomic"):
            Keyset.objects.using("atomic").create(name=f"{name}-2", **values)
            with pytest.raises(StoreError, match="locked"):
                store.save(some_set(name), None)
        assert store.load(name) is None

    def test_the_transaction_of_a_test_case_is_not_left(self, name: str) -> None:
        """Else nothing that a test saves would be gone after it."""
        store = ModelStore("keys", Sealing())
        with rolled_back("keys") as around:
            around._from_testcase = True
            store.save(some_set(name), None)
            assert store.load(name) is not None
        assert store.load(name) is None

    @pytest.mark.parametrize("alias", ["atomic", "postgresql"])
    def test_a_rotation_by_request_under_atomic_requests(
        self, alias: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The endpoints run in no transaction, whatever the database."""
        monkeypatch.setitem(connections.settings[alias], "ATOMIC_REQUESTS", True)
        assert set(connections) == endpoint._non_atomic_requests  # type: ignore[attr-defined]
        if alias == "postgresql":
            request.getfixturevalue("_postgresql")
        options = {
            "keyset_store": f"django://{alias}",
            "admin_token": "a-secret-of-the-tests-0123456789",
            "access_token_signing_algorithm": "ES256",
            "channel_token_optional": True,
        }
        with override_settings(JWT_SIGNER=options):
            client = SigningClient()
            headers = {"Authorization": f"Bearer {options['admin_token']}"}
            answer = client.generic("POST", "/jwt-signer/jwks/kong/rotate", claims=None, headers=headers)
            assert answer.status_code == 200, answer.content
            shown = client.get("/jwt-signer/jwks/kong", claims=None).json()
        stored = ModelStore(alias, Sealing()).load("kong")
        assert stored is not None
        assert {key.kid for key in stored.keys} == {key["kid"] for key in shown["keys"]}
        assert len(shown["previous"]) == 1


class TestDatabases:
    def test_the_default_is_where_the_routers_write(self, name: str) -> None:
        store = ModelStore(None, Sealing())
        with override_settings(DATABASE_ROUTERS=[ToKeys()]):
            store.save(some_set(name), None)
            assert store.load(name) is not None
        assert store.load(name) is None
        assert ModelStore("keys", Sealing()).load(name) is not None

    def test_reads_where_it_writes(self, name: str) -> None:
        with override_settings(DATABASE_ROUTERS=[ToKeys()]):
            store = ModelStore(None, Sealing())
            with CaptureQueriesContext(connections["default"]) as replica:
                store.load(name)
                store.version(name)
                store.names()
        assert len(replica) == 0

    @pytest.mark.usefixtures("_postgresql")
    def test_a_gateway_shares_the_table(self, name: str) -> None:
        """`jwt_signer_mw.keysets.sql` reads what the ORM wrote, and the other way round."""
        gateway = open_store(f"{POSTGRESQL}?options=-csearch_path%3D{SCHEMA}")
        ours, stored = ModelStore("postgresql", Sealing()), some_set(name)
        ours.save(stored, None)
        assert gateway.load(name) == stored
        gateway.delete(name)
        assert ours.load(name) is None
        assert ours.version(name) == gateway.version(name)
        gateway.save(some_set(name, 3000.0), None)
        assert ours.load(name) == gateway.load(name) is not None


class ToKeys:
    """A router: reads go to a replica, writes to the database of keys."""

    def db_for_read(self, _model: Any, **_hints: Any) -> str:
        return "default"

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        return "keys"


ORM = {"access_token_jwks_uri": "https://issuer.example/jwks", "channel_token_optional": True}


class TestBeforeMigrations:
    """A project whose tables are not there yet starts, and works as soon as they are."""

    @pytest.fixture
    def _without_table(self) -> Iterator[None]:
        call_command("migrate", "jwt_signer", "zero", database="keys", verbosity=0)
        yield
        call_command("migrate", database="keys", verbosity=0)

    @pytest.mark.usefixtures("_without_table")
    def test_the_first_request_tries_again(self, caplog: pytest.LogCaptureFixture) -> None:
        clock = [1_800_000_000.0]
        options = {**ORM, "keyset_store": "django://keys", "access_token_signing_algorithm": "ES256"}
        with (
            trust_issuer() as issuer,
            override_settings(
                JWT_SIGNER={
                    **options,
                    "transport": issuer,
                    "clock": lambda: clock[0],
                    "access_token_jwks_uri": JWKS,
                }
            ),
        ):
            issuer._now = lambda: clock[0]
            current_gate()
            assert "no such table" in caplog.text
            client = SigningClient()
            refused = client.get("/plain")
            assert (refused.status_code, refused["Retry-After"]) == (503, "1")
            call_command("check", verbosity=0)
            call_command("migrate", database="keys", verbosity=0)
            clock[0] += 2
            assert client.get("/plain").status_code == 200


JWKS = "https://issuer.invalid/jwks"


def test_a_connection_that_the_start_opened_is_closed() -> None:
    """Else forked workers would share it."""
    connections["keys"].close()
    with override_settings(JWT_SIGNER={**ORM, "keyset_store": "django://keys"}):
        current_gate()
    assert connections["keys"].connection is None


@pytest.mark.usefixtures("_postgresql")
def test_a_pool_that_the_start_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django 5.1 and newer: its threads would not be there in forked workers."""
    require_module("psycopg_pool")
    connection: Any = connections["postgresql"]
    if not hasattr(connection, "close_pool"):
        pytest.skip("this Django has no connection pools")
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", True)
    with none_left_open():
        Keyset.objects.using("postgresql").count()
        assert "postgresql" in connection._connection_pools
    assert "postgresql" not in connection._connection_pools


def test_a_rotation_is_told(name: str) -> None:
    heard: list[Any] = []

    def receiver(**told: Any) -> None:
        heard.append(told)

    keyset_rotated.connect(receiver)
    try:
        store = TellingStore(ModelStore("keys", Sealing()))
        named = Named(name, store, Clock(), algorithms=["ES256"])
        driver = BlockingDriver(RequestsTransport())
        driver.run(named.prepare())
        assert heard == []
        stored = driver.run(named.rotate())
        driver.run(named.revoke(stored.generation("previous")[0].kid))
    finally:
        keyset_rotated.disconnect(receiver)
    assert [(told["name"], told["stored"], told["sender"]) for told in heard] == [(name, stored, ModelStore)]
