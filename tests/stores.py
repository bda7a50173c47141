"""The stores that tests run over: memory, an SQLite file, and the real servers of this machine."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.store import open_store
from parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore

SERVERS = {
    "postgresql": os.environ.get(
        "JWT_SIGNER_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    ),
    "mariadb": os.environ.get("JWT_SIGNER_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"),
    "redis": os.environ.get("JWT_SIGNER_TEST_REDIS", "redis://127.0.0.1:6379/9"),
}
PLACES = ("sqlite", *SERVERS)


class Place:
    """Somewhere to keep key sets. Every `open` is another process's view of it, but for memory."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        self._shared = open_store(url) if kind == "memory" else None

    def open(self, *encryption_keys: str) -> KeysetStore:
        return self._shared or open_store(self.url, encryption_keys=encryption_keys)


def open_place(kind: str, folder: Path, cleanup: ExitStack) -> Place:
    """A place of its own for one test. Skips, or fails, where its server does not answer."""
    if kind == "memory":
        return Place(kind, "memory://")
    if kind == "sqlite":
        return Place(kind, f"sqlite:///{folder / 'private' / 'keysets.sqlite3'}")
    url = SERVERS[kind]
    try:
        open_store(url).names()
    except StoreError as error:
        require(False, f"{kind} does not answer: {error.detail}")
    if kind == "redis":
        return Place(kind, url)
    return Place(kind, _own_database(kind, url, cleanup))


def _own_database(kind: str, url: str, cleanup: ExitStack) -> str:
    """A schema (PostgreSQL) or a database (MariaDB) of its own, dropped afterwards."""
    name = f"jwt_signer_{uuid.uuid4().hex[:12]}"
    what = "SCHEMA" if kind == "postgresql" else "DATABASE"
    execute(url, f"CREATE {what} {name}")
    cleanup.callback(execute, url, f"DROP {what} {name}" + (" CASCADE" if kind == "postgresql" else ""))
    parsed = make_url(url)
    if kind == "postgresql":
        parsed = parsed.update_query_dict({"options": f"-csearch_path={name}", "application_name": name})
    else:
        parsed = parsed.set(database=name)
    return parsed.render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> list[Any]:
    """Runs SQL as a stranger would; returns the rows of the last statement."""
    engine = create_engine(url, poolclass=NullPool)
    rows: list[Any] = []
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = list(result.all()) if result.returns_rows else []
    return rows


@pytest.fixture(params=("memory", *PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as cleanup:
        yield open_place(request.param, tmp_path, cleanup)


@pytest.fixture(params=PLACES)
def lasting_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """One that outlives the process."""
    with ExitStack() as cleanup:
        yield open_place(request.param, tmp_path, cleanup)


@pytest.fixture
def name() -> str:
    """A key set's name that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


def some_jwk(kid: str, alg: str = "ES256") -> dict[str, str]:
    """Looks like a private key, which is all that a store cares about."""
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": "eA",
        "y": "eQ",
        "d": f"secret-of-{kid}",
        "kid": kid,
        "alg": alg,
    }


def some_set(name: str, now: float = 1000.0, algorithms: Sequence[str] = ("ES256",)) -> StoredSet:
    current = [some_jwk(f"{alg}-0", alg) for alg in algorithms]
    following = [some_jwk(f"{alg}-1", alg) for alg in algorithms]
    return lifecycle.create(name, now, current, following)
