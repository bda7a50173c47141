"""What a view asks for: who stands behind the request that it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import request
from werkzeug.local import LocalProxy

from jwt_signer_mw.messages import IDENTITY, NOBODY

if TYPE_CHECKING:
    from jwt_signer_mw.messages import Consumer, Identity


def _identity() -> Identity:
    identity: Identity = request.environ.get(IDENTITY, NOBODY)
    return identity


def _consumer() -> Consumer | None:
    return _identity().consumer


# Outside of a request both raise `RuntimeError`, as `flask.request` does. On an exempt path the identity
# is there, but holds no token; the proxy of an absent consumer is false and equal to None, never None.
current_identity = cast("Identity", LocalProxy(_identity))
current_consumer = cast("Consumer | None", LocalProxy(_consumer))
