"""Exempt paths, methods, realms, and the log of decisions (decisions 19, 26, 36 and 37)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import Answer, Case, Logged, Passed, Provider, Refused, Request, Send, case
from conformance.cases_writing import forged_headers
from conformance.outcomes import SCOPES_INSUFFICIENT, TOKEN_EXPIRED, TOKEN_MISSING
from conformance.tokens import bearer, good, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)}, {OPAQUE: Answer({"active": True, **good()})})
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks")
EXEMPT: Final = SETTINGS | {"exempt_paths": ["/health", "/public/*"]}
PASSED: Final = ACCESS.passed(ACCESS.new())


def _exempt() -> Iterator[Case]:
    for target in (
        "/health",
        "/health?x=1",
        "/%68ealth",
        "/public/a",
        "/public/a/b?q=/",
        "/public/%C3%A9",
        "/public/a%20b",
    ):
        yield case(f"exempt: {target}", EXEMPT, Request(target=target), Passed(), proves={"exempt_paths"})
    for target in (
        "/",
        "/admin",
        "/healthz",
        "/health/",
        "/health.json",
        "/HEALTH",
        "/health%0a",
        "/health%00",
        "/health;x",
        "/health%23",
        "/health%3f",
        "/health/../admin",
        "/admin?/health",
        "/admin?x=/public/",
        "/publicity",
        "/public/../admin",
        "/public/..",
        "/public/./a",
        "/public/%2e%2e/admin",
        "/public%2f..%2fadmin",
        "/public%2F..%2Fadmin",
        "/public/%252e%252e/admin",
        "/public//a",
        "//public/a",
        "/x//public/a",
        "/public/%5c..%5cadmin",
        "/public/a;b",
        "/public/a%09",
        "/public/a%7f",
        "/public/%ff",
    ):
        yield case(f"not exempt: {target}", EXEMPT, Request(target=target), TOKEN_MISSING)
    headers = {
        "X-Original-URL": "/health",
        "X-Rewrite-URL": "/health",
        "X-Forwarded-Uri": "/health",
        "X-Forwarded-Prefix": "/public",
        "X-HTTP-Method-Override": "OPTIONS",
        "User-Agent": "kube-probe/1.0",
    }
    for name, value in headers.items():
        yield case(f"not exempt by {name}", EXEMPT, Request(((name, value),), target="/admin"), TOKEN_MISSING)
    yield case(
        "not exempt by Host", EXEMPT, Request(target="/admin", host="localhost"), _from_host("localhost")
    )
    forged = (
        *forged_headers("X-Consumer-ID", "X-Consumer-Username"),
        ("Authorization", bearer(token())),
        ("X-Other", "stays"),
    )
    yield case(
        "an exempt path sees no forged identity, and no token",
        EXEMPT,
        Request(forged, target="/health"),
        Passed({"X-Other": "stays"}),
        proves={"exempt_paths"},
    )


def _methods() -> Iterator[Case]:
    for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        if method != "HEAD":
            yield case(f"{method} without a token", SETTINGS, Request(method=method), TOKEN_MISSING)
        sent = Request(ACCESS.send(token()).headers, method=method)
        yield case(f"{method} with a token", SETTINGS, sent, PASSED, provider=KEYS)
    preflight = (("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT"))
    yield case("a preflight without a token", SETTINGS, Request(preflight, method="OPTIONS"), TOKEN_MISSING)


def _from_host(realm: str) -> Refused:
    return Refused(401, None, "token_missing", realm)


def _realms() -> Iterator[Case]:
    hosts: Mapping[str, str] = {
        "api.example": "api.example",
        "api.example:80": "api.example",
        "[2001:db8::1]:8080": "[2001:db8::1]",
        "127.0.0.1:8000": "127.0.0.1",
    }
    for host, realm in hosts.items():
        yield case(f"the realm of {host}", SETTINGS, Request(host=host), _from_host(realm))
    for realm in ("orders", 'the "inner" \\ circle, and = signs'):
        own = SETTINGS | {"realm": realm, "access_token_scopes_required": ["x"]}
        yield case(f"realm {realm}", own, Request(), _from_host(realm), proves={"realm"})
        yield case(
            f"realm {realm}, with an error",
            own,
            ACCESS.send(token()),
            Refused(403, "insufficient_scope", SCOPES_INSUFFICIENT.code, realm),
            provider=KEYS,
            proves={"realm", "access_token_scopes_required"},
        )


def _log() -> Iterator[Case]:
    story = (
        Send(ACCESS.send(token()), PASSED),
        Send(ACCESS.send(token()), PASSED),
        Send(Request(), TOKEN_MISSING),
        Send(ACCESS.send(token({"exp": 1})), TOKEN_EXPIRED),
        Send(Request(target="/health"), Passed()),
    )
    reasons = ("accepted", "accepted", "token_missing", "token_expired", "exempt")
    yield Case(
        "one record per decision",
        EXEMPT | {"enable_instrumentation": True},
        (*story, Logged(reasons)),
        KEYS,
        frozenset({"enable_instrumentation", "exempt_paths"}),
    )
    yield Case("no record by default", EXEMPT, (*story, Logged(())), KEYS)


CASES: Final = (*_exempt(), *_methods(), *_realms(), *_log())
