"""A middleware whose store is in trouble, on real servers: what goes on, what waits, and for how long.

The table in `docs/key-sets.md` says the same.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import redis
from sqlalchemy import event

from fleet import eventually
from jwt_signer_mw.flows.lookout import CHECK_INTERVAL
from jwt_signer_mw.keysets.store import open_store
from stores import execute
from throwaway import PostgreSQL, Redis
from upstreams import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from providers.faults import FaultProxy
    from throwaway import Server

LONGEST_WAIT = 5.0  # seconds, as the documentation says, that a request waits for a store
AT_ONCE = 1.0  # second: no waiting, on a busy machine
SLACK = 2.0  # seconds that a busy machine may add

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    opened: Server = request.param()
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def open_gateway(tmp_path: Path) -> Iterator[Callable[[Any], Gateway]]:
    opened: list[Gateway] = []

    def open_one(store: Any) -> Gateway:
        opened.append(Gateway(tmp_path, keyset_store=store))
        return opened[-1]

    yield open_one
    for gateway in opened:
        gateway.close()


def use(gateway: Gateway, seconds: float) -> tuple[list[int], list[float]]:
    """Requests on three threads: their statuses, and how long each took, longest first."""
    statuses: list[int] = []
    times: list[float] = []
    until = time.monotonic() + seconds

    def work() -> None:
        while (began := time.monotonic()) < until:
            statuses.append(gateway.ask(sub=str(began)).status_code)
            times.append(time.monotonic() - began)
            time.sleep(0.02)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, sorted(times, reverse=True)


def rotates(gateway: Gateway) -> bool:
    return gateway.admin("POST", "/jwt-signer/jwks/kong/rotate").status_code == 200


def kid(gateway: Gateway) -> str:
    return gateway.kong.signers["ES256"].kid or ""


def published(gateway: Gateway) -> list[str]:
    answer = gateway.admin("GET")
    assert answer.status_code == 200
    return [jwk["kid"] for jwk in answer.get_json()["keys"]]


def go_on_and_rotate_later(gateway: Gateway, repair: Callable[[], object], *, hangs: bool = False) -> None:
    """The store is in trouble already."""
    before = kid(gateway)
    statuses, times = use(gateway, 6.0 if hangs else 2.5)
    assert set(statuses) == {200}
    assert len(statuses) > 50
    assert times[0] < (LONGEST_WAIT + SLACK if hangs else AT_ONCE)
    assert len([one for one in times if one > AT_ONCE]) <= 2, "one request asks while the others go on"
    began = time.monotonic()
    answer = gateway.admin("POST", "/jwt-signer/jwks/kong/rotate")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert time.monotonic() - began < LONGEST_WAIT + SLACK
    assert before in published(gateway)
    assert kid(gateway) == before
    repair()
    assert eventually(lambda: rotates(gateway))
    assert kid(gateway) != before
    assert before in published(gateway), "nothing is lost"


# Down ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", [PostgreSQL, Redis], indirect=True)
def test_down_at_start(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    began = time.monotonic()
    gateway = open_gateway(server.url)
    assert time.monotonic() - began < LONGEST_WAIT + SLACK
    statuses, times = use(gateway, 1.5)
    assert set(statuses) == {503}
    assert times[0] < AT_ONCE
    answer = gateway.ask()
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.admin("GET").status_code == 503
    server.start()
    assert eventually(lambda: gateway.ask().status_code == 200, 10)
    assert kid(gateway) in published(gateway)


@pytest.mark.parametrize("server", [PostgreSQL, Redis], indirect=True)
def test_down_later(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    server.start()
    gateway = open_gateway(server.url)
    server.stop()
    go_on_and_rotate_later(gateway, server.start)


# Slow ---------------------------------------------------------------------------------------------


def processes(server: Server) -> list[int]:
    """The server and its children."""
    assert server.running is not None
    leader = server.running._child.pid
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(leader)], capture_output=True, text=True, check=False
    )
    return [leader, *map(int, listed.stdout.split())]


@pytest.mark.slow
@pytest.mark.parametrize("server", [PostgreSQL, Redis], indirect=True)
def test_hangs(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    """Connections stand, and nobody answers: neither TCP nor the server itself ends the wait."""
    server.start()
    gateway = open_gateway(server.url)
    time.sleep(CHECK_INTERVAL)
    assert gateway.ask().status_code == 200, "a connection is open"
    stopped = processes(server)

    def tell(number: signal.Signals) -> None:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    tell(signal.SIGSTOP)
    try:
        go_on_and_rotate_later(gateway, lambda: tell(signal.SIGCONT), hangs=True)
    finally:
        tell(signal.SIGCONT)


@pytest.mark.parametrize("server", [PostgreSQL, Redis], indirect=True)
def test_slow(
    server: Server,
    open_gateway: Callable[[Any], Gateway],
    open_fault_proxy: Callable[[int], FaultProxy],
) -> None:
    """Answers that come late hold up one request a second, and nothing else."""
    server.start()
    proxy = open_fault_proxy(server.port)
    gateway = open_gateway(server.url.replace(f":{server.port}", f":{proxy.port}"))
    proxy.set("latency", seconds=0.15)
    proxy.drop()
    statuses, times = use(gateway, 3.0)
    assert set(statuses) == {200}
    assert len([one for one in times if one > 0.1]) <= 6
    before = kid(gateway)
    assert rotates(gateway)
    assert kid(gateway) != before


# Full or read-only --------------------------------------------------------------------------------


@pytest.mark.parametrize("server", [Redis], indirect=True)
def test_redis_is_full(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    server.start()
    gateway, client = open_gateway(server.url), redis.Redis.from_url(server.url)
    client.config_set("maxmemory", "1")
    go_on_and_rotate_later(gateway, lambda: client.config_set("maxmemory", "0"))


@pytest.mark.parametrize("server", [Redis], indirect=True)
def test_redis_is_a_replica_now(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    server.start()
    gateway, client = open_gateway(server.url), redis.Redis.from_url(server.url)
    client.replicaof("127.0.0.1", "1")
    go_on_and_rotate_later(gateway, lambda: client.replicaof("NO", "ONE"))


@pytest.mark.parametrize("server", [PostgreSQL], indirect=True)
def test_postgresql_is_read_only(server: Server, open_gateway: Callable[[Any], Gateway]) -> None:
    server.start()
    gateway = open_gateway(server.url)

    def read_only(value: str) -> None:
        from sqlalchemy import create_engine, text

        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()

    read_only("on")
    go_on_and_rotate_later(gateway, lambda: read_only("off"))


def with_pragma(store: Any, pragma: dict[str, str]) -> None:
    """Every connection starts with what `pragma` holds then: SQLite's own limits."""

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        for name, value in pragma.items():
            connection.execute(f"PRAGMA {name} = {value}")

    event.listen(store._engine, "connect", limit)


@pytest.mark.parametrize(
    "name, value", [("max_page_count", "1"), ("query_only", "on")], ids=["full", "read-only"]
)
def test_sqlite(name: str, value: str, open_gateway: Callable[[Any], Gateway], tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/private/k.sqlite3")
    pragma = {"page_size": "512"}  # so small that another key takes another page
    with_pragma(store, pragma)
    gateway = open_gateway(store)
    pragma[name] = value
    go_on_and_rotate_later(gateway, pragma.clear)


@pytest.mark.slow
def test_sqlite_is_locked(open_gateway: Callable[[Any], Gateway], tmp_path: Path) -> None:
    """By a process that hangs in the middle of a change."""
    path = tmp_path / "private" / "k.sqlite3"
    gateway = open_gateway(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    go_on_and_rotate_later(gateway, lambda: other.execute("ROLLBACK"), hangs=True)
    other.close()


def test_a_database_that_lost_its_tables_gets_the_set_back(
    open_gateway: Callable[[Any], Gateway], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/private/k.sqlite3"
    gateway = open_gateway(url)
    before = kid(gateway)
    execute(url, "DELETE FROM jwt_signer_keysets")
    time.sleep(CHECK_INTERVAL)
    assert gateway.ask().status_code == 200
    assert before in published(gateway)
    stored = open_store(url).load("kong")
    assert stored is not None
    assert before in stored.kids
