"""The values that cross the doorways of the house."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from jwt_signer_mw.wire import decode_base64url, parse_object

IDENTITY = "jwt_signer_mw.identity"  # where an environ and a scope hold it

Source: TypeAlias = Literal["jwt", "introspection"]


class Delivery(NamedTuple):
    """How a request was delivered, for policies that bind tokens to that.

    `scheme` is what the server says; `path` is percent-encoded and whole, `query` raw, as they were sent.
    """

    scheme: str
    path: str
    certificate: str | None = None  # the client's, in PEM, if the server verified one
    query: str = ""
    digest: bytes | None = None  # SHA-256 of the body; empty: too long to be known; None: nobody looked
    inner_path: str | None = None  # decoded, as the service behind sees it; None: as `Incoming.path`


class Incoming(NamedTuple):
    """The head of a request, as far as a decision looks at it.

    `path` is decoded, as the application will see it; `host` is the Host header. `values` are those of
    the headers of `Pipeline.reads`, in that order; `repeated` holds the places of headers among them
    that came more than once. `delivery` is there for a policy that `binds`, `request_id` for
    one that has `request_ids`.
    """

    method: str
    path: str
    host: str
    values: tuple[str | None, ...]
    repeated: frozenset[int] = frozenset()
    delivery: Delivery | None = None
    request_id: str = ""


class Consumer(NamedTuple):
    """Whom a claim was mapped to (section 6 of the plugin's consumer mapping)."""

    id: str | None = None
    username: str | None = None
    custom_id: str | None = None


class Outcome(NamedTuple):
    """What became of one token.

    `carrier` is the index of the client's header among those that are read. `payload` None: it is
    the second part of the JWT there. `signed` is the index of the new token among the values that
    are written, or None.
    """

    source: Source
    carrier: int
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
        return claims_in(self._carrier) if self._payload is None else parse_object(self._payload)

    @property
    def upstream_claims(self) -> dict[str, Any] | None:
        """What the new token says; None where none was signed."""
        return None if self._new is None else claims_in(self._new)

    def __repr__(self) -> str:
        return f"TokenIdentity(source={self.source!r})"  # claims are personal, tokens are secret


class Identity:
    """Who stands behind an accepted request. Its parts are made when asked for: most views never ask."""

    __slots__ = ("_carriers", "_outcomes", "_written", "consumer")

    def __init__(
        self,
        outcomes: tuple[Outcome | None, ...] = (None, None),
        carriers: tuple[str | None, ...] = (),
        written: tuple[str, ...] = (),
        consumer: Consumer | None = None,
    ) -> None:
        self._outcomes = outcomes
        self._carriers = carriers  # the client's header values
        self._written = written  # the header values that go on
        self.consumer = consumer

    @property
    def access_token(self) -> TokenIdentity | None:
        return self._token(0)

    @property
    def channel_token(self) -> TokenIdentity | None:
        return self._token(1)

    @property
    def present(self) -> tuple[str, ...]:
        """The names of the tokens that it holds."""
        names = ("access_token", "channel_token")
        return tuple([name for name, one in zip(names, self._outcomes, strict=True) if one is not None])

    def _token(self, index: int) -> TokenIdentity | None:
        outcome = self._outcomes[index]
        if outcome is None:
            return None
        carrier = self._carriers[outcome.carrier] or ""
        new = None if outcome.signed is None else self._written[outcome.signed]
        return TokenIdentity(outcome.source, outcome.payload, carrier, new)

    def __repr__(self) -> str:
        parts = (self.access_token, self.channel_token, self.consumer)
        return "Identity(access_token={!r}, channel_token={!r}, consumer={!r})".format(*parts)


NOBODY = Identity()


class Forward(NamedTuple):
    """Let the request through, with these headers in place of whatever the client sent under them."""

    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    identity: Identity = NOBODY


class Rejection(NamedTuple):
    """Answer the request, the application never sees it. `reason` is stable and safe for metrics.

    Nearly always a refusal; the metadata of the resource are shown with a status of 200.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Decision: TypeAlias = Forward | Rejection


def claims_in(header_value: str) -> dict[str, Any]:
    """The claims of a JWT, with or without a scheme before it."""
    token = header_value.rpartition(" ")[2]
    return parse_object(decode_base64url(token.split(".", 2)[1]))
