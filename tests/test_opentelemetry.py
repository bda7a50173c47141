"""Spans and metrics for OpenTelemetry, recorded by its SDK."""

# ruff: noqa: E402  (OpenTelemetry is an extra)
from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from parts import require_module

require_module("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jwt_signer_mw.observability.metrics import METRICS
from jwt_signer_mw.observability.opentelemetry import OpenTelemetryObserver
from observed import WAYS, House, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan


class Recorded(NamedTuple):
    """A house whose spans and metrics are kept in memory."""

    house: House
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    tracers: TracerProvider

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


def record(way: str, *, propagate: bool = False, **settings: Any) -> Recorded:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    observer = OpenTelemetryObserver(tracer_provider=tracers, meter_provider=meters, propagate=propagate)
    return Recorded(House(way, [observer], **settings), exporter, reader, tracers)


@pytest.fixture(params=WAYS)
def recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    made = record(request.param, policy="orders", access_token_signing_algorithm="RS256")
    yield made
    made.house.close()


def id_of(span: ReadableSpan) -> int | None:
    return None if span.context is None else span.context.span_id


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def test_a_new_token(recorded: Recorded) -> None:
    assert recorded.house.get(token()) == 200
    spans = recorded.spans()
    assert set(spans) == {"jwt_signer.decision", "GET", "jwt_signer.signature"}
    decision, fetch, signature = (
        spans[name] for name in ("jwt_signer.decision", "GET", "jwt_signer.signature")
    )
    assert decision.parent is None
    assert parent(fetch) == parent(signature) == id_of(decision)
    assert decision.attributes == {
        "http.request.method": "GET",
        "jwt_signer.policy": "orders",
        "jwt_signer.outcome": "forwarded",
        "jwt_signer.reason": "accepted",
        "jwt_signer.remembered": False,
    }
    assert fetch.kind is SpanKind.CLIENT
    assert fetch.attributes == {
        "http.request.method": "GET",
        "url.full": "https://idp.example:8443/jwks",
        "server.address": "idp.example",
        "server.port": 8443,
        "http.response.status_code": 200,
        "jwt_signer.purpose": "jwks",
    }
    assert signature.attributes == {
        "jwt_signer.policy": "orders",
        "jwt_signer.token": "access_token",
        "jwt_signer.algorithm": "RS256",
    }
    assert {span.status.status_code for span in spans.values()} == {StatusCode.UNSET}


def test_an_opaque_token(recorded: Recorded) -> None:
    assert recorded.house.get("opaque") == 200
    spans = recorded.spans()
    introspection = spans["jwt_signer.introspection"]
    assert parent(spans["POST"]) == id_of(introspection)
    assert parent(introspection) == id_of(spans["jwt_signer.decision"])
    assert introspection.attributes is not None
    assert introspection.attributes["jwt_signer.introspection.remembered"] is False


def test_a_remembered_token_has_a_short_span_under_the_requests_own(recorded: Recorded) -> None:
    text = token()
    recorded.house.get(text)
    recorded.exporter.clear()
    with recorded.tracers.get_tracer("server").start_as_current_span("request") as request:
        recorded.house.get(text)
    spans = recorded.spans()
    assert set(spans) == {"request", "jwt_signer.decision"}
    decision = spans["jwt_signer.decision"]
    assert parent(decision) == request.get_span_context().span_id
    assert decision.attributes is not None
    assert decision.attributes["jwt_signer.remembered"] is True


def test_refusals_are_no_errors_and_outages_are(recorded: Recorded) -> None:
    recorded.house.get(token(exp=1))
    refused = recorded.spans()["jwt_signer.decision"]
    assert refused.attributes is not None
    assert refused.attributes["jwt_signer.reason"] == "token_expired"
    assert refused.attributes["jwt_signer.option"] == "verify_access_token_expiry"
    assert refused.attributes["jwt_signer.token"] == "access_token"
    assert refused.status.status_code is StatusCode.UNSET
    recorded.exporter.clear()
    recorded.house.is_down = True
    assert recorded.house.get("opaque") == 503
    spans = recorded.spans()
    assert {name: span.status.status_code for name, span in spans.items()} == dict.fromkeys(
        ("POST", "jwt_signer.introspection", "jwt_signer.decision"), StatusCode.ERROR
    )
    assert [(span.attributes or {}).get("error.type") for span in spans.values()] == [
        "TransportError",
        "ProviderUnavailable",
        "provider_unavailable",
    ]


@pytest.mark.rule("S29", "S31")
def test_spans_hold_no_secret(recorded: Recorded) -> None:
    for text in (token(sub="mark-1"), "mark-2", token(exp="mark-3"), f"{token()}mark-4"):
        recorded.house.get(text, **{"X-Mark": "mark-5"})
    told = "".join(span.to_json() for span in recorded.exporter.get_finished_spans())
    assert "mark-" not in told
    assert "s3cr3t-" not in told
    assert "eyJ" not in told


def test_nothing_is_left_behind(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    """No span is current after a request, and no context was detached in the wrong place."""
    from opentelemetry import trace

    with caplog.at_level(logging.WARNING, "opentelemetry"):
        for text in (token(), "opaque", "", token(exp=1)):
            recorded.house.get(text)
    assert not trace.get_current_span().get_span_context().is_valid
    assert [one for one in caplog.records if one.name.startswith("opentelemetry")] == []


def test_metrics(recorded: Recorded) -> None:
    for text in (token(), "opaque", None):
        recorded.house.get(text)
    data: Any = recorded.reader.get_metrics_data()
    found = {metric.name: metric for one in data.resource_metrics[0].scope_metrics for metric in one.metrics}
    assert len(found) == len(METRICS) - 1  # nothing would have been refused
    assert {name.count(".") for name in found if name != "jwt_signer.decisions"} == {2}
    assert found["jwt_signer.decision.duration"].unit == "s"
    points = found["jwt_signer.decisions"].data.data_points
    assert {(point.attributes["reason"], point.value) for point in points} == {
        ("accepted", 2),
        ("token_missing", 1),
    }
    assert found["jwt_signer.signature.duration"].data.data_points[0].explicit_bounds[0] == 0.0001


@pytest.mark.parametrize("propagate", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_traceparent_goes_to_providers_only_when_asked(way: str, propagate: bool) -> None:
    recorded = record(way, propagate=propagate)
    try:
        recorded.house.get("opaque")
    finally:
        recorded.house.close()
    headers = dict(recorded.house.exchanges[0].headers)
    assert ("traceparent" in headers) is propagate
    if propagate:
        span = recorded.spans()["POST"].context
        assert span is not None
        assert headers["traceparent"].startswith(f"00-{span.trace_id:032x}-{span.span_id:016x}-")


def test_without_an_sdk_nothing_happens() -> None:
    house = House("wsgi", [OpenTelemetryObserver()])
    assert house.get(token()) == 200
