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
    TokenRepeated,
)
from jwt_signer_mw.flows.consumers import map_consumer
from jwt_signer_mw.request.extract import reader_of, reader_with_dpop
from jwt_signer_mw.settings.introspecting import NEVER
from jwt_signer_mw.tokens.checks import compile_checks, run_checks, valid_since, valid_until
from jwt_signer_mw.tokens.claims import read_claim, read_date
from jwt_signer_mw.tokens.compact import Encoded, read_compact, read_segments
from jwt_signer_mw.tokens.profiles import TypeCheck, profile_checks
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.found import AnyIntrospector
    from jwt_signer_mw.flows.verify import Verifier
    from jwt_signer_mw.messages import Consumer, Incoming, Source
    from jwt_signer_mw.request.extract import Credential
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.claims import Claims, Path
    from jwt_signer_mw.tokens.compact import Compact, Token


class Examined(NamedTuple):
    """A token that passed. It would pass again between `since` and `until`, in seconds since the epoch."""

    source: Source
    token: str
    claims: Claims
    payload: bytes
    expiry_claim: Path
    since: float
    until: float  # -inf: it is examined each time
    consumer: Consumer | None
    asserted_cnf: object = None  # of the introspection result, where the claims are those of a JWT in it


class Examiner:
    """Examines tokens by one token's settings; knows neither the other token nor its own name."""

    def __init__(
        self,
        token: TokenSettings,
        verifier: Verifier,
        introspector: AnyIntrospector,
        consumers: Consumers,
        clock: Clock,
        max_token_bytes: int,
    ) -> None:
        self._token = token
        self._rules = token.claims
        self._verifies = token.verify_signature
        self._verifier = verifier
        self._introspector = introspector
        self._consumers = consumers
        self._now = clock.now
        self._max_token_bytes = max_token_bytes
        reads = reader_of if token.binding.dpop == "never" else reader_with_dpop
        self.reader = reads(token.request_header) if token.request_header else None
        self._types = TypeCheck(token)
        self._checks = compile_checks(token.claims, more=profile_checks(token))
        self._checks_without_expiry = compile_checks(token.claims, expiry_may_be_absent=True)
        self._introspection_checks = compile_checks(token.introspection, expiry_may_be_absent=True)
        self._introspects_jwt = token.introspect_jwt != NEVER

    def read(self, incoming: Incoming, place: int) -> Credential | None:
        """What the header at `place` carries; None when it may be absent and is. Raises a refusal."""
        reader = self.reader
        if reader is None:
            if self._token.optional:
                return None
            raise RequestHeaderNotConfigured("no header to read the token from", option=self._header_option)
        if place in incoming.repeated:
            raise TokenRepeated(f"several headers named {reader.header}")
        value = incoming.values[place]
        credential = None if value is None else reader.credential(value, self._max_token_bytes)
        if credential is None and not self._token.optional:
            raise TokenMissing(f"no token in the header {reader.header}", option=self._header_option)
        return credential

    def classify(self, credential: Credential) -> Token:
        """Which kind of token it is. Raises a refusal for what is none, or can have no key."""
        token = self.kind_of(credential)
        if isinstance(token, Encoded):
            self.admit(token)
        return token

    def kind_of(self, credential: Credential) -> Token:
        """`classify` that asks for no key."""
        if credential.segments is None:
            return credential.token
        try:
            encoded = read_segments(credential.token, credential.segments)
        except AlgorithmNotAllowed as refusal:  # a token without a signature, which only these keys accept
            refusal.option = self._token.jwks.option("uri")
            raise
        return credential.token if encoded is None else encoded

    def admit(self, encoded: Encoded) -> None:
        """Raises a refusal for a JWT of a wrong type, or that no key at hand or to be had can have signed."""
        self._types.check(encoded.header)
        if self._verifies:
            self._verifier.require_key(encoded)

    def examine(self, token: Token, consumer: Consumer | None) -> Flow[Examined]:
        """Raises the refusal of the first step that fails. `consumer` is who is mapped already."""
        if isinstance(token, Encoded):
            return self.examine_jwt(token, consumer)
        return self.examine_opaque(token, consumer)

    def examine_jwt(
        self, encoded: Encoded, consumer: Consumer | None, read: tuple[Compact, Claims] | None = None
    ) -> Flow[Examined]:
        """`read`: the token's parts and claims, where the caller had to look into it before."""
        rules, (token, claims) = self._rules, read or (encoded.decode(), None)
        if self._verifies and (search := self._verifier.verify(token)) is not None:
            yield from search
        if claims is None:
            claims = parse_claims(token)
        run_checks(self._checks, claims, self._now())
        if consumer is None and rules.consumer_claim:
            consumer = yield from map_consumer(self._consumers, rules, claims)
        since, until = valid_since(rules, claims), valid_until(rules, claims)
        if self._introspects_jwt:
            until = min(until, (yield from self._confirm(encoded.text, claims)))
        return Examined(
            "jwt", encoded.text, claims, token.payload, rules.expiry_claim, since, until, consumer
        )

    def _confirm(self, text: str, claims: Claims) -> Flow[float]:
        """`{token}_introspect_jwt`: until when, in seconds since the epoch, the provider need not be asked
        about a good JWT (again). One without `iat` has no age that could be young enough."""
        token, allowed = self._token, self._token.introspect_jwt
        if not isinstance(allowed, str):
            issued = read_date(claims, ("iat",), token.option("introspect_jwt"))
            if issued is not None and issued <= self._now() < issued + allowed:
                return issued + allowed
        answer = yield from self._introspector.introspect(text)
        run_checks(self._introspection_checks, answer.claims, self._now())
        if not token.cache_introspection:
            return -math.inf
        return min(answer.until, valid_until(token.introspection, answer.claims))

    def examine_opaque(self, text: str, consumer: Consumer | None) -> Flow[Examined]:
        token = self._token
        answer = yield from self._introspector.introspect(text)
        run_checks(self._introspection_checks, answer.claims, self._now())
        since = valid_since(token.introspection, answer.claims)
        until = min(answer.until, valid_until(token.introspection, answer.claims))
        claims, payload, expiry_claim = answer.claims, answer.body, token.introspection.expiry_claim
        checks = self._checks_without_expiry
        if token.introspection_jwt_claim:
            embedded = self._embedded(answer.claims, token.introspection_jwt_claim)
            if not token.trust_introspection:
                self._types.check(embedded.header)
            is_checked = not token.trust_introspection and token.verify_signature and token.has_keys
            if is_checked and (search := self._verifier.verify(embedded)) is not None:  # decision 11
                yield from search
            claims, payload, expiry_claim = (
                parse_claims(embedded),
                embedded.payload,
                token.claims.expiry_claim,
            )
            checks = self._checks
        if not token.trust_introspection:
            run_checks(checks, claims, self._now())
            since = max(since, valid_since(token.claims, claims))
            until = min(until, valid_until(token.claims, claims))
            expiry_claim = token.claims.expiry_claim
        if consumer is None:
            consumer = yield from map_consumer(self._consumers, token.introspection, answer.claims)
        if consumer is None:
            consumer = yield from map_consumer(self._consumers, token.claims, claims)
        if not token.cache_introspection:
            until = -math.inf
        cnf = answer.claims.get("cnf")  # RFC 9449 section 6.2, RFC 8705 section 3.2
        return Examined("introspection", text, claims, payload, expiry_claim, since, until, consumer, cnf)

    def forget_flights(self) -> None:
        """Answers of a provider that are on their way are good for their own request only."""
        self._introspector.forget_flights()

    def forget(self, text: str) -> Flow[int]:
        """Forgets what the provider said about a token: how many answers. Raises `StoreError`."""
        return self._introspector.forget(text)

    def _embedded(self, claims: Claims, path: Path) -> Compact:
        text = read_claim(claims, path)
        option = self._token.option("introspection_jwt_claim")
        if type(text) is not str:
            raise IntrospectionJwtMissing("no JWT in the introspection result", option=option)
        if len(text) > self._max_token_bytes:
            raise IntrospectionJwtMissing("the JWT in the introspection result is too long", option=option)
        token = read_compact(text)
        if token is None:
            raise IntrospectionJwtMissing("no JWT in the introspection result", option=option)
        return token

    @property
    def _header_option(self) -> str:
        return self._token.option("request_header")


def parse_claims(token: Compact) -> Claims:
    """Raises `TokenMalformed`."""
    try:
        return parse_object(token.payload)
    except Malformed as problem:
        raise TokenMalformed(f"payload: {problem}") from None
