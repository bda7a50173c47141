"""A remembered verdict is no way around a check: whatever was accepted once is refused when its check fails.

Every case accepts a request twice, the second time from memory; then something changes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs
from wsgiref.util import setup_testing_defaults

import pytest

from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import Key, generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NOW = 1_800_000_000
JWKS = "https://idp.example/jwks"
PARTNER = "https://partner.example/jwks"
SIGNING = "https://keys.example/signing"
ENDPOINT = "https://idp.example/introspect"
ADMIN = "an-admin-token-of-tests"
OPAQUE = "an-opaque-token-of-alice"
IDP, OTHER = generate_key("ES256"), generate_key("ES256")
STORE = MemoryStore()  # shared, so that keys are made once

CLAIMS: Mapping[str, Any] = {
    "iss": "https://idp.example",
    "aud": "orders",
    "sub": "alice",
    "jti": "t1",
    "scope": "read write",
    "exp": NOW + 100,
    "nbf": NOW - 100,
}


def token(key: Key = IDP, **claims: Any) -> str:
    return sign_compact(json.dumps({**CLAIMS, **claims}).encode(), key, "ES256")


class Site:
    """A service with one middleware, its provider and its consumers, all of which can change."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.cache = MemoryCache(100, Clock.of(self.clock))
        self.keys: dict[str, list[Key]] = {JWKS: [IDP], PARTNER: [OTHER], SIGNING: [IDP]}
        self.answer: dict[str, Any] = {**CLAIMS, "active": True}
        self.consumers: dict[str, dict[str, str]] = {"alice": {"id": "c1", "username": "alice"}}
        self.called = 0
        self.middleware = self.build(**settings)

    def build(self, **settings: Any) -> JWTSignerMiddleware:
        """Another middleware of this site, with the same store, cache and clock."""
        given = {
            "access_token_jwks_uri": JWKS,
            "access_token_introspection_endpoint": ENDPOINT,
            "access_token_signing_algorithm": "ES256",
            "channel_token_optional": True,
            "verdict_cache_ttl": 1000,
            **settings,
        }
        return JWTSignerMiddleware(
            self._application,
            given,
            transport=self,
            clock=self.clock,
            cache=self.cache,
            keyset_store=STORE,
            consumers=lambda _field, value: self.consumers.get(value),
        )

    def send(self, exchange: Exchange) -> Reply:
        """The transport: everything outside."""
        if exchange.method == "POST":
            text = parse_qs(exchange.body.decode())["token"][0]
            return Reply(200, {}, json.dumps(self.answer if text == OPAQUE else {"active": False}).encode())
        keys = self.keys[exchange.url]
        shown = [key.private_jwk() if exchange.url == SIGNING else key.public_jwk() for key in keys]
        return Reply(200, {}, json.dumps({"keys": shown}).encode())

    def request(self, middleware: JWTSignerMiddleware, headers: Mapping[str, str]) -> int:
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        statuses: list[str] = []
        list(middleware(environ, lambda status, *_: statuses.append(status)))  # type: ignore[arg-type]
        return int(statuses[0].split()[0])

    def accept(self, headers: Mapping[str, str]) -> None:
        """Twice, the second time from memory."""
        for _ in range(2):
            assert self.request(self.middleware, headers) == 200
        assert len(self.middleware.pipeline.verdicts) == 1

    def _application(self, _environ: Any, start_response: Any) -> Iterable[bytes]:
        self.called += 1
        start_response("200 OK", [])
        return [b""]


class Change(NamedTuple):
    """Something that makes a check fail for a request that passed. `status` is what it then gets."""

    name: str
    change: Callable[[Site], object]
    status: int = 401
    settings: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token()}"}
    answer: Mapping[str, Any] = {}  # what else the provider says of the opaque token


def at(seconds: float) -> Callable[[Site], object]:
    return lambda site: setattr(site.clock, "now", NOW + seconds)


def withdraw(url: str, *after: Callable[[Site], object]) -> Callable[[Site], object]:
    """The provider publishes other keys; then something happens."""

    def change(site: Site) -> None:
        site.keys[url] = [generate_key("ES256")]
        for step in after:
            step(site)

    return change


def rotate(site: Site) -> None:
    """An administrator has a set reloaded."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    path = f"/jwt-signer/jwks/{JWKS}/rotate"
    environ |= {"REQUEST_METHOD": "POST", "PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {ADMIN}"}
    list(site.middleware.admin(environ, lambda *_: None))  # type: ignore[arg-type]


def forge(site: Site) -> None:
    """Somebody sends a token of an unknown key, which makes the set reload."""
    site.clock.now += 31
    forged = token(generate_key("ES256"), exp=NOW + 1000)
    assert site.request(site.middleware, {"Authorization": f"Bearer {forged}"}) == 401


def revoke(*after: Callable[[Site], object]) -> Callable[[Site], object]:
    def change(site: Site) -> None:
        site.answer = {"active": False}
        for step in after:
            step(site)

    return change


def remove_consumer(*after: Callable[[Site], object]) -> Callable[[Site], object]:
    def change(site: Site) -> None:
        site.consumers.clear()
        for step in after:
            step(site)

    return change


def purge(**which: Any) -> Callable[[Site], object]:
    return lambda site: site.middleware.purge(**which)


LIVES_LONG = {"Authorization": f"Bearer {token(exp=NOW + 100_000)}"}
ISSUED = {"Authorization": f"Bearer {token(iat=NOW - 10)}"}
ASKED = {"Authorization": f"Bearer {OPAQUE}"}
BOTH = {**LIVES_LONG, "X-Channel": token(OTHER)}
CHANNEL = {
    "channel_token_optional": False,
    "channel_token_request_header": "X-Channel",
    "channel_token_jwks_uri": PARTNER,
    "channel_token_signing_algorithm": "ES256",
}
MAPPED = {"access_token_consumer_claim": ["sub"]}
EMBEDDED = {"access_token_introspection_jwt_claim": ["jwt"], "trust_access_token_introspection": False}

CHANGES = (
    Change("expiry", at(100)),
    Change("expiry after the leeway", at(110), settings={"access_token_leeway": 10}),
    Change(
        "expiry elsewhere",
        at(50),
        settings={"access_token_expiry_claim": ["end"]},
        headers={"Authorization": f"Bearer {token(end=NOW + 50)}"},
    ),
    Change("too old", at(50), settings={"access_token_max_age": 60}, headers=ISSUED),
    Change(
        "too old, while its expiry is not checked",
        at(55),
        settings={"access_token_max_age": 60, "access_token_leeway": 5, "verify_access_token_expiry": False},
        headers=ISSUED,
    ),
    Change(
        "issued ahead: the clock is set back",
        at(-11),
        settings={"access_token_max_lifetime": 120},
        headers=ISSUED,
    ),
    Change("not before: the clock is set back", at(-101), settings={"verify_access_token_notbefore": True}),
    Change("the new token would be expired", at(90), settings={"access_token_upstream_leeway": -10}),
    Change(
        "key withdrawn: the set is reloaded by the clock",
        withdraw(JWKS, at(10)),
        settings={"access_token_jwks_uri_rotate_period": 10},
    ),
    Change("key withdrawn: by hand", withdraw(JWKS, rotate), settings={"admin_token": ADMIN}),
    Change("key withdrawn: after a forged token", withdraw(JWKS, forge), headers=LIVES_LONG),
    Change("channel token: expiry", at(100), settings=CHANNEL, headers=BOTH),
    Change(
        "channel token: key withdrawn",
        withdraw(PARTNER, at(10)),
        settings={**CHANNEL, "channel_token_jwks_uri_rotate_period": 10},
        headers=BOTH,
    ),
    Change(
        "revoked at the provider: after the cache time",
        revoke(at(30)),
        settings={"introspection_cache_ttl": 30},
        headers=ASKED,
    ),
    Change(
        "revoked at the provider: no cache",
        revoke(),
        settings={"cache_access_token_introspection": False, "verdict_cache_ttl": 0},
        headers=ASKED,
    ),
    Change("revoked at the provider: purged by jti", revoke(purge(jti="t1")), headers=ASKED),
    Change("revoked at the provider: purged by subject", revoke(purge(subject="alice")), headers=ASKED),
    Change("revoked at the provider: all purged", revoke(purge(everything=True)), headers=ASKED),
    Change("introspection: expiry", at(100), headers=ASKED),
    Change(
        "introspection: too old",
        at(50),
        settings={"access_token_introspection_max_age": 60},
        headers=ASKED,
        answer={"iat": NOW - 10},
    ),
    Change(
        "introspection: too old as a JWT's payload is",
        at(50),
        settings={"access_token_max_age": 60, "trust_access_token_introspection": False},
        headers=ASKED,
        answer={"iat": NOW - 10},
    ),
    Change(
        "introspection: not before",
        at(-101),
        settings={"verify_access_token_introspection_notbefore": True},
        headers=ASKED,
    ),
    Change(
        "embedded token: expiry",
        at(50),
        settings=EMBEDDED,
        headers=ASKED,
        answer={"jwt": token(exp=NOW + 50)},
    ),
    Change(
        "embedded token: not before",
        at(-51),
        settings={**EMBEDDED, "verify_access_token_notbefore": True},
        headers=ASKED,
        answer={"jwt": token(nbf=NOW - 50)},
    ),
    Change(
        "consumer removed: after the verdict's time",
        remove_consumer(at(60)),
        403,
        {**MAPPED, "verdict_cache_ttl": 60},
    ),
    Change("consumer removed: purged", remove_consumer(purge(subject="alice")), 403, MAPPED),
    Change(
        "signing key withdrawn",
        withdraw(SIGNING, at(10), lambda site: site.keys[SIGNING].clear()),
        500,
        {"access_token_keyset": SIGNING, "access_token_keyset_rotate_period": 10},
    ),
)


@pytest.mark.parametrize("change", CHANGES, ids=[change.name for change in CHANGES])
def test_what_changed_is_refused(change: Change) -> None:
    site = Site(**change.settings)
    site.answer |= change.answer
    if change.settings.get("verdict_cache_ttl") == 0:
        assert site.request(site.middleware, change.headers) == 200
    else:
        site.accept(change.headers)
    called = site.called
    change.change(site)
    assert site.request(site.middleware, change.headers) == change.status
    assert site.called == called


# A policy is one middleware: another one next to it, with the same caches and keys, decides for itself ----


class Policy(NamedTuple):
    """Settings that are stricter than those under which a request passed."""

    name: str
    settings: Mapping[str, Any]
    status: int = 401
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token()}"}


def _policies() -> Iterable[Policy]:
    """For a JWT, and again for what an introspection says."""
    for where, prefix, headers in (
        ("JWT", "access_token", {"Authorization": f"Bearer {token()}"}),
        ("introspection", "access_token_introspection", ASKED),
    ):
        for rule, value, status in (
            ("issuers_allowed", ["https://other.example"], 401),
            ("audiences_allowed", ["invoices"], 403),
            ("subjects_allowed", ["bob"], 403),
            ("scopes_required", ["delete"], 403),
            ("required_claims", [["tenant"]], 401),
            ("notbefore_claim", ["exp"], 401),
            ("expiry_claim", ["nbf"], 401),
            ("consumer_claim", ["jti"], 403),
        ):
            settings = {f"{prefix}_{rule}": value, f"verify_{prefix}_notbefore": True}
            yield Policy(f"{where}: {rule}", settings, status, headers)


POLICIES = (
    *_policies(),
    Policy("introspection switched off", {"enable_access_token_introspection": False}, headers=ASKED),
    Policy("no introspection endpoint", {"access_token_introspection_endpoint": None}, headers=ASKED),
    Policy(
        "introspection is not trusted",
        {
            "trust_access_token_introspection": False,
            "access_token_issuers_allowed": ["https://other.example"],
        },
        headers=ASKED,
    ),
    Policy("no key set", {"access_token_jwks_uri": None}),
    Policy("another key set", {"access_token_jwks_uri": PARTNER}),
    Policy("shorter tokens", {"max_token_bytes": 100}),
    Policy("another header", {"access_token_request_header": "X-Token"}),
    Policy("another scheme", {"access_token_request_header": "authorization:basic"}),
    Policy("a channel token", CHANNEL),
    Policy("no header at all", {"access_token_request_header": None}, 500),
)


@pytest.mark.parametrize("policy", POLICIES, ids=[policy.name for policy in POLICIES])
def test_another_policy_decides_for_itself(policy: Policy) -> None:
    site = Site()
    site.accept(policy.headers)
    called = site.called
    assert site.request(site.build(**policy.settings), policy.headers) == policy.status
    assert site.called == called


def test_an_answer_is_asked_for_with_other_credentials() -> None:
    """What one endpoint said to one client is no answer for another."""
    site = Site()
    site.accept(ASKED)
    site.answer = {"active": False}
    other = site.build(access_token_introspection_authorization="Basic b3RoZXI6b3RoZXI=")
    assert site.request(other, ASKED) == 401
    assert site.request(site.middleware, ASKED) == 200


def test_a_verdict_of_both_tokens_is_none_of_one() -> None:
    site = Site(**CHANNEL)
    site.accept(BOTH)
    for name, status in (("Authorization", 401), ("X-Channel", 401)):
        assert site.request(site.middleware, {name: BOTH[name]}) == status
    assert site.request(site.middleware, {**BOTH, "X-Channel": token(OTHER, jti="t2")}) == 200
