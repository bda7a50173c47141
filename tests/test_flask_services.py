"""Stores, caches and consumers that an application has already."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import sqlite3
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from parts import require_module

require_module("flask", "flask_caching", "flask_login", "flask_sqlalchemy")

from flask import Flask, request
from flask_caching import Cache
from flask_login import LoginManager, current_user, login_required  # type: ignore[import-untyped]
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.record_queries import get_recorded_queries

from flask_app import ISSUER, SETTINGS, bearer, is_refused
from flask_jwt_signer import JWTSigner, current_consumer, current_identity
from flask_jwt_signer.gate import gate_of
from flask_jwt_signer.services import open_backend
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.keysets.sql import SQLStore
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.testing import INTROSPECTION
from stores import Place, open_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.flows.commands import Exchange, Reply

NO_STORE = {name: value for name, value in SETTINGS.items() if name != "keyset_store"}
OPAQUE = SETTINGS | {"access_token_jwks_uri": None, "access_token_introspection_endpoint": INTROSPECTION}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask(__name__, instance_path=str(tmp_path / "instance"))


def store_of(app: Flask) -> object:
    return gate_of(app).policies["default"].assembly.keyset_store


def cache_of(app: Flask) -> object:
    return gate_of(app).policies["default"].settings.cache


def tables(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


class TestStore:
    def test_a_private_file_in_the_instance_folder(self, app: Flask, tmp_path: Path) -> None:
        JWTSigner(app, transport=ISSUER, **NO_STORE)
        file = tmp_path / "instance" / "jwt-signer.sqlite3"
        assert "jwt_signer_keysets" in tables(file)
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("name", ["with blanks", "a%20b", "what?really=1#", "naïve"])
    def test_whatever_the_folder_is_called(self, tmp_path: Path, name: str) -> None:
        app = Flask(__name__, instance_path=str(tmp_path / name))
        JWTSigner(app, transport=ISSUER, **NO_STORE)
        assert "jwt_signer_keysets" in tables(tmp_path / name / "jwt-signer.sqlite3")

    def test_a_restart_finds_its_keys(self, tmp_path: Path) -> None:
        kids = set()
        for _ in range(2):
            app = Flask(__name__, instance_path=str(tmp_path))
            JWTSigner(app, transport=ISSUER, **NO_STORE)
            kids.add(app.test_client().get("/jwt-signer/jwks/kong").text)
        assert len(kids) == 1

    def test_a_url(self, app: Flask, tmp_path: Path) -> None:
        JWTSigner(app, transport=ISSUER, keyset_store=f"sqlite:///{tmp_path / 'keys.sqlite3'}", **NO_STORE)
        assert "jwt_signer_keysets" in tables(tmp_path / "keys.sqlite3")

    def test_an_object(self, app: Flask) -> None:
        store = MemoryStore()
        JWTSigner(app, transport=ISSUER, keyset_store=store, **NO_STORE)
        assert store_of(app) is store

    def test_the_database_of_flask_sqlalchemy(self, app: Flask, tmp_path: Path) -> None:
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.sqlite3"
        SQLAlchemy(app)
        JWTSigner(app, transport=ISSUER, **NO_STORE)
        assert "jwt_signer_keysets" in tables(tmp_path / "instance" / "shop.sqlite3")
        assert not (tmp_path / "instance" / "jwt-signer.sqlite3").exists()

    def test_a_setting_wins_over_flask_sqlalchemy(self, app: Flask) -> None:
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.sqlite3"
        SQLAlchemy(app)
        JWTSigner(app, transport=ISSUER, **SETTINGS)
        assert isinstance(store_of(app), MemoryStore)

    def test_a_database_in_memory(self, app: Flask) -> None:
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
        SQLAlchemy(app)
        JWTSigner(app, transport=ISSUER, **NO_STORE)
        assert isinstance(store_of(app), MemoryStore)

    def test_what_the_application_records_of_its_queries_shows_no_key(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.sqlite3"
        app.config["SQLALCHEMY_ECHO"] = True
        database = SQLAlchemy(app)
        with caplog.at_level("INFO"), app.app_context():
            JWTSigner(app, transport=ISSUER, **NO_STORE)
            database.session.execute(database.text("SELECT 1"))
        assert "SELECT 1" in caplog.text
        assert "jwt_signer_keysets" not in caplog.text

    def test_a_store_that_is_down_does_not_stop_the_application(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        app = Flask(__name__, instance_path=str(tmp_path / "file" / "instance"))
        JWTSigner(app, transport=ISSUER, **NO_STORE)
        assert isinstance(store_of(app), SQLStore)
        assert is_refused(app.test_client().get("/", headers=bearer()), 503)


class TestDatabaseServer:
    """Flask-SQLAlchemy with PostgreSQL and MariaDB: its way to connect, a pool of our own."""

    @pytest.fixture(params=["postgresql", "mariadb"])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
        with ExitStack() as cleanup:
            yield open_place(request.param, tmp_path, cleanup)

    @contextmanager
    def application(self, place: Place) -> Iterator[tuple[Flask, SQLAlchemy]]:
        app = Flask(__name__)
        app.config.update(SQLALCHEMY_DATABASE_URI=place.url, SQLALCHEMY_RECORD_QUERIES=True)
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
        database = SQLAlchemy(app)
        with app.app_context():
            try:
                yield app, database
            finally:
                database.engine.dispose()

    def test_workers_share_keys(self, place: Place) -> None:
        documents = set()
        for _ in range(2):
            with self.application(place) as (app, _database):
                JWTSigner(app, transport=ISSUER, **NO_STORE)
                documents.add(app.test_client().get("/jwt-signer/jwks/kong").text)
        assert len(documents) == 1

    def test_the_pool_of_the_application_is_left_alone(self, place: Place) -> None:
        with (
            self.application(place) as (app, database),
            database.engine.connect(),
        ):  # the only one it may have
            JWTSigner(app, transport=ISSUER, **NO_STORE)
            assert app.test_client().get("/", headers=bearer()).status_code == 404

    def test_recorded_queries_show_no_key(self, place: Place) -> None:
        with self.application(place) as (app, database):
            JWTSigner(app, transport=ISSUER, **NO_STORE)
            database.session.execute(database.text("SELECT 1"))
            assert [query.statement for query in get_recorded_queries()] == ["SELECT 1"]
            database.session.close()


class TestCache:
    def test_flask_caching_is_used(self, app: Flask) -> None:
        cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        JWTSigner(app, transport=ISSUER, **OPAQUE)
        assert app.test_client().get("/", headers=bearer(OPAQUE)).status_code == 404
        keys = list(cache.cache._cache)
        assert len(keys) == 1
        assert keys[0].startswith("jwt-signer:")

    def test_the_provider_is_asked_once_by_all_workers(self, app: Flask, tmp_path: Path) -> None:
        cache = Cache(config={"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")})
        asked: list[str] = []

        class Counting:
            def send(self, exchange: Exchange) -> Reply:
                asked.append(exchange.url)
                return ISSUER.send(exchange)

        headers = bearer(OPAQUE)
        for _ in range(2):
            worker = Flask(__name__)
            cache.init_app(worker)
            JWTSigner(worker, transport=Counting(), **OPAQUE)
            assert worker.test_client().get("/", headers=headers).status_code == 404
        assert asked == [INTROSPECTION]

    def test_not_the_one_that_keeps_nothing(self, app: Flask) -> None:
        Cache(app, config={"CACHE_TYPE": "NullCache", "CACHE_NO_NULL_WARNING": True})
        JWTSigner(app, transport=ISSUER, **SETTINGS)
        assert cache_of(app) == "memory://"

    def test_a_setting_wins(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        JWTSigner(app, transport=ISSUER, cache="memory://", **SETTINGS)
        assert cache_of(app) == "memory://"
        monkeypatch.setenv("JWT_SIGNER_CACHE", "memory://")
        other = Flask(__name__)
        Cache(other, config={"CACHE_TYPE": "SimpleCache"})
        JWTSigner(other, transport=ISSUER, **SETTINGS)
        assert cache_of(other) == "memory://"

    def test_keeps_bytes_for_some_seconds(self, app: Flask) -> None:
        Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        (backend,) = app.extensions["cache"].values()
        cache = open_backend(backend)
        assert cache.get("k") is None
        cache.put("k", b"value", 0.9)
        assert cache.get("k") is None, "0 seconds would be for ever"
        cache.put("k", b"value", 60)
        assert cache.get("k") == b"value"
        cache.delete("k")
        assert cache.get("k") is None

    def test_one_claims_a_key(self, app: Flask) -> None:
        Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        cache = open_backend(*app.extensions["cache"].values())
        assert [cache.claim("k", 60), cache.claim("k", 60)] == [True, False]
        cache.delete("k")
        assert cache.claim("k", 60)
        assert cache.purge(bool) is None  # type: ignore[func-returns-value]

    def test_what_is_no_text_of_ours_is_nothing(self, app: Flask) -> None:
        Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        (backend,) = app.extensions["cache"].values()
        backend.set("jwt-signer:k", {"active": True})
        assert open_backend(backend).get("k") is None

    def test_errors_are_the_suites_own(self) -> None:
        class Broken:
            def get(self, key: str) -> bytes:
                raise ConnectionError(key)

        with pytest.raises(StoreError, match="ConnectionError"):
            open_backend(Broken()).get("k")


class TestConsumers:
    CLAIM: ClassVar[dict[str, Any]] = {"access_token_consumer_claim": "sub"}

    def test_a_loader(self, app: Flask) -> None:
        signer = JWTSigner(app, transport=ISSUER, **SETTINGS | self.CLAIM)

        @signer.consumer_loader
        def load(field: str, value: str) -> dict[str, str] | None:
            return {"id": "7", "username": value} if (field, value) == ("username", "alice") else None

        app.add_url_rule("/", view_func=lambda: f"{current_consumer.id}")  # type: ignore[union-attr]
        assert app.test_client().get("/", headers=bearer()).text == "7"
        assert is_refused(app.test_client().get("/", headers=bearer(sub="bob")), 403)
        assert load("username", "bob") is None, "the decorator returns the function"

    def test_a_loader_runs_in_the_context_of_the_application(self, app: Flask) -> None:
        database = SQLAlchemy()

        class User(database.Model):  # type: ignore[name-defined, misc]
            id = database.Column(database.Integer, primary_key=True)
            name = database.Column(database.String)

        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
        database.init_app(app)
        signer = JWTSigner(app, transport=ISSUER, **SETTINGS | self.CLAIM)

        @signer.consumer_loader
        def load(field: str, value: str) -> dict[str, Any] | None:
            user = database.session.scalar(database.select(User).filter_by(name=value))
            return None if user is None else {"id": user.id, "username": user.name}

        with app.app_context():
            database.create_all()
            database.session.execute(database.insert(User).values(id=42, name="alice"))
            database.session.commit()
        app.add_url_rule("/", view_func=lambda: request.headers["X-Consumer-ID"])
        assert app.test_client().get("/", headers=bearer()).text == "42"
        assert is_refused(app.test_client().get("/", headers=bearer(sub="bob")), 403)

    def test_no_loader_no_consumer(self, app: Flask) -> None:
        JWTSigner(app, transport=ISSUER, **SETTINGS | self.CLAIM)
        assert is_refused(app.test_client().get("/", headers=bearer()), 403)

    def test_the_setting_wins(self, app: Flask) -> None:
        consumers = [{"username": "alice"}]
        signer = JWTSigner(app, transport=ISSUER, consumers=consumers, **SETTINGS | self.CLAIM)
        signer.consumer_loader(lambda field, value: None)
        assert app.test_client().get("/", headers=bearer()).status_code == 404

    def test_a_callable(self, app: Flask) -> None:
        def find(field: str, value: str) -> dict[str, str]:
            return {"id": f"{field} {value}"}

        JWTSigner(app, transport=ISSUER, consumers=find, **SETTINGS | self.CLAIM)
        app.add_url_rule("/", view_func=lambda: f"{current_consumer.id}")  # type: ignore[union-attr]
        assert app.test_client().get("/", headers=bearer()).text == "username alice"


def test_flask_login(app: Flask) -> None:
    """The recipe of the documentation: a user by the token, and none where the request is exempt."""
    app.secret_key = "only for tests"
    signer, logins = JWTSigner(app, transport=ISSUER, **SETTINGS), LoginManager(app)
    users = {"alice": SimpleNamespace(name="Alice", is_authenticated=True, is_active=True)}

    def load_user(_: object) -> Any:
        token = current_identity.access_token
        return None if token is None else users.get(token.claims["sub"])

    logins.request_loader(load_user)
    app.add_url_rule("/", view_func=login_required(lambda: f"Hello {current_user.name}"))

    @app.route("/open")
    @signer.exempt
    def open_to_all() -> str:
        return f"authenticated: {current_user.is_authenticated}"

    client = app.test_client()
    assert client.get("/", headers=bearer()).text == "Hello Alice"
    assert client.get("/open", headers=bearer()).text == "authenticated: False"
    assert client.get("/", headers=bearer(sub="bob")).status_code == 401, "by Flask-Login"
    assert is_refused(client.get("/"))


def test_settings_with_objects_have_a_fingerprint() -> None:
    assert Settings.load({"cache": open_backend(None)}).fingerprint != Settings.load({}).fingerprint
