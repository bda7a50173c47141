"""The same claims, signed anew with our own key (behaviour section 4)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jwt_signer_mw.binding.guard import written_claims
from jwt_signer_mw.errors import TokenExpired
from jwt_signer_mw.flows.signers import sign
from jwt_signer_mw.tokens.claims import ClaimEdits, decode_values, read_date
from jwt_signer_mw.tokens.shaping import Shaping
from jwt_signer_mw.wire import base64url, dump_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.settings import Settings, TokenSettings
    from jwt_signer_mw.tokens.claims import Claims
    from jwt_signer_mw.tokens.templates import Sources


# Of a new token's life, at most: as long is it remembered, and the rest is for the service behind.
SHARE_REMEMBERED = 0.5


class Resigned(NamedTuple):
    """A new token. Until this second since the epoch it may stand for the old one again."""

    token: str
    until: float


class SigningSource(Protocol):
    """Where the signing key is: `key` when it is at hand, else `ready` gets it or raises a refusal."""

    @property
    def key(self) -> Key | None: ...

    def ready(self) -> Flow[Key]: ...

    def used(self, expiry: float | None) -> None:
        """Told of every token that is signed: its `exp` decides how long the key stays published."""


class Resigner:
    """Makes the new token of one token's settings (`{token}_signing` and what belongs to it)."""

    def __init__(self, token: TokenSettings, settings: Settings, keys: SigningSource, clock: Clock) -> None:
        self._algorithm = token.signing_algorithm
        self._issuer = token.issuer
        self._leeway = token.upstream_leeway
        self._leeway_option = f"{token.name}_upstream_leeway"
        self._longest = token.shape.upstream_max_lifetime
        self._shaping = Shaping(token)
        self._ours = written_claims(token.binding)
        self.request_fields = self._shaping.request_fields  # of a request, that a new token tells of
        self._edits = ClaimEdits(
            decode_values((*settings.add_claims, *token.add_claims)),
            (*_audience_of(token), *decode_values((*settings.set_claims, *token.set_claims))),
            tuple(token.remove_claims),
        )
        self._sets_expiry = any(name == "exp" for name, _ in self._edits.set)
        self._keys = keys
        self._now = clock.now
        self._header: tuple[str, bytes] = (
            "",
            b"",
        )  # of the key that signed last: its kid, the encoded header

    def resign(self, examined: Examined, sources: Sources) -> Flow[Resigned]:
        """The new compact JWT. Raises a refusal; nothing that is not signed ever leaves here."""
        key = self._keys.key or (yield from self._keys.ready())
        claims, until = self._new_claims(examined, sources)
        message = b"%b.%b" % (self._encoded_header(key), base64url(dump_json(claims)))
        signature = yield from self._sign(key, message)
        self._keys.used(read_date(claims, ("exp",)))
        return Resigned((b"%b.%b" % (message, base64url(signature))).decode("ascii"), until)

    def _sign(self, key: Key, message: bytes) -> Flow[bytes]:
        return sign(key, self._algorithm, message)

    def _new_claims(self, examined: Examined, sources: Sources) -> tuple[Claims, float]:
        """And until when they may be said again."""
        old = examined.claims
        claims = self._shaping.take_over(old) | {name: old[name] for name in self._ours if name in old}
        claims.pop("original_iss", None)
        issuer = old.get("iss")
        if issuer is not None:
            claims["original_iss"] = issuer
        claims["iss"] = self._issuer
        expiry, until = read_date(old, examined.expiry_claim), inf
        if expiry is not None:
            claims["exp"] = self._new_expiry(expiry)
            until = self._repeatable_until(expiry)
        if self._longest is not None:
            claims["iat"] = int(self._now())
        self._edits.apply(claims, self._shaping.values(sources))
        if self._longest is not None:
            until = min(until, self._shorten(claims, self._longest))
        return claims, until

    def _new_expiry(self, expiry: float) -> float:
        """Decision 28: a leeway below zero must not make a token that is past already."""
        new = expiry + self._leeway
        if self._leeway < 0 and not self._sets_expiry and new <= self._now():
            raise TokenExpired("the new token would be expired already", option=self._leeway_option)
        return new

    def _repeatable_until(self, expiry: float) -> float:
        """When a token like this can't be made any more: see `_new_expiry`."""
        return inf if self._leeway >= 0 or self._sets_expiry else expiry + self._leeway

    def _shorten(self, claims: Claims, longest: float) -> float:
        """`{token}_upstream_max_lifetime`, whatever else sets `exp`. Until when the token is remembered."""
        now = self._now()
        latest, expiry = int(now + longest), read_date(claims, ("exp",))
        if expiry is not None and expiry <= latest:
            return inf
        claims["exp"] = latest
        return now + (latest - now) * SHARE_REMEMBERED

    def keeps(self, names: Collection[str]) -> bool:
        """Whether a new token says of these claims what the old one said."""
        changed = {name for name, _ in self._edits.set} | set(self._edits.remove)
        return changed.isdisjoint(names) and self._shaping.keeps(names)

    def _encoded_header(self, key: Key) -> bytes:
        """Decision 17: `alg`, `kid` and `typ`, and nothing of the client's."""
        kid = key.published_kid
        if self._header[0] != kid:
            header = {"alg": self._algorithm, "kid": kid, "typ": "JWT"}
            self._header = (kid, base64url(dump_json(header)))
        return self._header[1]


def _audience_of(token: TokenSettings) -> tuple[tuple[str, Any], ...]:
    """`{token}_upstream_audience` as a claim: RFC 7519 section 4.1.3 has one value as text."""
    audience = token.binding.upstream_audience
    if audience is None:
        return ()
    return (("aud", audience[0] if len(audience) == 1 else list(audience)),)
