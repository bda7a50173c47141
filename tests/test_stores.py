"""What every store of key sets promises, over memory, SQLite, PostgreSQL, MariaDB and Redis."""

from __future__ import annotations

import json
import os
import pickle
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from jwt_signer_mw.errors import ConfigurationError, StoreConflict, StoredKeysUnreadable, StoreError
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.keyset import from_json, to_json
from jwt_signer_mw.keysets.store import Mark, default_url, open_store, reencrypt
from stores import SERVERS, Place, execute, lasting_place, name, open_place, place, some_jwk, some_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.keysets.keyset import StoredSet

__all__ = ["lasting_place", "name", "place"]


def next_version(stored: StoredSet, updated_at: float = 2000.0) -> StoredSet:
    return replace(stored, version=stored.version + 1, updated_at=updated_at)


# The contract -------------------------------------------------------------------------------------


def test_gives_back_what_was_saved(place: Place, name: str) -> None:
    stored = some_set(name, algorithms=("ES256", "RS256"))
    place.open().save(stored, None)
    assert place.open().load(name) == stored
    assert place.open().version(name) == Mark(stored.id, 1)
    assert name in place.open().names()


def test_knows_nothing_of_an_unknown_name(place: Place, name: str) -> None:
    store = place.open()
    assert store.load(name) is None
    assert store.version(name) is None
    assert name not in store.names()
    store.delete(name)
    assert store.version(name) is None


def test_tells_names_apart_by_case_and_accent(place: Place, name: str) -> None:
    store = place.open()
    names = (name, name.upper(), f"{name}-ä", f"{name}-a", f"{name}/x?y=%20 z")
    for each in names:
        store.save(some_set(each), None)
    assert [store.load(each) for each in names] == [place.open().load(each) for each in names]
    assert [one.name for each in names if (one := store.load(each))] == list(names)
    assert set(names) <= set(store.names())
    assert list(store.names()) == sorted(store.names())


def test_keeps_a_large_set(place: Place, name: str) -> None:
    big = lifecycle.create(name, 1000.0, [some_jwk("a") | {"n": "ä" * 300_000}], [some_jwk("b")])
    place.open().save(big, None)
    assert place.open().load(name) == big


def test_creates_a_set_only_once(place: Place, name: str) -> None:
    first, second = some_set(name), some_set(name)
    place.open().save(first, None)
    with pytest.raises(StoreConflict):
        place.open().save(second, None)
    assert place.open().load(name) == first


def test_replaces_only_the_expected_version(place: Place, name: str) -> None:
    store, first = place.open(), some_set(name)
    store.save(first, None)
    second = next_version(first)
    store.save(second, 1)
    with pytest.raises(StoreConflict):
        place.open().save(next_version(first, 3000.0), 1)
    with pytest.raises(StoreConflict):
        place.open().save(next_version(second), 7)
    assert store.load(name) == second


def test_replaces_no_other_set_of_the_same_name(place: Place, name: str) -> None:
    """Deleted and made anew, it has version 1 again."""
    store, old, new = place.open(), some_set(name), some_set(name)
    store.save(new, None)
    with pytest.raises(StoreConflict):
        store.save(next_version(old), 1)
    assert store.load(name) == new


def test_saves_no_version_of_what_is_not_there(place: Place, name: str) -> None:
    with pytest.raises(StoreConflict):
        place.open().save(next_version(some_set(name)), 1)
    assert place.open().load(name) is None


def test_keeps_a_deletion_on_record(place: Place, name: str) -> None:
    store, stored = place.open(), some_set(name)
    store.save(stored, None)
    store.delete(name)
    assert place.open().load(name) is None
    assert name not in place.open().names()
    mark = place.open().version(name)
    assert mark is not None
    assert mark.id == stored.id
    assert mark.version > stored.version
    with pytest.raises(StoreConflict):
        store.save(next_version(stored), 1)


def test_makes_a_deleted_set_anew(place: Place, name: str) -> None:
    store, new = place.open(), some_set(name, 5000.0)
    store.save(some_set(name), None)
    store.delete(name)
    store.delete(name)
    store.save(new, None)
    assert place.open().load(name) == new
    assert place.open().version(name) == Mark(new.id, 1)


@pytest.mark.parametrize("expected", [None, 1])
def test_lets_one_of_many_win(place: Place, name: str, expected: int | None) -> None:
    """With None they compete to create the set, with 1 to change it."""
    start = some_set(name)
    if expected:
        place.open().save(start, None)
    candidates = [
        next_version(start, 2000.0 + n) if expected else some_set(name, 2000.0 + n) for n in range(8)
    ]
    gate, won, failed = threading.Barrier(len(candidates)), list[Any](), list[Exception]()

    def compete(candidate: Any) -> None:
        store = place.open()
        gate.wait()
        try:
            store.save(candidate, expected)
            won.append(candidate)
        except StoreConflict:
            pass
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=compete, args=(candidate,)) for candidate in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(won) == 1
    assert place.open().load(name) == won[0]


# At rest ------------------------------------------------------------------------------------------


def raw(place: Place, name: str) -> str:
    """The document as it lies there."""
    if place.kind == "redis":
        return str(
            redis.Redis.from_url(place.url, decode_responses=True).hget(
                f"jwt-signer:keyset:{name}", "document"
            )
        )
    return str(execute(place.url, f"SELECT document FROM jwt_signer_keysets WHERE name = '{name}'")[0][0])


def write_raw(place: Place, name: str, document: str | bytes) -> None:
    if place.kind == "redis":
        redis.Redis.from_url(place.url).hset(f"jwt-signer:keyset:{name}", "document", document)
    elif isinstance(document, bytes):
        with sqlite3.connect(place.url.removeprefix("sqlite:///")) as connection:
            connection.execute("UPDATE jwt_signer_keysets SET document = ? WHERE name = ?", (document, name))
        connection.close()
    else:
        execute(place.url, f"UPDATE jwt_signer_keysets SET document = '{document}' WHERE name = '{name}'")


def key() -> str:
    return Fernet.generate_key().decode()


def test_encrypts_everything_secret(lasting_place: Place, name: str) -> None:
    lasting_place.open().save(some_set(name), None)
    assert "secret-of-ES256-0" in raw(lasting_place, name)
    store = lasting_place.open(key())
    stored = store.load(name)
    assert stored is not None
    store.save(next_version(stored), 1)
    assert "secret" not in raw(lasting_place, name)
    assert store.load(name) == next_version(stored)


@pytest.mark.parametrize("others", [0, 1])
def test_overwrites_nothing_that_it_cannot_read(lasting_place: Place, name: str, others: int) -> None:
    """Neither without a key, nor with another one."""
    lasting_place.open(key()).save(some_set(name), None)
    before = raw(lasting_place, name)
    store = lasting_place.open(*(key() for _ in range(others)))
    with pytest.raises(StoredKeysUnreadable, match="keyset_encryption_keys"):
        store.load(name)
    with pytest.raises(StoreConflict):
        store.save(some_set(name), None)
    with pytest.raises(StoredKeysUnreadable):
        reencrypt(store, 3000.0)
    assert raw(lasting_place, name) == before


def test_replaces_the_encryption_key(tmp_path: Path, name: str) -> None:
    place, old, new = Place("sqlite", f"sqlite:///{tmp_path / 'k.sqlite3'}"), key(), key()
    stored = some_set(name)
    place.open(old).save(stored, None)
    assert place.open(new, old).load(name) == stored
    with pytest.raises(StoredKeysUnreadable):
        place.open(new).load(name)
    assert reencrypt(place.open(new, old), 3000.0) == (name,)
    changed = place.open(new).load(name)
    assert changed is not None
    assert changed.keys == stored.keys
    assert (changed.version, changed.updated_at) == (2, 3000.0)  # so that other workers read it again
    with pytest.raises(StoredKeysUnreadable):
        place.open(old).load(name)


def test_encrypts_what_others_change_meanwhile(name: str) -> None:
    """A worker that rotates is no reason to leave the set as it is."""
    place, changes = Place("memory", "memory://"), iter(range(3))
    store: Any = place.open()
    store.save(some_set(name), None)
    load = store.load

    def load_and_be_late(asked: str) -> StoredSet | None:
        stored: StoredSet | None = load(asked)
        if stored is not None and next(changes, None) is not None:
            store.save(next_version(stored), stored.version)
        return stored

    store.load = load_and_be_late
    assert reencrypt(store, 3000.0) == (name,)
    assert store.version(name).version == 5
    changes = iter(range(100))
    with pytest.raises(StoreConflict):
        reencrypt(store, 3000.0)


def test_says_that_a_set_is_not_encrypted_yet(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place("sqlite", f"sqlite:///{tmp_path / 'k.sqlite3'}")
    place.open().save(some_set(name), None)
    assert place.open(key()).load(name) is not None
    assert "not encrypted yet" in caplog.text
    assert "secret" not in caplog.text


def test_refuses_a_key_that_is_none() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store("memory://", encryption_keys=["password"])
    assert [(found.id, found.option) for found in caught.value.problems] == [
        ("keysets.E003", "keyset_encryption_keys")
    ]
    assert "password" not in str(caught.value)


PLANTED: list[str | bytes] = [
    "gASVBgAAAAAAAACMAi4ulC4=",
    "{}",
    '{"format":1}',
    '{"format":2,"keys":[]}',
    pickle.dumps({"keys": []}),
    b"\xff\xfe",
]


@pytest.mark.parametrize("document", PLANTED)
def test_reads_nothing_but_its_own_json(lasting_place: Place, name: str, document: str | bytes) -> None:
    if isinstance(document, bytes) and lasting_place.kind in ("postgresql", "mariadb"):
        document = "not text here: " + document.hex()  # a text column takes no such bytes
    lasting_place.open().save(some_set(name), None)
    write_raw(lasting_place, name, document)
    with pytest.raises(StoredKeysUnreadable):
        lasting_place.open().load(name)


def test_reads_no_set_under_another_name(lasting_place: Place, name: str) -> None:
    store = lasting_place.open()
    store.save(some_set(name), None)
    store.save(some_set(name + "-2"), None)
    write_raw(lasting_place, name, raw(lasting_place, name + "-2"))
    with pytest.raises(StoredKeysUnreadable, match="another name"):
        store.load(name)


# Servers that misbehave ---------------------------------------------------------------------------

DEAD = {
    "postgresql": "postgresql+psycopg://user:geheim@127.0.0.1:{port}/test",
    "mariadb": "mysql+pymysql://user:geheim@127.0.0.1:{port}/test",
    "redis": "redis://:geheim@127.0.0.1:{port}/0",
}


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Connections are taken, and never a word is said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("url", DEAD.values(), ids=DEAD)
def test_says_so_when_there_is_no_server(url: str, closed_port: int, name: str) -> None:
    store = open_store(url.format(port=closed_port))
    for ask in (store.load, store.version, store.delete):
        with pytest.raises(StoreError) as caught:
            ask(name)
        assert not isinstance(caught.value, StoredKeysUnreadable)
        assert "geheim" not in f"{caught.value!r} {caught.value} {store!r}"
    with pytest.raises(StoreError) as caught:
        store.save(some_set(name), None)
    assert "secret-of" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("url", DEAD.values(), ids=DEAD)
def test_waits_for_no_server_for_long(url: str, silent_port: int, name: str) -> None:
    began = time.monotonic()
    with pytest.raises(StoreError):
        open_store(url.format(port=silent_port)).version(name)
    assert time.monotonic() - began < 7


def test_works_again_when_the_server_is_back(lasting_place: Place, name: str) -> None:
    """Connections that the server closed meanwhile do no harm."""
    store = lasting_place.open()
    store.save(some_set(name), None)
    if lasting_place.kind == "postgresql":
        mine = f"application_name = '{make_url(lasting_place.url).query['application_name']}'"
        execute(SERVERS["postgresql"], f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
    elif lasting_place.kind == "redis":
        connection: Any = store
        redis.Redis.from_url(lasting_place.url).client_kill_filter(_id=connection._client.client_id())
    elif lasting_place.kind == "mariadb":
        mine = f"db = '{make_url(lasting_place.url).database}'"
        for (number,) in execute(
            SERVERS["mariadb"], f"SELECT id FROM information_schema.processlist WHERE {mine}"
        ):
            execute(SERVERS["mariadb"], f"KILL {number}")
    assert store.load(name) is not None


def test_reads_from_a_database_that_takes_no_changes(tmp_path: Path, name: str) -> None:
    with ExitStack() as cleanup:
        place = open_place("postgresql", tmp_path, cleanup)
        stored = some_set(name)
        place.open().save(stored, None)
        store = open_store(place.url.replace("search_path", "default_transaction_read_only=on -csearch_path"))
        assert store.load(name) == stored
        with pytest.raises(StoreError, match="read-only"):
            store.save(next_version(stored), 1)
        with pytest.raises(StoreError):
            store.delete(name)
        assert place.open().load(name) == stored


FORKING = """
import os, sys
from jwt_signer_mw.keysets.store import open_store
store = open_store(sys.argv[1])
assert store.load(sys.argv[2]).name == sys.argv[2]
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        ok = all(store.version(sys.argv[2]).version == 1 for _ in range(20))
        os._exit(0 if ok else 1)
    children.append(pid)
assert all(store.version(sys.argv[2]).version == 1 for _ in range(20))
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert store.load(sys.argv[2]).name == sys.argv[2]
"""


def test_survives_a_fork(lasting_place: Place, name: str) -> None:
    lasting_place.open().save(some_set(name), None)
    command = [sys.executable, "-W", "error", "-c", FORKING, lasting_place.url, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# The file of the embedded store -------------------------------------------------------------------


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_closes_all_its_files_to_others(tmp_path: Path, name: str, journal: str) -> None:
    path = tmp_path / "state" / "jwt-signer" / "keysets.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.save(some_set(name), None)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE jwt_signer_keysets SET version = 9")
    files = {file.name: mode(file) for file in path.parent.iterdir()}
    connection.execute("ROLLBACK")
    connection.close()
    assert len(files) >= 2, "no file beside the database"
    assert set(files.values()) == {0o600}
    assert [mode(directory) for directory in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_closes_a_file_that_was_open(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keysets.sqlite3"
    path.touch(0o644)
    open_store(f"sqlite:///{path}").save(some_set(name), None)
    assert mode(path) == 0o600


def problem_of(url: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    (found,) = caught.value.problems
    assert found.option == "keyset_store"
    return f"{found.id} {found.text} {found.hint}"


def test_follows_no_symbolic_link(tmp_path: Path, name: str) -> None:
    target, link = tmp_path / "target", tmp_path / "keysets.sqlite3"
    target.touch()
    store = open_store(f"sqlite:///{link}")
    link.symlink_to(target)
    assert "symbolic link" in problem_of(f"sqlite:///{link}")
    with pytest.raises(StoreError, match="symbolic link"):
        store.save(some_set(name), None)
    assert target.read_bytes() == b""


@pytest.mark.parametrize("permissions", [0o777, 0o1777, 0o702])
def test_uses_no_directory_of_everybody(tmp_path: Path, permissions: int, name: str) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    store = open_store(f"sqlite:///{directory}/keysets.sqlite3")
    directory.chmod(permissions)
    assert "written to by everybody" in problem_of(f"sqlite:///{directory}/keysets.sqlite3")
    with pytest.raises(StoreError, match="written to by everybody"):
        store.save(some_set(name), None)
    assert list(directory.iterdir()) == []


def test_uses_no_directory_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "keysets.sqlite3").mkdir()
    assert "not a regular file" in problem_of(f"sqlite:///{tmp_path}/keysets.sqlite3")


def test_says_so_when_the_directory_cannot_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    store = open_store(f"sqlite:///{tmp_path}/file/below/keysets.sqlite3")
    with pytest.raises(StoreError):
        store.load(name)


def test_a_place_that_cannot_be_looked_at_is_a_store_that_is_down(name: str) -> None:
    store = open_store(f"sqlite:////{'long' * 100}/keysets.sqlite3")
    with pytest.raises(StoreError, match="too long"):
        store.load(name)


def test_stays_where_it_is_when_the_process_moves(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///keysets.sqlite3")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.save(some_set(name), None)
    assert (tmp_path / "keysets.sqlite3").exists()


def test_waits_for_another_process_that_writes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "keysets.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.save(some_set(name), None)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    store.delete(name)
    release.join()
    other.close()
    assert store.load(name) is None


# Choosing -----------------------------------------------------------------------------------------


def test_keeps_keys_in_the_state_directory_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_url() == f"sqlite:///{tmp_path}/jwt-signer/keysets.sqlite3"
    open_store().save(some_set("kong"), None)
    assert (tmp_path / "jwt-signer" / "keysets.sqlite3").is_file()


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_heeds_no_relative_state_directory(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The XDG Base Directory Specification says so."""
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_url() == "sqlite:////home/someone/.local/state/jwt-signer/keysets.sqlite3"


def test_names_the_known_schemes() -> None:
    text = problem_of("mongodb://127.0.0.1/keys")
    assert text.startswith("backends.E001")
    assert "mongodb" in text
    for scheme in ("memory", "sqlite", "postgresql", "mysql", "redis"):
        assert scheme in text


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file.db?mode=ro",
        "postgresql+nothing://x/y",
        "redis://h/x?db=y",
    ],
)
def test_refuses_urls_that_make_no_sense(url: str) -> None:
    assert problem_of(url).startswith("keysets.E001")


def test_names_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "jwt-signer-mw[sql]" in problem_of("postgresql+psycopg://127.0.0.1/test")
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "jwt_signer_mw.keysets.redis", raising=False)
    assert "jwt-signer-mw[redis]" in problem_of("redis://127.0.0.1/0")
    assert problem_of("redis://127.0.0.1/0").startswith("backends.E002")


def test_imports_a_database_library_only_when_it_is_asked_for() -> None:
    program = "import sys, jwt_signer_mw.keysets.store; assert not {'sqlalchemy', 'redis'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


# Schema -------------------------------------------------------------------------------------------

OLD_TABLE = (
    "CREATE TABLE jwt_signer_keysets (name VARCHAR(255) NOT NULL PRIMARY KEY, version INTEGER NOT NULL,"
    " document TEXT NOT NULL, updated_at BIGINT NOT NULL)"
)


def insert_old(document: str, name: str) -> str:
    return f"INSERT INTO jwt_signer_keysets VALUES ('{name}', 3, '{document}', 1000000)"


@pytest.fixture
def database(lasting_place: Place) -> Place:
    if lasting_place.kind == "redis":
        pytest.skip("no tables in Redis")
    if lasting_place.kind == "sqlite":
        Path(lasting_place.url.removeprefix("sqlite:///")).parent.mkdir()
    return lasting_place


def test_migrates_an_older_table(database: Place, name: str) -> None:
    stored = replace(some_set(name), version=3)
    execute(database.url, OLD_TABLE, insert_old(to_json(stored).decode(), name))
    store = database.open()
    assert store.load(name) == stored
    assert store.version(name) == Mark(stored.id, 3)
    store.save(next_version(stored), 3)
    assert execute(database.url, "SELECT version FROM jwt_signer_schema") == [(2,)]
    assert database.open().load(name) == next_version(stored)


def test_migrates_while_workers_of_the_older_version_go_on(database: Place, name: str) -> None:
    """They name the columns that they know; an upgrade of a fleet is no moment but a while."""
    first = replace(some_set(name), version=3)
    execute(database.url, OLD_TABLE, insert_old(to_json(first).decode(), name))
    stop, failed, reads = threading.Event(), list[Exception](), list[int]()

    def read() -> None:
        while not stop.is_set():
            try:
                ((version, _),) = execute(
                    database.url, f"SELECT version, document FROM jwt_signer_keysets WHERE name = '{name}'"
                )
                reads.append(version)
            except Exception as error:  # noqa: BLE001
                failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    store, second, third = database.open(), next_version(first), next_version(next_version(first))
    assert store.load(name) == first
    execute(
        database.url,
        f"UPDATE jwt_signer_keysets SET version = 4, document = '{to_json(second).decode()}'"
        f" WHERE name = '{name}' AND version = 3",
    )
    assert store.load(name) == second
    assert store.version(name) == Mark(first.id, 4)
    store.save(third, 4)
    while not reads or reads[-1] != 5:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(reads) <= {3, 4, 5}


def test_migrates_nothing_that_it_cannot_read(database: Place, name: str) -> None:
    execute(database.url, OLD_TABLE, insert_old("gAAAAAsealed", name))
    with pytest.raises(StoredKeysUnreadable):
        database.open().load(name)
    assert execute(database.url, "SELECT name, version, document FROM jwt_signer_keysets") == [
        (name, 3, "gAAAAAsealed")
    ]


def test_refuses_a_newer_table(database: Place, name: str) -> None:
    database.open().save(some_set(name), None)
    execute(database.url, "UPDATE jwt_signer_schema SET version = 99")
    store = database.open()
    with pytest.raises(StoredKeysUnreadable, match="99"):
        store.load(name)
    with pytest.raises(StoredKeysUnreadable):
        store.delete(name)
    execute(database.url, "UPDATE jwt_signer_schema SET version = 2")
    assert store.load(name) is not None


def test_creates_its_tables_when_many_start_at_once(database: Place, name: str) -> None:
    stores, failed = [database.open() for _ in range(8)], list[Exception]()
    gate = threading.Barrier(len(stores))

    def start(store: Any) -> None:
        gate.wait()
        try:
            assert store.load(name) is None
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=start, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert execute(database.url, "SELECT part, version FROM jwt_signer_schema") == [("jwt_signer_keysets", 2)]


def test_asks_for_no_rights_to_create_what_is_there(tmp_path: Path, name: str) -> None:
    """An administrator may have made the tables; SQLite's `query_only` stands for missing rights."""
    place = Place("sqlite", f"sqlite:///{tmp_path / 'k.sqlite3'}")
    place.open().save(some_set(name), None)
    with sqlite3.connect(tmp_path / "k.sqlite3") as connection:
        before = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        place.open().load(name)
        assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    connection.close()


def test_json_is_what_it_says() -> None:
    """The document is plain JSON, so that it can be read where this suite is not at hand."""
    document = json.loads(to_json(some_set("kong")))
    assert document["name"] == "kong"
    assert from_json(json.dumps(document).encode()) == from_json(
        to_json(from_json(json.dumps(document).encode()))
    )
