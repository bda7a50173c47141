"""Signals about decisions and keys. What a receiver raises is logged, and changes no decision.

Under ASGI, receivers that are no coroutines run on the request's own thread: they may use the ORM.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.dispatch import Signal

from jwt_signer_mw.events import ACCEPTED

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_signer_mw.events import Decided

# Both come with `request`, `policy` (its name) and `event`, a `jwt_signer_mw.events.Decided`.
token_accepted = Signal()
token_refused = Signal()

# With `name` of the set and `stored`, its new state; sent by the process that rotated it, whatever made it.
keyset_rotated = Signal()

_heard: ContextVar[Decided | None] = ContextVar("jwt_signer_decision", default=None)


def hear(event: Decided) -> None:
    """An observer for pipelines: keeps the event until `tell` passes it on."""
    _heard.set(event)


def tell(request: HttpRequest, policy: str) -> None:
    """Sends the signal for the decision that was heard last."""
    if found := _take():
        signal, event = found
        signal.send_robust(type(request), request=request, policy=policy, event=event)


async def atell(request: HttpRequest, policy: str) -> None:
    """`tell` for an event loop."""
    if found := _take():
        signal, event = found
        send: Any = getattr(signal, "asend_robust", None) or sync_to_async(
            signal.send_robust
        )  # from Django 5.0
        await send(type(request), request=request, policy=policy, event=event)


def _take() -> tuple[Signal, Decided] | None:
    event = _heard.get()
    if event is None:
        return None
    _heard.set(None)
    if event.status:
        signal = token_refused
    elif event.reason == ACCEPTED:
        signal = token_accepted
    else:
        return None
    return (signal, event) if signal.receivers else None
