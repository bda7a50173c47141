"""A token as a client presents it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Presented(NamedTuple):
    """The value of a token's header, the token in it, and the places of what proves that it is the client's,
    by folded header names, among the values that are read."""

    carrier: str
    token: str
    places: Mapping[str, int]

    def __repr__(self) -> str:
        return "<Presented>"  # it holds the token
