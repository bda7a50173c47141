"""Signals about decisions and keys. What a receiver raises is logged, and changes no decision."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal, Namespace

from jwt_signer_mw.events import ACCEPTED

if TYPE_CHECKING:
    from flask import Flask

    from jwt_signer_mw.events import Decided

log = logging.getLogger("jwt_signer_mw.flask")

_signals = Namespace()

# The sender is the Flask application. `event` is a `jwt_signer_mw.events.Decided`; receivers run on the
# thread of the request.
token_accepted = _signals.signal("token-accepted")
token_refused = _signals.signal("token-refused")

# `keyset` is the name of a set that was rotated, by whomever: the first request that notices tells it.
keyset_rotated = _signals.signal("keyset-rotated")


class Teller:
    """Observes the decisions of one application's policies, and sends the signals."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, event: Decided) -> None:
        if event.status:
            tell(token_refused, self._app, event=event)
        elif event.reason == ACCEPTED:
            tell(token_accepted, self._app, event=event)


def tell(signal: NamedSignal, app: Flask, **about: Any) -> None:
    if not signal.receivers:
        return
    try:
        signal.send(app, **about)
    except Exception:
        log.exception("a receiver of the signal %s failed", signal.name)
