"""Signals about decisions and keys. The sender is the Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blinker import Namespace

from jwt_signer_mw.events import ACCEPTED

if TYPE_CHECKING:
    from flask import Flask

    from jwt_signer_mw.events import Decided

_signals = Namespace()

# `event` is a `jwt_signer_mw.events.Decided`. Receivers run on the thread of the request.
token_accepted = _signals.signal("token-accepted")
token_refused = _signals.signal("token-refused")

# `keyset` is the name of a set that was rotated, by whomever: the first request that notices tells it.
keyset_rotated = _signals.signal("keyset-rotated")


class Teller:
    """Observes the decisions of one application's policies, and sends the signals."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, event: Decided) -> None:
        if event.status and token_refused.receivers:
            token_refused.send(self._app, event=event)
        elif event.reason == ACCEPTED and token_accepted.receivers:
            token_accepted.send(self._app, event=event)
