"""The promise of the key sets, on real servers: whatever happens, no accepted request is refused upstream."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from fleet import Host, Load, Provider
from jwt_signer_mw.jose import generate_key
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.store import open_store
from parts import require_module
from throwaway import PostgreSQL, Redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from throwaway import Server

SECONDS = float(os.environ.get("JWT_SIGNER_TEST_FLEET_SECONDS", "24"))  # under load, for each store
PACE = float(os.environ.get("JWT_SIGNER_TEST_FLEET_PACE", "2"))  # seconds between two rotations
OUTAGE = 4.0  # seconds
AGE = 20.0  # seconds: a tenth of it is how long a copy is fresh

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 180)]


@pytest.fixture(params=[(PostgreSQL, "RS256"), (Redis, "ES256")], ids=["postgresql", "redis"])
def kind(request: pytest.FixtureRequest) -> tuple[type[Server], str]:
    require_module("gunicorn", "jwt")
    chosen: tuple[type[Server], str] = request.param
    return chosen


@pytest.fixture
def store(kind: tuple[type[Server], str]) -> Iterator[Server]:
    """With a key set whose document may be kept for some seconds at first."""
    server, made_at = kind[0](), time.time() - AGE
    try:
        server.start()
        current, following = ([generate_key(kind[1]).private_jwk()] for _ in range(2))
        open_store(server.url).save(lifecycle.create("kong", made_at, current, following), None)
        yield server
    finally:
        server.close()


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


@pytest.fixture
def hosts(
    kind: tuple[type[Server], str], store: Server, provider: Provider, tmp_path: Path
) -> Iterator[list[Host]]:
    """One that builds before it forks, and one whose workers build for themselves."""
    opened = [
        Host(tmp_path / "one", store.url, provider, kind[1], "--preload"),
        Host(tmp_path / "two", store.url, provider, kind[1]),
    ]
    try:
        for host in opened:
            host.wait()
        yield opened
    finally:
        for host in opened:
            host.close()


def test_no_accepted_request_is_refused_upstream(
    kind: tuple[type[Server], str], store: Server, hosts: list[Host], provider: Provider
) -> None:
    load = Load(hosts, provider, kind[1], PACE)
    try:
        time.sleep(SECONDS / 4)
        for host in hosts:
            victim = next(pid for pid, where in load.workers().items() if where is host)
            os.kill(victim, signal.SIGKILL)
            load.tally.kills += 1
        hosts[1].add_worker()
        time.sleep(SECONDS / 4)
        store.stop()
        load.store_is_down = True
        time.sleep(OUTAGE)
        load.store_is_down = False
        store.start()
        time.sleep(max(1.0, SECONDS / 2 - OUTAGE))
    finally:
        tally = load.stop()
    print(f"\n{store.url.partition(':')[0]}, {kind[1]}: {tally}")
    assert tally.faults == {}, str(tally)
    assert tally.statuses.keys() <= {200, 503}, str(tally)
    assert tally.statuses[200] > 10 * SECONDS, str(tally)
    assert tally.accepted_without_store > 10, str(tally)
    assert tally.rotations[200] >= (SECONDS - OUTAGE) / PACE / 2, str(tally)
    assert len(tally.kids) > 3, str(tally)
    assert len(tally.workers) >= 7, str(tally)  # four, two in place of those killed, and one more
    assert not any("Traceback" in host.log() for host in hosts)
