"""Key sets in a database, through SQLAlchemy Core: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, update
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from jwt_signer_mw.backends import refused
from jwt_signer_mw.errors import StoreConflict, StoreError
from jwt_signer_mw.keysets.files import Unsafe, check_place, make_private
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.keysets.schema import KEYSETS, prepare_schema
from jwt_signer_mw.keysets.sealing import Sealing
from jwt_signer_mw.keysets.store import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import URL

    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore

T = TypeVar("T")

CONNECT_TIMEOUT = 2  # seconds
STATEMENT_TIMEOUT = 3  # seconds
LOCK_TIMEOUT = 5  # seconds that SQLite waits for other processes; each holds the lock for some milliseconds
POOL_SIZE = 1  # connection kept: one request per second asks
IN_MEMORY = (None, "", ":memory:")  # instead of a file, for SQLite
MAX_REASON = 200  # characters of a database's error text

_OPTIONS: dict[str, dict[str, Any]] = {
    "pysqlite": {"timeout": LOCK_TIMEOUT},
    "psycopg": {"connect_timeout": CONNECT_TIMEOUT, "tcp_user_timeout": STATEMENT_TIMEOUT * 1000},
    "pymysql": {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": STATEMENT_TIMEOUT,
        "write_timeout": STATEMENT_TIMEOUT,
    },
}


def open_url(text: str, encryption_keys: Sequence[str]) -> SQLStore:
    """Raises `ConfigurationError`, and `ImportError` where the driver is missing."""
    try:
        url = make_url(text)
        url.get_dialect()
    except ArgumentError:
        hint = "See the documentation of SQLAlchemy."
        raise refused("keyset_store", "keysets.E001", "is not a URL of a database.", hint) from None
    if url.get_backend_name() == "sqlite":
        url = _private_file(url)
    return SQLStore(url, Sealing(encryption_keys))


def open_beside(engine: Engine, encryption_keys: Sequence[str]) -> KeysetStore:
    """The store in the database of an application's engine: connects as it does, with a pool of our own.

    What the application logs or records of its statements would show keys, so it never sees ours.
    """
    url, sealing = engine.url, Sealing(encryption_keys)
    if url.get_backend_name() != "sqlite":
        return SQLStore(url, sealing, create_engine(url, pool=engine.pool.recreate(), hide_parameters=True))
    return MemoryStore(sealing) if url.database in IN_MEMORY else SQLStore(_private_file(url), sealing)


def _private_file(url: URL) -> URL:
    """The URL with an absolute path, so that a later `chdir` changes nothing."""
    if url.database in IN_MEMORY or url.query:
        hint = "Use memory:// for a store in memory."
        raise refused("keyset_store", "keysets.E001", "names no plain file.", hint)
    path = Path(url.database or "").absolute()
    try:
        check_place(path)
    except Unsafe as error:
        raise refused("keyset_store", "keysets.E005", f"is no safe place: {error}.") from None
    except OSError:
        pass  # it can't be seen now; it is checked again before it is used
    return url.set(database=str(path))


class SQLStore:
    """One table; every method is one short transaction. Usable by many threads, and after a fork."""

    def __init__(self, url: URL, sealing: Sealing, engine: Engine | None = None) -> None:
        self._url = url
        self._sealing = sealing
        self._engine = _make_engine(url) if engine is None else engine
        self._prepared = False
        self._own_connections()

    def __repr__(self) -> str:
        return f"SQLStore({self._url.render_as_string(hide_password=True)})"

    def load(self, name: str) -> StoredSet | None:
        text = self._run(lambda connection: connection.execute(_select("document", name)).scalar())
        return self._sealing.unseal(name, text) if text else None

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        values = {
            "name": stored.name,
            "id": stored.id,
            "version": stored.version,
            "document": self._sealing.seal(stored),
            "updated_at": int(stored.updated_at * 1000),
        }
        if expected_version is None:
            try:
                self._run(lambda connection: connection.execute(insert(KEYSETS).values(values)))
            except StoreConflict:  # there is a row: perhaps of a deleted set
                self._replace(values, KEYSETS.c.document == "")
        else:
            same = (KEYSETS.c.id == stored.id) & (KEYSETS.c.version == expected_version)
            self._replace(values, same & (KEYSETS.c.document != ""))

    def _replace(self, values: dict[str, Any], condition: Any) -> None:
        change = update(KEYSETS).where(KEYSETS.c.name == values["name"], condition).values(values)
        if self._run(lambda connection: connection.execute(change).rowcount) != 1:
            raise StoreConflict(f"key set {values['name']!r} was changed by somebody else")

    def delete(self, name: str) -> None:
        """The row stays, without keys: see `KeysetStore`."""
        gone = (
            update(KEYSETS)
            .where(KEYSETS.c.name == name, KEYSETS.c.document != "")
            .values(document="", version=KEYSETS.c.version + 1)
        )
        self._run(lambda connection: connection.execute(gone))

    def names(self) -> tuple[str, ...]:
        query = select(KEYSETS.c.name).where(KEYSETS.c.document != "")
        return tuple(sorted(self._run(lambda connection: connection.execute(query).scalars().all())))

    def version(self, name: str) -> Mark | None:
        row = self._run(lambda connection: connection.execute(_select("id", name, "version")).one_or_none())
        return None if row is None else Mark(*row)

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._prepare().begin() as connection:
                return work(connection)
        except IntegrityError:
            raise StoreConflict("there is such a key set already") from None
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"the store of key sets: {_reason(error)}") from None

    def _own_connections(self) -> None:
        """Connections belong to this process, which closes them when the store or the process ends."""
        self._process = os.getpid()
        weakref.finalize(self, _close, self._engine, self._process)

    def _prepare(self) -> Engine:
        """A forked worker leaves the connections of its parent alone; the tables are looked at once."""
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._own_connections()
        if not self._prepared:
            if self._url.get_backend_name() == "sqlite":
                make_private(Path(self._url.database or ""))
            prepare_schema(self._engine, self._sealing)
            self._prepared = True
        return self._engine


def _close(engine: Engine, process: int) -> None:
    if process == os.getpid():  # a child that exits must not end the sessions of its parent
        engine.dispose()


def _make_engine(url: URL) -> Engine:
    """Parameters are kept out of error texts: they are key sets."""
    driver = url.get_dialect().driver
    options = _OPTIONS.get(driver, {})
    if url.get_backend_name() == "sqlite":
        return create_engine(url, connect_args=options, hide_parameters=True, poolclass=NullPool)
    engine = create_engine(
        url,
        connect_args={name: value for name, value in options.items() if name not in url.query},
        hide_parameters=True,
        pool_size=POOL_SIZE,
        pool_timeout=STATEMENT_TIMEOUT,
        pool_pre_ping=True,
        pool_recycle=300,
    )
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _limit_statements)
    if driver == "psycopg":
        from jwt_signer_mw.keysets.postgresql import connect

        event.listen(engine, "do_connect", connect)
    return engine


def _limit_statements(connection: Any, _record: object) -> None:
    """By a statement, as a connection pooler may refuse it as an option of the connection."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT * 1000}")
    connection.commit()


def _select(first: str, name: str, *more: str) -> Any:
    return select(*(KEYSETS.c[column] for column in (first, *more))).where(KEYSETS.c.name == name)


def _reason(error: Exception) -> str:
    """What the database says, in one line: statements and parameters stay out of it."""
    if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
        return type(error).__name__
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:MAX_REASON]}"
