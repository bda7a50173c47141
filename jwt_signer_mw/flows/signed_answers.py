"""RFC 9701: answers of introspection that the provider signed, for us and for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.algorithms import ASYMMETRIC
from jwt_signer_mw.errors import IntrospectionRefused, Refusal, SignatureNotTrusted
from jwt_signer_mw.flows.verify import verify_by
from jwt_signer_mw.settings.introspecting import NEVER, REQUIRED
from jwt_signer_mw.tokens.claims import is_date
from jwt_signer_mw.tokens.compact import read_for
from jwt_signer_mw.wire import Malformed, dump_json, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow, Reply
    from jwt_signer_mw.flows.verify import PublishedKeys
    from jwt_signer_mw.settings import TokenSettings

PURPOSE = "token-introspection+jwt"
MEDIA_TYPE = f"application/{PURPOSE}"
FRESH = 60  # seconds since or before `iat`: no answer is older, no clock further ahead


class SignedAnswers:
    """Opens the answers to one token's introspection, by `{token}_introspection_signed`."""

    def __init__(self, token: TokenSettings, keys: PublishedKeys | None, clock: Clock) -> None:
        rules = token.introspection_signed
        self._keys = keys
        self._asked, self._demanded = rules.mode != NEVER, rules.mode == REQUIRED
        named = (rules.issuer,) if rules.issuer is not None else token.claims.issuers_allowed
        self._issuers = frozenset(named or ())
        self._client = token.introspection_client.id
        self._now = clock.now
        self._option = f"{token.name}_introspection_signed"

    @property
    def accept(self) -> str:
        """Value of the Accept header."""
        if not self._asked:
            return "application/json"
        return MEDIA_TYPE if self._demanded else f"{MEDIA_TYPE}, application/json;q=0.5"

    def open(self, reply: Reply) -> Flow[bytes]:
        """The result as JSON, signed or not. Raises `IntrospectionRefused`, or that there are no keys."""
        is_signed = reply.headers.get("content-type", "").lower().partition(";")[0].strip() == MEDIA_TYPE
        if not is_signed:
            if self._demanded:
                raise self._refused("an answer without a signature")
            return reply.body
        if not self._asked:
            raise self._refused("a signed answer, which nobody asked for")
        claims = yield from self._verified(reply.body)
        self._check(claims)
        result = claims.get("token_introspection")
        if type(result) is not dict:
            raise self._refused("no token_introspection in the signed answer")
        return dump_json(result)

    def _verified(self, body: bytes) -> Flow[dict[str, Any]]:
        if self._keys is None:
            raise self._refused("no key set to verify the signed answer with")
        try:
            token = read_for(PURPOSE, body.decode("latin-1"))
            if token.alg not in ASYMMETRIC:
                raise self._refused("the signed answer has a symmetric algorithm")
            yield from verify_by(token, self._keys)
            return parse_object(token.payload)
        except SignatureNotTrusted as refusal:
            raise self._refused(f"the signed answer: {refusal.detail}") from None
        except Malformed as problem:
            raise self._refused(f"the signed answer: {problem}") from None
        except Refusal as refusal:
            if refusal.status == IntrospectionRefused.status:
                raise self._refused(f"the signed answer: {refusal.detail}") from None
            raise

    def _check(self, claims: Mapping[str, Any]) -> None:
        """RFC 9701 section 5: who signed it, for whom, and when."""
        issuer = claims.get("iss")
        if type(issuer) is not str or issuer not in self._issuers:
            raise self._refused("the signed answer has another issuer")
        audience = claims.get("aud")
        audiences = audience if type(audience) is list else [audience]
        if self._client is None or self._client not in audiences:
            raise self._refused("the signed answer is for somebody else")
        issued = claims.get("iat")
        if not is_date(issued) or abs(self._now() - issued) > FRESH:
            raise self._refused("the signed answer is not of this minute")

    def _refused(self, text: str) -> IntrospectionRefused:
        return IntrospectionRefused(text, option=self._option)
