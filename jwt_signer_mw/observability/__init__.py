"""Observers that pass events on to monitoring systems. Extra `observability`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.observing import Observer

# What the option `observers` calls them: their classes.
NAMED: Final[Mapping[str, tuple[str, str]]] = {
    "prometheus": ("jwt_signer_mw.observability.prometheus", "PrometheusObserver"),
    "opentelemetry": ("jwt_signer_mw.observability.opentelemetry", "OpenTelemetryObserver"),
}


@cache
def open_observer(name: str) -> Observer:
    """One for all policies of this process. Raises `ModuleNotFoundError` where its library is missing."""
    module, kind = NAMED[name]
    observer: Observer = getattr(import_module(module), kind)()
    return observer
