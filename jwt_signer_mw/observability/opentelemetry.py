"""Traces and metrics for OpenTelemetry, by its API alone: without an SDK nothing is recorded.

Exchanges with providers are client spans by the semantic conventions for HTTP; whatever else has a span or
an attribute is named under `jwt_signer.`. No span holds a token, a claim, a path or a query.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.events import EVENTS, Decided, Exchanged, Recalled
from jwt_signer_mw.observability.metrics import METRICS, measure
from jwt_signer_mw.observing import Deciding, Exchanging, Introspecting, Signing

try:
    from opentelemetry import context, metrics, propagate, trace
    from opentelemetry.propagators.textmap import Setter
except ModuleNotFoundError as missing:
    missing.add_note("Traces need an extra: pip install 'jwt-signer-mw[observability]'")
    raise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from jwt_signer_mw.events import Event
    from jwt_signer_mw.observability.metrics import Metric
    from jwt_signer_mw.observing import Work

SCOPE: Final = "jwt_signer_mw"
DECISION: Final = "jwt_signer.decision"
INTROSPECTION: Final = "jwt_signer.introspection"
SIGNATURE: Final = "jwt_signer.signature"
GROUPS: Final = frozenset({"cache", "decision", "exchange", "jwks", "keyset", "signature"})
CLIENT_ERRORS: Final = 400
SERVER_ERRORS: Final = 500
KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)

Attributes: TypeAlias = "Mapping[str, str | int | bool]"

_DECISION_SPAN: Final = context.create_key("jwt-signer-decision-span")


class OpenTelemetryObserver:
    """Spans for decisions, exchanges, introspections and signatures, and the metrics of `metrics.py`.

    `propagate`: `traceparent` goes along to providers. `measures` off: spans only, for who has the metrics
    elsewhere.
    """

    hears = frozenset(EVENTS)

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagate: bool = False,
        measures: bool = True,
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._propagates = propagate
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._changes = {one.name: _change(one, meter) for one in METRICS} if measures else {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Decided):
            self._tell_decision(event)
        elif isinstance(event, Exchanged):
            _tell_exchange(trace.get_current_span(), event)
        elif isinstance(event, Recalled):
            trace.get_current_span().set_attribute("jwt_signer.introspection.remembered", event.found)
        if self._changes:
            for metric, labels, value in measure(event):
                attributes = {name: text for name, text in zip(metric.labels, labels, strict=True) if text}
                self._changes[metric.name](value, attributes)

    @contextmanager
    def around(self, work: Work) -> Iterator[None]:
        """A span that is current until the work ends."""
        name, kind, attributes = _described(work)
        span = self._tracer.start_span(name, kind=kind, attributes=dict(attributes))
        entered = trace.set_span_in_context(span)
        if isinstance(work, Deciding):
            entered = context.set_value(_DECISION_SPAN, span, entered)
        elif isinstance(work, Exchanging) and self._propagates:
            propagate.inject(work.headers, context=entered, setter=_HEADERS)
        token = context.attach(entered)
        try:
            yield
        except Exception as error:
            _tell_failure(span, error)
            raise
        finally:
            context.detach(token)
            span.end()

    def _tell_decision(self, event: Decided) -> None:
        """On the span of the decision; a remembered one, or one that a view made, has a short one."""
        span: Any = context.get_value(_DECISION_SPAN)
        attributes = _decision(event)
        if span is not None:
            span.set_attributes(attributes)
            if event.status >= SERVER_ERRORS:
                _fail(span, event.reason)
            return
        with self._tracer.start_as_current_span(DECISION, attributes=attributes) as short:
            if event.status >= SERVER_ERRORS:
                _fail(short, event.reason)


class _Headers(Setter[list[tuple[str, str]]]):
    """Puts what is propagated into the headers of an exchange."""

    def set(self, carrier: list[tuple[str, str]], key: str, value: str) -> None:
        carrier.append((key, value))


_HEADERS: Final = _Headers()


def _described(work: Work) -> tuple[str, trace.SpanKind, Attributes]:
    if isinstance(work, Exchanging):
        return work.method, trace.SpanKind.CLIENT, _exchange(work)
    name = {Deciding: DECISION, Introspecting: INTROSPECTION, Signing: SIGNATURE}[type(work)]
    attributes: dict[str, str | int | bool] = {"jwt_signer.policy": work.policy}
    if isinstance(work, Deciding):
        attributes["http.request.method"] = work.method if work.method in KNOWN_METHODS else "_OTHER"
    else:
        attributes["jwt_signer.token"] = work.token
    if isinstance(work, Signing):
        attributes["jwt_signer.algorithm"] = work.algorithm
    return name, trace.SpanKind.INTERNAL, attributes


def _exchange(work: Exchanging) -> Attributes:
    """HTTP client spans: what is required before the request is sent."""
    parts = urlsplit(work.url)
    return {
        "http.request.method": work.method,
        "url.full": work.url,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        "jwt_signer.purpose": work.purpose,
    }


def _tell_exchange(span: Span, event: Exchanged) -> None:
    if event.status:
        span.set_attribute("http.response.status_code", event.status)
    if event.status >= SERVER_ERRORS or event.status >= 400:  # a client's span: 4xx is an error, too
        _fail(span, str(event.status))


def _decision(event: Decided) -> dict[str, str | int | bool]:
    attributes: dict[str, str | int | bool] = {
        "jwt_signer.policy": event.policy,
        "jwt_signer.outcome": event.outcome,
        "jwt_signer.reason": event.reason,
        "jwt_signer.remembered": event.remembered,
    }
    if event.status:
        attributes |= {"jwt_signer.status": event.status, "jwt_signer.option": event.option}
    if event.token:
        attributes["jwt_signer.token"] = event.token
    return attributes


def _tell_failure(span: Span, error: Exception) -> None:
    """A refusal that a client can help is no error of ours."""
    if isinstance(error, Refusal):
        span.set_attribute("jwt_signer.reason", error.code)
        if error.status < SERVER_ERRORS:
            return
    _fail(span, type(error).__name__)


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(trace.StatusCode.ERROR)


def _change(metric: Metric, meter: Meter) -> Callable[[float, dict[str, str]], None]:
    """What changes it. Names as OpenTelemetry writes them: no suffix for the unit or the kind."""
    unit = "s" if metric.name.endswith("_seconds") else "1"
    short = metric.name.removeprefix("jwt_signer_").removesuffix("_total").removesuffix("_seconds")
    group, _, rest = short.partition("_")
    name = f"jwt_signer.{group}.{rest}" if group in GROUPS else f"jwt_signer.{short}"
    if metric.kind == "counter":
        return meter.create_counter(name, unit, metric.help).add
    if metric.kind == "gauge":
        return meter.create_gauge(name, unit, metric.help).set
    histogram = meter.create_histogram(
        name, unit, metric.help, explicit_bucket_boundaries_advisory=metric.buckets
    )
    return histogram.record
