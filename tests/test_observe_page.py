"""The how-to page about observing: its blocks do what it says."""

# ruff: noqa: E402  (what the blocks use are extras)
from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parts import ROOT, require_module

require_module("flask", "django", "prometheus_client", "opentelemetry.sdk", "structlog")

import structlog

from flask_app import ISSUER, bearer, make_app
from flask_jwt_signer import JWTSigner
from jwt_signer_mw.events import Decided, log_refusal
from observed import House
from pages import blocks
from scraped import Scraped

if TYPE_CHECKING:
    from pages import Block

PAGE = ROOT / "docs" / "how-to" / "observe.md"


def block(*marks: str) -> Block:
    (found,) = (one for one in blocks(PAGE) if all(mark in one.text for mark in marks))
    return found


def run(found: Block, **given: Any) -> dict[str, Any]:
    names = {"__name__": "page", **given}
    exec(compile(found.text, found.place, "exec"), names)
    return names


def test_flask() -> None:
    signer = JWTSigner(transport=ISSUER)
    app = make_app(signer, observers=["prometheus"])
    run(block("# Flask"), app=app, signer=signer)
    client = app.test_client()
    client.get("/", headers=bearer())
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert Scraped.of(answer.text).value("jwt_signer_decisions_total", reason="accepted") >= 1


def test_django() -> None:
    """The view answers, and the middleware would let everybody see it."""
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_project.settings")
    django.setup()
    from django.test import RequestFactory

    from django_jwt_signer.marks import EXEMPT, policy_of

    view = run(block("# Django"))["metrics"]
    answer = view(RequestFactory().get("/metrics"))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert policy_of(view) == EXEMPT


def test_the_console_shows_spans() -> None:
    """In a process of its own: the example names a provider of tracers for all of it."""
    before = """
from observed import SETTINGS, _application as app
from jwt_signer_mw.wsgi import JWTSignerMiddleware
settings = {**SETTINGS, "keyset_store": "memory://"}
"""
    after = """
from observed import environ_of
app(environ_of(None), lambda *_: None)
provider.shutdown()
"""
    code = before + block("ConsoleSpanExporter").text + after
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    span = json.loads(done.stdout)
    assert span["name"] == "jwt_signer.decision"
    assert span["attributes"]["jwt_signer.reason"] == "token_missing"


def test_an_observer_that_is_made_by_hand() -> None:
    first, second = run(block("propagate=True"))["observers"]
    assert type(first).__name__ == "OpenTelemetryObserver"
    assert second == "prometheus"


def test_an_observer_of_your_own() -> None:
    paged: list[str] = []
    outages = run(block("class Outages"), page_somebody=paged.append)["Outages"]
    house = House("wsgi", [outages()])
    house.is_down = True
    assert house.get("opaque") == 503
    assert paged == ["idp.example"] * 2  # it is asked twice


def test_structlog() -> None:
    formatter = run(block("def lift"), structlog=structlog)["formatter"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    log = logging.getLogger("jwt_signer_mw.decisions")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        House("wsgi", []).get()
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["policy"]) == ("token_missing", "info", "default")


def test_the_line_of_a_refusal_has_the_fields_that_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Those of the example, and of the table."""
    event = Decided(503, "code", "GET", "/", "option", "detail", token="access_token", request_id="r-1")
    with caplog.at_level(logging.INFO, "jwt_signer_mw.decisions"):
        log_refusal(event)
    fields = set(caplog.records[0].jwt_signer)  # type: ignore[attr-defined]
    assert fields == set(json.loads(block('"reason":"token_expired"').text))
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text().split("| Field |")[1], re.MULTILINE)
    assert fields <= set(re.findall(r"`(\w+)`", "".join(rows)))


def test_the_switches_are_options() -> None:
    from jwt_signer_mw.gateway.options import GatewayOptions, declared
    from jwt_signer_mw.settings.loading import OPTIONS, variable_name

    page = PAGE.read_text()
    assert {"observers", "request_id_header", "enable_instrumentation"} <= OPTIONS.keys()
    assert variable_name("observers") in page
    assert "metrics" in declared(GatewayOptions)
    for name in ("prometheus", "opentelemetry"):
        assert f'"{name}"' in page


@pytest.mark.parametrize("alert", ["dashboard.json", "alerts.yml", "alerts.test.yml", "prometheus.yml"])
def test_the_files_are_there(alert: str) -> None:
    assert (ROOT / "examples" / "observability" / alert).is_file()
