"""The answer to a request that no tenant's policy judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.events import Decided, log_refusal
from jwt_signer_mw.messages import Rejection
from jwt_signer_mw.observing import tell
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.observing import Observer
    from jwt_signer_mw.tenants.choosing import Asked

MISDIRECTED = 421  # RFC 9110 section 15.5.20
BROKEN = 500
UNAVAILABLE = 503
RETRY = 5.0  # seconds until a tenant that could not be had is asked for again
REASONS = {MISDIRECTED: "tenant_unknown", BROKEN: "tenant_unusable", UNAVAILABLE: "tenant_unavailable"}
_MESSAGES = {
    MISDIRECTED: "Misdirected Request",
    BROKEN: "An unexpected error occurred",
    UNAVAILABLE: "Service Unavailable",
}


def refuse(status: int, asked: Asked, observers: Iterable[Observer] = ()) -> Rejection:
    """Without a challenge: there is nobody to authenticate to. Told like any refusal."""
    detail = f"host {asked.host[:64]!r}"
    event = Decided(status, REASONS[status], asked.method, asked.path, detail=detail)
    log_refusal(event)
    tell(observers, event)
    body = dump_json({"message": _MESSAGES[status]})
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    headers.append(("Cache-Control", "no-store"))
    if status == UNAVAILABLE:
        headers.append(("Retry-After", str(int(RETRY))))
    return Rejection(status, REASONS[status], tuple(headers), body)
