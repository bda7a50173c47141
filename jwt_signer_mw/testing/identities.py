"""Identities without a request: for calling a view alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.messages import Consumer, Identity, Outcome
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    Claims = Mapping[str, Any]


def make_identity(
    access_token: Claims | None = None,
    channel_token: Claims | None = None,
    consumer: Consumer | Mapping[str, str | None] | None = None,
) -> Identity:
    """Who these claims describe, as if they had been accepted; None is a token that was not sent."""
    outcomes = tuple(
        None if claims is None else Outcome("jwt", 0, dump_json(dict(claims)), None)
        for claims in (access_token, channel_token)
    )
    mapped = consumer if consumer is None or isinstance(consumer, Consumer) else Consumer(**consumer)
    return Identity(outcomes, ("",), (), mapped)
