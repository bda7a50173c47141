"""The values that cross the doorways of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from jwt_signer_mw.wire import decode_base64url, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

Source: TypeAlias = Literal["jwt", "introspection"]


class Incoming(NamedTuple):
    """The head of a request, as far as a decision looks at it.

    `path` is decoded, as the application will see it; `host` is the Host header. `headers` holds the
    headers of `Pipeline.reads`, by folded name, each with all its values.
    """

    method: str
    path: str
    host: str
    headers: Mapping[str, tuple[str, ...]]


class Consumer(NamedTuple):
    """Whom a claim was mapped to (section 6 of the plugin's consumer mapping)."""

    id: str | None = None
    username: str | None = None
    custom_id: str | None = None


class Outcome(NamedTuple):
    """What became of one token.

    `payload` None: it is the second part of the JWT that the client sent. `signed` is the index of
    the new token among the values that are written, or None.
    """

    source: Source
    payload: bytes | None
    signed: int | None


class TokenIdentity:
    """One verified token. Claims are decoded when asked for, so whoever edits them edits a copy."""

    __slots__ = ("_carrier", "_new", "_payload", "source")

    def __init__(self, source: Source, payload: bytes | None, carrier: str, new: str | None) -> None:
        self.source: Source = source
        self._payload = payload
        self._carrier = carrier  # the client's header value
        self._new = new  # the header value with the new token

    @property
    def claims(self) -> dict[str, Any]:
        """What was verified, as it came in."""
        return _claims_in(self._carrier) if self._payload is None else parse_object(self._payload)

    @property
    def upstream_claims(self) -> dict[str, Any] | None:
        """What the new token says; None where none was signed."""
        return None if self._new is None else _claims_in(self._new)

    def __repr__(self) -> str:
        return f"TokenIdentity(source={self.source!r})"  # claims are personal, tokens are secret


class Identity(NamedTuple):
    """Who stands behind an accepted request."""

    access_token: TokenIdentity | None = None
    channel_token: TokenIdentity | None = None
    consumer: Consumer | None = None


NOBODY = Identity()


class Forward(NamedTuple):
    """Let the request through, with these headers in place of whatever the client sent under them."""

    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    identity: Identity = NOBODY


class Rejection(NamedTuple):
    """Answer the request, the application never sees it. `reason` is stable and safe for metrics."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Decision: TypeAlias = Forward | Rejection


def _claims_in(header_value: str) -> dict[str, Any]:
    token = header_value.rpartition(" ")[2]
    return parse_object(decode_base64url(token.split(".", 2)[1]))
