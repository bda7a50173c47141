"""One token, from what the client sent to claims that may be signed: verify or introspect, then check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import (
    AlgorithmNotAllowed,
    IntrospectionJwtMissing,
    RequestHeaderNotConfigured,
    TokenMalformed,
    TokenMissing,
)
from jwt_signer_mw.flows.consumers import map_consumer
from jwt_signer_mw.request.extract import reader_of
from jwt_signer_mw.tokens.checks import compile_checks, run_checks, valid_until
from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.tokens.compact import read_compact
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.introspect import Introspector
    from jwt_signer_mw.flows.verify import Verifier
    from jwt_signer_mw.messages import Consumer, Source
    from jwt_signer_mw.request.extract import Credential
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.claims import Claims, Path
    from jwt_signer_mw.tokens.compact import Compact


class Examined(NamedTuple):
    """A token that passed. `until`: seconds since the epoch at which it has to be examined again."""

    source: Source
    claims: Claims
    payload: bytes
    expiry_claim: Path
    until: float
    consumer: Consumer | None
    remember: bool


class Examiner:
    """Examines tokens by one token's settings; knows neither the other token nor its own name."""

    def __init__(
        self,
        token: TokenSettings,
        verifier: Verifier,
        introspector: Introspector,
        consumers: Consumers,
        clock: Clock,
        max_token_bytes: int,
    ) -> None:
        self._token = token
        self._verifier = verifier
        self._introspector = introspector
        self._consumers = consumers
        self._now = clock.now
        self._max_token_bytes = max_token_bytes
        self.reader = reader_of(token.request_header) if token.request_header else None
        self._checks = compile_checks(token.claims)
        self._checks_without_expiry = compile_checks(token.claims, expiry_may_be_absent=True)
        self._introspection_checks = compile_checks(token.introspection, expiry_may_be_absent=True)

    def read(self, headers: Mapping[str, tuple[str, ...]]) -> Credential | None:
        """The token in the request; None when it may be absent and is. Raises a refusal."""
        token, reader = self._token, self.reader
        option = f"{token.name}_request_header"
        if reader is None:
            if token.optional:
                return None
            raise RequestHeaderNotConfigured(f"no header to read the {token.name} from", option=option)
        credential = reader.credential(headers.get(reader.header, ()), self._max_token_bytes)
        if credential is None and not token.optional:
            raise TokenMissing(f"no {token.name} in the header {reader.header}", option=option)
        return credential

    def examine(self, credential: Credential, consumer: Consumer | None) -> Flow[Examined]:
        """Raises the refusal of the first step that fails. `consumer` is who is mapped already."""
        try:
            token = read_compact(credential.token)
        except AlgorithmNotAllowed as refusal:  # a token without a signature, which only these keys accept
            refusal.option = f"{self._token.name}_jwks_uri"
            raise
        if token is None:
            return (yield from self._examine_opaque(credential.token, consumer))
        return (yield from self._examine_jwt(token, consumer))

    def _examine_jwt(self, token: Compact, consumer: Consumer | None) -> Flow[Examined]:
        rules = self._token.claims
        if self._token.verify_signature:
            yield from self._verifier.verify(token)
        claims = _parse(token)
        run_checks(self._checks, claims, self._now())
        if consumer is None:
            consumer = yield from map_consumer(self._consumers, rules, claims)
        until = valid_until(rules, claims)
        return Examined("jwt", claims, token.payload, rules.expiry_claim, until, consumer, True)

    def _examine_opaque(self, text: str, consumer: Consumer | None) -> Flow[Examined]:
        token = self._token
        answer = yield from self._introspector.introspect(text)
        run_checks(self._introspection_checks, answer.claims, self._now())
        until = min(answer.until, valid_until(token.introspection, answer.claims))
        claims, payload, expiry_claim = answer.claims, answer.body, token.introspection.expiry_claim
        checks = self._checks_without_expiry
        if token.introspection_jwt_claim:
            embedded = self._embedded(answer.claims, token.introspection_jwt_claim)
            if not token.trust_introspection and token.verify_signature and token.jwks.uri:
                yield from self._verifier.verify(embedded)  # decision 11
            claims, payload, expiry_claim = _parse(embedded), embedded.payload, token.claims.expiry_claim
            checks = self._checks
        if not token.trust_introspection:
            run_checks(checks, claims, self._now())
            until = min(until, valid_until(token.claims, claims))
            expiry_claim = token.claims.expiry_claim
        if consumer is None:
            consumer = yield from map_consumer(self._consumers, token.introspection, answer.claims)
        if consumer is None:
            consumer = yield from map_consumer(self._consumers, token.claims, claims)
        remember = token.cache_introspection and until < math.inf
        return Examined("introspection", claims, payload, expiry_claim, until, consumer, remember)

    def _embedded(self, claims: Claims, path: Path) -> Compact:
        text = read_claim(claims, path)
        option = f"{self._token.name}_introspection_jwt_claim"
        if type(text) is not str:
            raise IntrospectionJwtMissing("no JWT in the introspection result", option=option)
        if len(text) > self._max_token_bytes:
            raise IntrospectionJwtMissing("the JWT in the introspection result is too long", option=option)
        token = read_compact(text)
        if token is None:
            raise IntrospectionJwtMissing("no JWT in the introspection result", option=option)
        return token


def _parse(token: Compact) -> Claims:
    try:
        return parse_object(token.payload)
    except Malformed as problem:
        raise TokenMalformed(f"payload: {problem}") from None
