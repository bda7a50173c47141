"""The dashboard and the alert rules: read by a real Prometheus, and about metrics that exist."""

# ruff: noqa: E402  (prometheus_client is an extra)
from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
import yaml

from parts import ROOT, require, require_module

require_module("prometheus_client")

from prometheus_client import CollectorRegistry

from asgi_serving import free_port
from fleet import eventually
from jwt_signer_mw.observability.metrics import METRICS
from jwt_signer_mw.observability.prometheus import PrometheusObserver, scrape
from observed import House, token
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

EXAMPLES = ROOT / "examples" / "observability"
SECONDS = 5.0
QUIET = {
    "Fetches that failed",
    "5xx",
    "What stricter rules would refuse",
}  # panels that may have nothing to show on a good day

LABELS = {metric.name: set(metric.labels) for metric in METRICS}
OF_PROMETHEUS = {"job", "instance", "le"}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((EXAMPLES / "dashboard.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def dashboard_queries() -> list[tuple[str, str]]:
    """Titles and expressions, with Grafana's variables filled in."""
    filled = {"$__rate_interval": "1m", "$job": ".*", "$policy": ".*"}
    queries = []
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in filled.items():
                expression = expression.replace(variable, value)
            queries.append((panel["title"], expression))
    return queries


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((EXAMPLES / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def series(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that it is selected by."""
    for name, selector in re.findall(r"\b(jwt_signer_\w+)(\{[^}]*\})?", expression):
        yield re.sub(r"_(bucket|count|sum)$", "", name), set(re.findall(r"(\w+)\s*=", selector))


def test_every_metric_and_label_that_is_asked_for_exists() -> None:
    dashboard = json.loads((EXAMPLES / "dashboard.json").read_text())
    variables = [one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"]
    annotations = [one["expr"] for one in dashboard["annotations"]["list"]]
    rules = [rule["expr"] for rule in alerts()]
    days = yaml.safe_load((EXAMPLES / "alerts.test.yml").read_text())["tests"]
    played = [one["series"] for day in days for one in day["input_series"]]
    expressions = [*(query for _, query in dashboard_queries()), *variables, *annotations, *rules, *played]
    asked = [found for expression in expressions for found in series(expression)]
    assert len(asked) > 40
    for name, labels in asked:
        assert name in LABELS, name
        assert labels <= LABELS[name] | OF_PROMETHEUS, (name, labels)
    assert {name for name, _ in asked} == set(LABELS), "every metric is of use to somebody"


def test_labels_that_are_grouped_by_exist() -> None:
    for expression in [*(query for _, query in dashboard_queries()), *(rule["expr"] for rule in alerts())]:
        known = OF_PROMETHEUS.union(*(LABELS[name] for name, _ in series(expression)))
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert set(re.split(r",\s*", group)) <= known, expression


def test_the_alerts_that_are_needed_are_there() -> None:
    assert {rule["alert"] for rule in alerts()} >= {
        "JWTSignerProviderDown",
        "JWTSignerKeySetStale",
        "JWTSignerRefusalsSurge",
        "JWTSignerRotationOverdue",
        "JWTSigner5xx",
    }
    for rule in alerts():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_panels_have_a_place_of_their_own() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads((EXAMPLES / "dashboard.json").read_text())["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


# With a real Prometheus


@pytest.mark.parametrize(
    "command", ["check rules alerts.yml", "test rules alerts.test.yml", "check config prometheus.yml"]
)
def test_promtool_finds_no_fault(command: str, tmp_path: Path) -> None:
    """The rules are played through a good hour, a quiet one, and one in which everything is down."""
    promtool, folder = program("promtool"), tmp_path / "observability"
    shutil.copytree(EXAMPLES, folder)
    (folder / "admin-token").write_text("secret")
    asked = [promtool, *command.split()]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def program(name: str) -> str:
    found = shutil.which(name)
    require(found, f"no {name}: apt-get install prometheus")
    return found or ""


class Prometheus:
    """A server of its own that scrapes one place every second, with our alert rules."""

    def __init__(self, folder: Path, target: str, **place: Any) -> None:
        """`place` is what a scrape configuration says beside the target."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(EXAMPLES / "alerts.yml")],
            "scrape_configs": [{"job_name": "shop", **place, "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.process = ServerProcess(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            folder / "prometheus.log",
        )
        self.process.wait_for("Server is ready to receive web requests")

    def get(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/{path}", params=parameters, timeout=SECONDS).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        found: list[Any] = self.get("query", query=expression)["result"]
        return found

    def states(self) -> dict[str, str]:
        """Of the alerts, by name: inactive, pending or firing."""
        (group,) = self.get("rules")["groups"]
        assert [rule["health"] for rule in group["rules"]] == ["ok"] * len(group["rules"]), group
        return {rule["name"]: rule["state"] for rule in group["rules"]}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  inherited
        """No line per request."""


@contextmanager
def exposed(registry: CollectorRegistry) -> Iterator[int]:
    """The metrics on a free port."""

    def serve(_environ: Any, start_response: Any) -> Iterable[bytes]:
        text, content_type = scrape(registry)
        start_response("200 OK", [("Content-Type", content_type)])
        return [text]

    server = make_server("127.0.0.1", 0, serve, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_real_prometheus_answers_every_panel_and_sees_an_outage(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    house = House("wsgi", [PrometheusObserver(registry)], verdict_cache_ttl=1, introspection_cache_ttl=1)
    house.clock.now = time.time()
    with exposed(registry) as port:
        prometheus = Prometheus(tmp_path, f"127.0.0.1:{port}")
        try:
            _good_day(house, prometheus)
            _outage(house, prometheus)
        finally:
            prometheus.process.stop()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_real_prometheus_scrapes_a_gateway_as_the_example_says(tmp_path: Path) -> None:
    """Two processes behind one port, and a secret in front of their metrics."""
    require_module("uvicorn", "httpx2", "werkzeug", "jwt")
    from gatewaying import ADMIN_TOKEN, ask, running

    (place,) = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())["scrape_configs"]
    (tmp_path / place["authorization"]["credentials_file"]).write_text(ADMIN_TOKEN)
    settings = {
        "access_token_jwks_uri": (tmp_path / "none.json").as_uri(),
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "admin_token": ADMIN_TOKEN,
        "gateway": {"metrics": True, "upstream": "http://127.0.0.1:9"},
    }
    with running(tmp_path, settings, "--workers", "2") as gateway:
        prometheus = Prometheus(tmp_path, gateway.origin.removeprefix("http://"), **place)
        try:
            for _ in range(10):
                assert ask(gateway.origin).status == 401
            refused = 'sum(jwt_signer_decisions_total{job="jwt-signer", reason="token_missing"})'
            assert eventually(lambda: [one["value"][1] for one in prometheus.query(refused)] == ["10"], 60)
        finally:
            prometheus.process.stop()


def _traffic(house: House) -> None:
    house.clock.now = time.time()
    text = token(exp=house.clock.now + 60)
    for one in (text, text, "opaque", "opaque", None, token(exp=1)):
        house.get(one)


def _good_day(house: House, prometheus: Prometheus) -> None:
    """Every panel has something to show, and no alert is up."""

    def silent() -> list[str]:
        _traffic(house)
        return [
            f"{title}: {expression}"
            for title, expression in dashboard_queries()
            if title not in QUIET and not prometheus.query(expression)
        ]

    assert eventually(lambda: not silent(), 60), silent()
    states = prometheus.states()
    assert set(states) == {rule["alert"] for rule in alerts()}
    assert states.pop("JWTSignerRefusalsSurge") in ("inactive", "pending")  # a third is refused
    assert set(states.values()) == {"inactive"}


def _outage(house: House, prometheus: Prometheus) -> None:
    house.is_down = True

    def is_noticed() -> bool:
        for number in range(5):
            house.get(f"another-{number}-{time.time()}")
        states = prometheus.states()
        return {states["JWTSignerProviderDown"], states["JWTSigner5xx"]} == {"pending"}

    assert eventually(is_noticed, 60), prometheus.states()
    failed = 'sum(jwt_signer_exchange_duration_seconds_count{outcome="no_answer"})'
    assert float(prometheus.query(failed)[0]["value"][1]) > 5
