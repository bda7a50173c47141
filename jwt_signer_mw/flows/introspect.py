"""RFC 7662: asking the provider about an opaque token."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from jwt_signer_mw.errors import (
    IntrospectionDisabled,
    IntrospectionNotConfigured,
    IntrospectionRefused,
    ProviderUnavailable,
    TokenInactive,
    TransportError,
)
from jwt_signer_mw.flows.answers import Answer, Answers
from jwt_signer_mw.flows.client_auth import ClientAuth
from jwt_signer_mw.flows.commands import Exchange, Flow, Reply, fetch, once
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.flows.signed_answers import SignedAnswers
from jwt_signer_mw.tokens.claims import is_date
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.settings import Settings, TokenSettings

ATTEMPTS = 2  # documented: a failed introspection is tried once more
MAX_UNDER_WAY = 512  # tokens of one endpoint; behind a provider that is too slow nobody shall wait in vain
OLD_ANSWER_LIFE = 5.0  # seconds for which an answer that is past its time serves before the next look
INACTIVE_TTL = 5.0  # seconds: a provider may issue this very token any moment
OK = 200
SERVER_ERRORS = 500


class Introspected(NamedTuple):
    """A good answer. `until`: seconds since the epoch at which the provider has to be asked again."""

    claims: dict[str, Any]
    body: bytes
    until: float


class Introspector:
    """Introspects for one token's settings. Equal requests in flight are merged."""

    def __init__(
        self, token: TokenSettings, settings: Settings, keyring: Keyring, cache: SharedCache, clock: Clock
    ) -> None:
        self._token = token
        endpoint = token.introspection_endpoint or ""
        self._auth = ClientAuth(token.introspection_client, endpoint, keyring.assertions(token), clock)
        self._signed = SignedAnswers(token, keyring.verification(token), clock)
        self.answers = Answers(cache, clock)
        self._under_way: set[str] = set()  # a set counts right without a lock
        self._caches = token.cache_introspection and settings.introspection_cache_size > 0
        self._ttl = settings.introspection_cache_ttl
        self._max_stale = token.outages.introspection_max_stale or 0
        rules = (token.outages.introspection_breaker, token.outages.introspection_breaker_cooldown)
        self._breaker = keyring.breakers.of(Source(endpoint).place, *rules)
        self._now = clock.now
        milliseconds = token.introspection_timeout or settings.http_timeout
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", self._signed.accept),
        ]
        if token.introspection_authorization:
            headers.append(("Authorization", token.introspection_authorization))
        plain = Exchange(
            endpoint,
            "POST",
            tuple(headers),
            verify=token.endpoints_ssl_verify,
            timeout=milliseconds / 1000,
            max_bytes=settings.max_response_bytes,
            purpose="introspection",
        )
        self._request = self._auth.dress(plain)
        # Results of one endpoint, asked with one set of credentials, are never another's.
        who = [
            astuple(replace(part, name="", elsewhere=()))
            for part in (token.introspection_client, token.introspection_signed)
        ]
        asked = (*self._request, token.introspection_body_args, token.introspection_hint, *who)
        self._scope = hashlib.sha256(repr(asked).encode()).digest()

    def introspect(self, token: str) -> Flow[Introspected]:
        """The provider's answer. Raises a refusal, `ProviderUnavailable` after two failed attempts."""
        self._require_configuration()
        key = self._key(token)
        answer = (yield from self._recall(key)) if self._caches else None
        if answer is None:
            answer = yield from once(("introspect", key), partial(self._ask, token, key))
        return Introspected(self._read(answer.body), answer.body, answer.until)

    def _recall(self, key: str) -> Flow[Answer | None]:
        return self.answers.recall(key)

    def forget_flights(self) -> None:
        """Answers that are on their way are good for their own request only."""
        self.answers.generation += 1

    def forget(self, token: str) -> Flow[int]:
        """Forgets the answer about a token: 1 if there was one. Raises `StoreError`."""
        return self.answers.forget(self._key(token))

    def _key(self, token: str) -> str:
        """A name for the token that tells nothing of it."""
        return hashlib.sha256(self._scope + token.encode()).hexdigest()

    def _require_configuration(self) -> None:
        if not self._token.enable_introspection:
            raise IntrospectionDisabled("opaque token", option=self._token.option("enable_introspection"))
        if not self._token.introspection_endpoint:
            raise IntrospectionNotConfigured("opaque token", option=self._option)

    def _ask(self, token: str, key: str) -> Flow[Answer]:
        """What the provider says; where it can't be asked, what it said, if `..._max_stale` allows."""
        try:
            return (yield from self._ask_now(token, key))
        except ProviderUnavailable:
            old = (yield from self.answers.recall_old(key)) if self._max_stale else None
            if old is None:
                raise
            return self._serve_old(old)

    def _serve_old(self, answer: Answer) -> Answer:
        return answer._replace(until=min(self._now() + OLD_ANSWER_LIFE, answer.serves_until))

    def _ask_now(self, token: str, key: str) -> Flow[Answer]:
        if not self._caches:
            return (yield from self._ask_provider(token, key))
        answers = self.answers
        known = yield from answers.recall(key)  # whoever asked a moment ago may have left the answer
        if known is None and not self._breaker.is_open:
            known = yield from answers.claim(key, ATTEMPTS * self._request.timeout)
        if known is not None:
            return known
        generation = answers.generation
        try:
            answer = yield from self._ask_provider(token, key)
            if self._max_stale and answer.until <= self._now():
                yield from answers.replace_old(key)
            answer = yield from answers.remember(key, answer, generation)
        except Exception:
            yield from answers.release(key)
            raise
        yield from answers.release(key)
        return answer

    def _ask_provider(self, token: str, key: str) -> Flow[Answer]:
        if len(self._under_way) >= MAX_UNDER_WAY:
            raise ProviderUnavailable(f"{MAX_UNDER_WAY} tokens wait for it", option=self._option)
        self._under_way.add(key)
        try:
            reply = yield from self._exchange(token)
        finally:
            self._under_way.discard(key)
        option = self._option
        if reply.status != OK:
            raise IntrospectionRefused(f"status {reply.status}", option=option)
        body = yield from self._signed.open(reply)
        until = _useful_until(body, self._now(), self._ttl)
        return Answer(until, body, _serves_until(body, until, self._max_stale))

    def _exchange(self, token: str) -> Flow[Reply]:
        fields = [("token", token)]
        if self._token.introspection_hint is not None:
            fields.append(("token_type_hint", self._token.introspection_hint))
        body = urlencode([*fields, *(yield from self._auth.fields())])
        if self._token.introspection_body_args:
            body += "&" + self._token.introspection_body_args
        request = self._request._replace(body=body.encode())
        failure = ""
        for _ in range(ATTEMPTS):
            self._breaker.require(self._option)
            try:
                reply = yield from fetch(request)
            except TransportError as error:
                self._breaker.failed()
                failure = error.detail
                continue
            except BaseException:  # cancelled
                self._breaker.gave_up()
                raise
            if reply.status < SERVER_ERRORS:
                self._breaker.succeeded()
                return reply
            self._breaker.failed()
            failure = f"status {reply.status}"
        text = f"introspection failed twice: {failure}"
        raise ProviderUnavailable(text, option=self._option, retry_after=self._breaker.rest)

    def _read(self, body: bytes) -> dict[str, Any]:
        """The claims of an active token (RFC 7662 section 2.2): `active` is exactly true."""
        option = self._option
        try:
            claims = parse_object(body)
        except Malformed as problem:
            raise IntrospectionRefused(f"the answer is unusable: {problem}", option=option) from None
        if claims.get("active") is not True:
            raise TokenInactive("the provider says that it is not active", option=option)
        if claims.get("token_type") == "refresh_token":  # RFC 7662 answers for every kind of token
            raise TokenInactive("a refresh token", option=option)
        return claims

    @property
    def _option(self) -> str:
        return self._token.option("introspection_endpoint")


def _useful_until(body: bytes, now: float, ttl: float) -> float:
    """When the answer has to be asked for again: never after its `exp`; `now` for one not to be kept."""
    try:
        claims = parse_object(body)
    except Malformed:
        return now
    if claims.get("active") is False:
        return now + min(ttl, INACTIVE_TTL)
    if claims.get("active") is not True:
        return now
    expiry = claims.get("exp")
    return min(now + ttl, expiry) if is_date(expiry) else now + ttl


def _serves_until(body: bytes, until: float, max_stale: float) -> float:
    """Until when a good answer serves while the provider can't be asked: never past its `exp`."""
    if not max_stale:
        return 0.0
    try:
        claims = parse_object(body)
    except Malformed:
        return 0.0
    if claims.get("active") is not True:
        return 0.0
    expiry = claims.get("exp")
    return min(until + max_stale, expiry) if is_date(expiry) else until + max_stale
