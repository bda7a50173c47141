"""The metrics of a gateway: of all its processes, and for whom."""

# ruff: noqa: E402  (what a gateway needs is an extra)
from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("prometheus_client", "uvicorn", "httpx2")

from gatewaying import ADMIN_TOKEN, Running, ask, bearer, echo, providers, running
from jwt_signer_mw.gateway.metrics import FOLDER, shared_metrics
from jwt_signer_mw.gateway.writing import write_toml
from scraped import Scraped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.demo.stage import Providers

METRICS = "/jwt-signer/metrics"
DECISIONS = "jwt_signer_decisions_total"


@pytest.fixture(scope="module")
def known() -> Iterator[Providers]:
    with providers() as opened:
        yield opened


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with echo() as opened:
        yield opened


def content(known: Providers, service: str, **gateway: Any) -> dict[str, Any]:
    shared = {
        "access_token_jwks_uri": known.access.jwks_uri,
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }
    routes = [{"path": "/a/*", "policy": "alike"}, {"path": "/*"}]
    options = {"upstream": service, **gateway}
    return {**shared, "policies": {"default": {}, "alike": {}}, "routes": routes, "gateway": options}


def scraped(gateway: Running, **headers: str) -> Scraped:
    answer = ask(gateway.origin, METRICS, headers)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scraped.of(answer.body.decode())


def test_the_sums_of_all_processes(tmp_path: Path, known: Providers, service: str) -> None:
    """Whichever process answers, it tells of all of them; policies with equal settings stay apart."""
    file = content(known, service, metrics=True)
    with running(tmp_path, file, "--workers", "2") as gateway:
        good = known.access.mint()
        for _ in range(20):
            assert ask(gateway.origin, "/orders", bearer(good)).status == 200
            assert ask(gateway.origin, "/a/orders").status == 401
        for _ in range(10):
            found = scraped(gateway)
            assert found.value(DECISIONS, policy="default", outcome="forwarded") == 20
            assert found.value(DECISIONS, policy="alike", reason="token_missing") == 20
            assert found.value("jwt_signer_cache_lookups_total", cache="verdicts") == 40
            assert 1 <= found.value("jwt_signer_exchange_duration_seconds_count", purpose="jwks") <= 2
            assert found.value("jwt_signer_keyset_version", keyset="kong") == 1
        folder = _shared_folder(gateway)
        assert len(list(folder.glob("counter_*.db"))) == 2
        gateway.process.signal(signal.SIGTERM)
        assert gateway.process._child.wait(15) == 0
        assert not folder.exists()


def _shared_folder(gateway: Running) -> Path:
    """By what a process that answers has mapped: the folder is made by the one that starts them."""
    pid = gateway.process._child.pid
    worker = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    mapped = re.findall(r"/\S*/jwt-signer-metrics-[^/]+", Path(f"/proc/{worker}/maps").read_text())
    return Path(mapped[0])


def test_the_log_has_policy_and_request_id(tmp_path: Path, known: Providers, service: str) -> None:
    file = {**content(known, service), "request_id_header": "X-Request-ID", "enable_instrumentation": True}
    with running(tmp_path, file) as gateway:
        good = bearer(known.access.mint())
        for number in range(2):
            ask(gateway.origin, "/a/orders", {**good, "X-Request-ID": f"r-{number}"})
        ask(gateway.origin, "/orders", {"X-REQUEST-ID": "r-2"})
        gateway.process.wait_for("r-2")
        lines = re.findall(r'\{"outcome".*\}', gateway.process.log.read_text())
    told = [(one["policy"], one["reason"], one["request_id"]) for one in map(json.loads, lines)]
    assert told == [
        ("alike", "accepted", "r-0"),
        ("alike", "accepted", "r-1"),
        ("default", "token_missing", "r-2"),
    ]


def test_off_by_default_and_on_by_a_reload(tmp_path: Path, known: Providers, service: str) -> None:
    with running(tmp_path, content(known, service)) as gateway:
        assert ask(gateway.origin, METRICS).status == 404
        gateway.file.write_text(write_toml(content(known, service, metrics=True)))
        gateway.process.signal(signal.SIGHUP)
        gateway.process.wait_for("is taken over")
        ask(gateway.origin, "/orders")
        assert scraped(gateway).value(DECISIONS, reason="token_missing") == 1


def test_a_secret_guards_them_where_there_is_one(tmp_path: Path, known: Providers, service: str) -> None:
    file = {**content(known, service, metrics=True), "admin_token": ADMIN_TOKEN}
    with running(tmp_path, file) as gateway:
        for headers in ({}, bearer("guess")):
            refused = ask(gateway.origin, METRICS, headers)
            assert refused.status == 401
            assert refused.headers["www-authenticate"].startswith("Bearer realm=")
            assert b"jwt_signer" not in refused.body
        assert scraped(gateway, **bearer(ADMIN_TOKEN)).value("jwt_signer_keyset_version") == 1


def test_a_folder_that_is_given_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with shared_metrics():
        assert os.environ[FOLDER] == str(tmp_path)
    assert tmp_path.exists()


def test_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jwt_signer_mw import command

    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "prometheus_client" else True)
    file = tmp_path / "gateway.toml"
    file.write_text('access_token_jwks_uri = "https://a.example/"\n[gateway]\nmetrics = true\n')
    assert command.main(["serve", str(file), "--upstream", "http://127.0.0.1:1"]) == 2
    assert "pip install 'jwt-signer-mw[observability]'" in capsys.readouterr().err
