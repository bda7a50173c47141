"""Many processes serve one application: a scrape meets one of them, and hears of all."""

# ruff: noqa: E402  (prometheus_client is an extra)
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from parts import require_module

require_module("prometheus_client", "gunicorn", "granian", "jwt")

from asgi_serving import free_port
from fleet import Provider, eventually
from providers.process import ServerProcess
from scraped import Scraped

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 10.0
DECISIONS = "jwt_signer_decisions_total"
ROTATED = "jwt_signer_keyset_rotated_timestamp_seconds"
SERVERS = {
    "gunicorn": ["gunicorn", "--workers=2", "--worker-class=gthread", "--threads=2", "--bind=127.0.0.1:{}"],
    "gunicorn, preloaded": ["gunicorn", "--workers=2", "--preload", "--bind=127.0.0.1:{}"],
    "granian": ["granian", "--interface=wsgi", "--workers=2", "--respawn-failed-workers", "--port={}"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


class Fleet:
    """Two processes by one server, with a folder for their metrics."""

    def __init__(self, server: list[str], folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.metrics = folder / "metrics"
        self.metrics.mkdir()
        self._provider = Provider(folder)
        program, *options = (part.format(port) for part in server)
        self.process = ServerProcess(
            [str(Path(sys.executable).with_name(program)), *options, "metrics_app:application"],
            folder / "server.log",
            environment={
                "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
                "JWT_SIGNER_OBSERVERS": "prometheus",
                "JWT_SIGNER_KEYSET_STORE": f"sqlite:///{folder / 'keysets.sqlite3'}",
                "JWT_SIGNER_ACCESS_TOKEN_JWKS_URI": self._provider.file.as_uri(),
                "JWT_SIGNER_ACCESS_TOKEN_SIGNING_ALGORITHM": "ES256",
                "JWT_SIGNER_ACCESS_TOKEN_KEYSET_ROTATE_PERIOD": "3600",
                "PYTHONPATH": str(Path(__file__).parent),
            },
            folder=Path(__file__).parent,
        )
        self.accepted: dict[int, int] = {}  # by the process that did it

    def accept(self) -> int:
        """One good request; 0 where no process answers just now."""
        headers = {"Authorization": f"Bearer {self._provider.token('alice')}"}
        try:
            answer = requests.get(f"{self.url}/", headers=headers, timeout=SECONDS)
        except requests.ConnectionError:
            return 0
        assert answer.status_code == 200
        pid = int(answer.text)
        self.accepted[pid] = self.accepted.get(pid, 0) + 1
        return pid

    def scrape(self) -> Scraped:
        return Scraped.of(requests.get(f"{self.url}/metrics", timeout=SECONDS).text)


@pytest.fixture(params=[*SERVERS.values()], ids=[*SERVERS])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    opened = Fleet(request.param, tmp_path)
    try:
        yield opened
    finally:
        opened.process.stop()


def test_the_sums_of_two_processes(fleet: Fleet) -> None:
    def both_answered() -> bool:
        fleet.accept()
        return len(fleet.accepted) > 1

    assert eventually(both_answered, 60), fleet.process.fresh_output()
    for _ in range(10):
        fleet.accept()
    for _ in range(3):
        assert requests.get(fleet.url, timeout=SECONDS).status_code == 401
    for _ in range(6):  # by whichever of them
        found = fleet.scrape()
        total = sum(fleet.accepted.values())
        assert found.value(DECISIONS, outcome="forwarded", reason="accepted") == total
        assert found.value(DECISIONS, reason="token_missing", status="401") == 3
        assert found.value("jwt_signer_signature_duration_seconds_count", algorithm="ES256") == total
        # Made, and from the first look after a signature on with the life of tokens recorded in it.
        assert found.value("jwt_signer_keyset_version", keyset="kong") in (1, 2)
        assert found.value("jwt_signer_jwks_keys") == 1
        (rotated,) = (value for (name, _), value in found.items() if name == ROTATED)
        due = found.value("jwt_signer_keyset_rotation_due_timestamp_seconds", keyset="kong")
        assert due == pytest.approx(rotated + 3600)
    assert len(list(fleet.metrics.glob("counter_*.db"))) >= 2


def test_what_a_process_counted_outlives_it(fleet: Fleet) -> None:
    assert eventually(lambda: bool(fleet.accept()), 60), fleet.process.fresh_output()
    os.kill(next(iter(fleet.accepted)), signal.SIGKILL)
    before = sum(fleet.accepted.values())

    def another_answered() -> bool:
        return fleet.accept() not in (0, *list(fleet.accepted)[:1])

    assert eventually(another_answered, 60), fleet.process.fresh_output()
    found = fleet.scrape().value(DECISIONS, outcome="forwarded")
    assert found == sum(fleet.accepted.values()) > before
