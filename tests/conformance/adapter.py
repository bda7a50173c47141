"""What an adapter brings to the conformance table: some thirty lines each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.messages import Identity


def fold_name(name: str) -> str:
    """One name for the spellings that CGI folds together: lower case, `-` for `_`."""
    return name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Plain:
    """A `Request` with its places and tokens filled in. `headers` repeat as the client sent them."""

    method: str
    target: str
    host: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call of the application: its headers without `Host`, names folded, and what the view gets."""

    headers: tuple[tuple[str, str], ...]
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client got, and every call of the application that this request led to."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seen: tuple[Seen, ...] = ()


BODY = b"the application answers"  # what the application behind every adapter returns, as text/plain


class Runner(Protocol):
    """One middleware, built."""

    def send(self, request: Plain) -> Outcome:
        """Through the middleware to the application."""
        ...

    def ask(self, request: Plain) -> Outcome:
        """To the key set endpoints."""
        ...

    def close(self) -> None: ...


class Adapter(Protocol):
    """The way to build one. Raises `ConfigurationError` for bad settings."""

    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> Runner: ...
