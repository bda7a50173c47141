"""The four ways a token comes in: access or channel token, as a JWT or opaque.

A rule that is the same for all of them is described once and becomes one case per way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from conformance.case import Answer, Case, NewToken, Passed, Provider, Request, Send, Verified
from conformance.keys import jwks
from conformance.tokens import Token, bearer, good, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision, Step

OPAQUE: Final = "an-opaque-token-of-alice-0123456789"
ALL_KEYS: Final = jwks("rsa1", "rsa2", "p256", "p384", "p521", "ed1")

_ODD_NAMES: Final = {
    "enable_introspection": "enable_{}_introspection",
    "cache_introspection": "cache_{}_introspection",
    "trust_introspection": "trust_{}_introspection",
    "original_upstream_header": "original_{}_upstream_header",
    "add_claims": "add_{}_claims",
    "set_claims": "set_{}_claims",
    "remove_claims": "remove_{}_claims",
    "keep_claims": "keep_{}_claims",
}
_READ_FROM: Final = {"access_token": "Authorization", "channel_token": "X-Channel"}
_WRITTEN_TO: Final = {"access_token": "Authorization", "channel_token": "X-Channel-Upstream"}


class Side(NamedTuple):
    """One of the two tokens, the other being optional and absent."""

    token: str

    @property
    def header(self) -> str:
        """The header that the client sends."""
        return _READ_FROM[self.token]

    @property
    def upstream(self) -> str:
        """The header that the application sees, if nothing else is configured."""
        return _WRITTEN_TO[self.token]

    def name(self, field: str, *, introspection: bool = False) -> str:
        """The flat name of a field: `audience_claim`, `verify_audience`, `trust_introspection`..."""
        hole = f"{self.token}_introspection" if introspection else self.token
        template = _ODD_NAMES.get(field)
        if template is None:
            template = (
                field.replace("verify_", "verify_{}_", 1) if field.startswith("verify_") else "{}_" + field
            )
            if field == "endpoints_ssl_verify":
                template = "{}_endpoints_ssl_verify"
        return template.format(hole)

    def names(self, *fields: str) -> frozenset[str]:
        return frozenset(self.name(field) for field in fields)

    def settings(self, **fields: object) -> dict[str, object]:
        """This token from its own header to its own header, with these fields of its own."""
        if self.token == "access_token":
            base: dict[str, object] = {"channel_token_optional": True}
        else:
            base = {
                "access_token_optional": True,
                "channel_token_request_header": "X-Channel",
                "channel_token_upstream_header": "X-Channel-Upstream",
            }
        return base | {self.name(field): value for field, value in fields.items()}

    def send(self, value: object, *more: tuple[str, object]) -> Request:
        """A request with this token."""
        sent = bearer(value) if self.token == "access_token" else value
        return Request(((self.header, sent), *more))

    def new(self, claims: Mapping[str, object] | None = None, **members: Any) -> dict[str, object]:
        """The header with the new token."""
        scheme = "Bearer " if self.token == "access_token" else ""
        return {self.upstream: NewToken(claims or {}, scheme=scheme, **members)}

    def passed(self, headers: Mapping[str, object], **members: Any) -> Passed:
        """The application sees these headers, and an identity that holds this token alone."""
        consumer = members.pop("consumer", None)
        verified = Verified(**members)
        if self.token == "access_token":
            return Passed(headers, access=verified, consumer=consumer)
        return Passed(headers, channel=verified, consumer=consumer)


ACCESS: Final = Side("access_token")
CHANNEL: Final = Side("channel_token")
SIDES: Final = (ACCESS, CHANNEL)


class Way(NamedTuple):
    """One token in one form. The rules that check it are the token's or the introspection's."""

    side: Side
    opaque: bool

    @property
    def label(self) -> str:
        return f"{self.side.token.replace('_', ' ')}, {'introspected' if self.opaque else 'JWT'}"

    def name(self, field: str) -> str:
        """The flat name of a claim rule."""
        return self.side.name(field, introspection=self.opaque)

    def settings(self, rules: Mapping[str, object]) -> dict[str, object]:
        where = {"introspection_endpoint": "$IDP/introspect"} if self.opaque else {"jwks_uri": "$IDP/jwks"}
        return self.side.settings(**where) | {self.name(field): value for field, value in rules.items()}

    def provider(self, claims: Mapping[str, object]) -> Provider:
        if self.opaque:
            return Provider(tokens={OPAQUE: Answer({"active": True, **claims})})
        return Provider({"/jwks": Answer(ALL_KEYS)})

    def request(self, claims: Mapping[str, object]) -> Request:
        return self.side.send(OPAQUE if self.opaque else signed(claims))

    def accepted(self, consumer: Mapping[str, str | None] | None = None, **more: object) -> Passed:
        """The new token is there, and what else is said."""
        source = "introspection" if self.opaque else "jwt"
        return self.side.passed({**self.side.new(), **more}, source=source, consumer=consumer)


WAYS: Final = tuple(Way(side, opaque) for side in SIDES for opaque in (False, True))


def in_every_way(
    name: str,
    rules: Mapping[str, object],
    claims: Mapping[str, object] | None,
    expect: Decision | None = None,
    *,
    without: tuple[str, ...] = (),
    proves: tuple[str, ...] = (),
    then: tuple[Step, ...] = (),
    ways: tuple[Way, ...] = WAYS,
) -> Iterator[Case]:
    """One case per way: these claim rules, a token with these claims, and what is decided (None: passed)."""
    held = good(claims, without=without)
    for way in ways:
        yield Case(
            f"{way.label}: {name}",
            way.settings(rules),
            (Send(way.request(held), expect or way.accepted()), *then),
            way.provider(held),
            frozenset(way.name(field) for field in proves),
        )


def forged(token: Token) -> Token:
    """The same header and claims, signed by somebody else under the same `kid`."""
    return (
        token if token.key is None else Token(token.header, token.payload, token.alg, f"{token.key}-forged")
    )
