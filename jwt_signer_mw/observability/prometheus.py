"""Metrics for Prometheus, on `prometheus_client`; also where many processes serve one application.

With `PROMETHEUS_MULTIPROC_DIR` set, counters and histograms of all processes add up, and a gauge has the
value that any process set last: none of them means anything different with one process or with many.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from jwt_signer_mw.observability.metrics import MEASURED, METRICS, measure

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, exposition
    from prometheus_client.multiprocess import MultiProcessCollector
except ModuleNotFoundError as missing:
    missing.add_note("Metrics need an extra: pip install 'jwt-signer-mw[observability]'")
    raise

if TYPE_CHECKING:
    from jwt_signer_mw.events import Event
    from jwt_signer_mw.observability.metrics import Metric

Instrument: TypeAlias = Counter | Gauge | Histogram
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_instruments: WeakKeyDictionary[CollectorRegistry, dict[str, Instrument]] = WeakKeyDictionary()


class PrometheusObserver:
    """Measures every event. Observers of one registry share their metrics."""

    hears = MEASURED

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._instruments = _instruments_of(registry)
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}  # as few as labels have values

    def __call__(self, event: Event) -> None:
        for metric, labels, value in measure(event):
            key = (metric.name, labels)
            change = self._children.get(key) or self._children.setdefault(key, self._change(metric, labels))
            change(value)

    def _change(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        child = self._instruments[metric.name].labels(*labels)
        if isinstance(child, Counter):
            return child.inc
        return child.set if isinstance(child, Gauge) else child.observe


def scrape(registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The text of all metrics, and its content type: of all processes where they share a folder, else of
    this one."""
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return exposition.generate_latest(registry), exposition.CONTENT_TYPE_LATEST


def _instruments_of(registry: CollectorRegistry) -> dict[str, Instrument]:
    if registry not in _instruments:
        _instruments[registry] = {metric.name: _instrument(metric, registry) for metric in METRICS}
    return _instruments[registry]


def _instrument(metric: Metric, registry: CollectorRegistry) -> Instrument:
    about = (metric.name, metric.help.replace("`", ""), metric.labels)
    if metric.kind == "counter":
        return Counter(*about, registry=registry)
    if metric.kind == "gauge":
        return Gauge(*about, registry=registry, multiprocess_mode="mostrecent")
    return Histogram(*about, registry=registry, buckets=metric.buckets)
