"""Options about who hears what the middleware does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jwt_signer_mw.settings.declaring import parameter, text
from jwt_signer_mw.settings.kinds import Plain, Schema, Text, Unreadable, bounded, read_json
from jwt_signer_mw.settings.options import SINCE, SuiteOptions
from jwt_signer_mw.settings.services import is_service

WANTED = "a list of names, dotted paths or observers"


@dataclass(frozen=True)
class Observers(Plain):
    """Who hears of decisions and more, by name or in person; as text, separated by commas or a JSON list."""

    def read(self, value: object) -> tuple[object, ...]:
        if isinstance(value, str):
            said = value.strip()
            value = read_json(said) if said.startswith("[") else [part.strip() for part in said.split(",")]
            value = [] if value == [""] else value
        return tuple(map(self._observer, bounded(value, WANTED)))

    def _observer(self, one: object) -> object:
        if not is_service(one) or one is None:
            return Text().read(one)
        if not callable(one):
            raise Unreadable("settings.E002", "has an element that can't be called with an event.")
        return one

    def plain(self, value: Any) -> object:
        return list(value)

    def schema(self) -> Schema:
        return {"type": "array", "items": Text().schema()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedOptions(SuiteOptions):
    """The suite's options, with those about observers."""

    observers: tuple[object, ...] = parameter(
        "observers",
        Observers(),
        (),
        "Who hears what happens: `prometheus`, `opentelemetry`, dotted paths, or objects.",
        since=SINCE,
        null="default",
    )
    request_id_header: str | None = text(
        "request_id_header",
        None,
        "Header whose value log lines and events have as `request_id`, such as `X-Request-ID` or "
        "`traceparent`; null: none.",
        since=SINCE,
        null="none",
        blank=True,
    )
