"""What the suite tells the outside: one event per decision, and the loggers."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from jwt_signer_mw.messages import Identity

log = logging.getLogger("jwt_signer_mw")
decisions = logging.getLogger("jwt_signer_mw.decisions")
instrumentation = logging.getLogger("jwt_signer_mw.instrumentation")

_LEVELS = {500: logging.ERROR, 503: logging.WARNING}

ACCEPTED = "accepted"
EXEMPT = "exempt"


class Decided(NamedTuple):
    """One decision. `reason` is stable: "accepted", "exempt" or a refusal's code.

    `option` is the parameter that decided, `detail` is for people; neither holds client secrets.
    """

    status: int  # of the refusal; 0 when the request goes on
    reason: str
    method: str
    path: str
    option: str = ""
    detail: str = ""
    remembered: bool = False
    identity: Identity | None = None


class Observer(Protocol):
    """Hears every decision, on the thread or task that made it. It must not raise or block."""

    def __call__(self, event: Decided, /) -> None: ...


def log_refusal(event: Decided) -> None:
    """One line per refusal, level INFO (ERROR and WARNING for 500 and 503)."""
    if refusal_is_logged(event.status):
        decisions.log(_level(event.status), "%s", _line(event), extra={"jwt_signer": _fields(event)})


def refusal_is_logged(status: int) -> bool:
    return decisions.isEnabledFor(_level(status))


def _level(status: int) -> int:
    return _LEVELS.get(status, logging.INFO)


def instrument(event: Decided) -> None:
    """`enable_instrumentation`: one record per decision at level CRITICAL (decision 37)."""
    instrumentation.critical("%s", _line(event), extra={"jwt_signer": _fields(event)})


def _fields(event: Decided) -> dict[str, object]:
    fields: dict[str, object] = {
        "outcome": "refused" if event.status else "forwarded",
        "status": event.status,
        "reason": event.reason,
        "method": event.method[:32],
        "path": event.path[:256],
        "option": event.option,
        "detail": event.detail,
        "remembered": event.remembered,
    }
    identity = event.identity
    if identity is not None:
        if identity.access_token is not None:
            fields["access_token"] = identity.access_token.source
        if identity.channel_token is not None:
            fields["channel_token"] = identity.channel_token.source
        if identity.consumer is not None:
            fields["consumer"] = identity.consumer.id or identity.consumer.username
    return {name: value for name, value in fields.items() if value not in ("", False)}


def _line(event: Decided) -> str:
    """Fields as JSON in visible ASCII: one line, whatever a client put into its path."""
    return json.dumps(_fields(event), separators=(",", ":")).replace("\x7f", "\\u007f")
