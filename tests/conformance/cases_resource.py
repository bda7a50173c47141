"""The service as a protected resource: its metadata, and where challenges say they are (RFC 9728)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from conformance.case import Answer, Case, Logged, Provider, Request, Send, Shown, case
from conformance.outcomes import (
    AUDIENCE_NOT_ALLOWED,
    PROVIDER_UNAVAILABLE,
    SCOPES_INSUFFICIENT,
    SIGNATURE_INVALID,
    TOKEN_MISSING,
)
from conformance.tokens import bearer, good, signed
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, forged

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
RESOURCE: Final = "https://api.example/orders"
URL: Final = "https://api.example/.well-known/oauth-protected-resource/orders"
PATH: Final = "/.well-known/oauth-protected-resource/orders"
SETTINGS: Final = ACCESS.settings(
    jwks_uri="$IDP/jwks",
    issuers_allowed=["https://issuer.example", "not a URL"],
    audiences_allowed=[RESOURCE],
    scopes_required=["read write", "admin", "read"],
)
WITH: Final = SETTINGS | {"resource": RESOURCE}
DOCUMENT: Final = {
    "resource": RESOURCE,
    "authorization_servers": ["https://issuer.example"],
    "scopes_supported": ["read", "write", "admin"],
    "bearer_methods_supported": ["header"],
}
OPEN: Final = {"access-control-allow-origin": "*", "cache-control": "public, max-age=300"}
NOT_ALLOWED: Final = Shown({"message": "Method Not Allowed"}, 405, {"allow": "GET, HEAD, OPTIONS"})
SENT: Final = good({"aud": RESOURCE, "scope": "admin"})


def _shown() -> Iterator[Case]:
    for target in (PATH, f"{PATH}?x=1", PATH.replace("p", "%70", 1)):
        asked = Request(target=target)
        yield case(f"metadata at {target}", WITH, asked, Shown(DOCUMENT, headers=OPEN), proves={"resource"})
    forged_headers = Request((("Authorization", "Bearer x"), ("X-Forwarded-Host", "evil.example")), PATH)
    yield case(
        "metadata do not depend on tokens or hosts",
        WITH,
        replace(forged_headers, host="evil.example"),
        Shown(DOCUMENT),
        proves={"resource"},
    )
    preflight = {"access-control-allow-origin": "*", "access-control-allow-methods": "GET, HEAD"}
    for method, expect in (
        ("HEAD", Shown(headers=OPEN)),
        ("OPTIONS", Shown(status=204, headers=preflight)),
        ("POST", NOT_ALLOWED),
        ("DELETE", NOT_ALLOWED),
    ):
        asked = Request(target=PATH, method=method)
        yield case(f"metadata asked for by {method}", WITH, asked, expect, proves={"resource"})
    root = Request(target="/.well-known/oauth-protected-resource")
    for identifier in ("https://api.example", "https://api.example/"):
        shown = Shown({**DOCUMENT, "resource": identifier})
        yield case(f"metadata of {identifier}", SETTINGS | {"resource": identifier}, root, shown)


def _members() -> Iterator[Case]:
    more = {
        "authorization_servers": ["https://login.example"],
        "scopes_supported": None,
        "resource_name": "Orders",
        "resource_name#de": "Bestellungen",
        "resource_documentation": "https://api.example/docs",
        "dpop_bound_access_tokens_required": True,
        "x_of_our_own": {"a": [1, None]},
    }
    document = {name: value for name, value in {**DOCUMENT, **more}.items() if value is not None}
    yield case(
        "metadata with members of their own",
        WITH | {"resource_metadata": more},
        Request(target=PATH),
        Shown(document),
        proves={"resource_metadata"},
    )
    yield case(
        "metadata of a token in a header of its own",
        WITH | {"access_token_request_header": "X-Token"},
        Request(target=PATH),
        Shown({name: value for name, value in DOCUMENT.items() if name != "bearer_methods_supported"}),
    )


def _not_shown() -> Iterator[Case]:
    """Elsewhere a token is needed as ever, and without the option at the well-known path too."""
    yield case("no metadata without a resource", SETTINGS, Request(target=PATH), TOKEN_MISSING)
    missing = replace(TOKEN_MISSING, metadata=URL, scope="read write")
    for target in (
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        f"{PATH}/",
        f"{PATH}/more",
        f"/x{PATH}",
        f"/{PATH}",
        f"{PATH};x",
        f"{PATH}%00",
        f"{PATH}/../orders",
        PATH.upper(),
    ):
        yield case(f"no metadata at {target}", WITH, Request(target=target), missing, proves={"resource"})


def _challenges() -> Iterator[Case]:
    unknown = bearer(signed(SENT, key="rsa9"))
    for name, token, expect, scope in (
        ("no token", None, TOKEN_MISSING, "read write"),
        ("a forged token", bearer(forged(signed(SENT))), SIGNATURE_INVALID, "read write"),
        ("too few scopes", bearer(signed({**SENT, "scope": "x"})), SCOPES_INSUFFICIENT, "read write"),
        ("another audience", bearer(signed({**SENT, "aud": "other"})), AUDIENCE_NOT_ALLOWED, ""),
    ):
        sent = Request(() if token is None else (("Authorization", token),))
        expected = replace(expect, metadata=URL, scope=scope)
        yield case(f"the challenge to {name}", WITH, sent, expected, provider=KEYS, proves={"resource"})
    yield case(
        "the challenge where the provider is down",
        WITH | {"access_token_jwks_uri": "http://$DEAD/jwks"},
        Request((("Authorization", unknown),)),
        replace(PROVIDER_UNAVAILABLE, metadata=URL),
        proves={"resource"},
    )
    yield case(
        "a token passes as before",
        WITH,
        ACCESS.send(signed(SENT)),
        ACCESS.passed(ACCESS.new()),
        provider=KEYS,
    )
    yield case(
        "the scope of an introspected token",
        ACCESS.settings(introspection_endpoint="$IDP/introspect")
        | {"access_token_introspection_scopes_required": ["coffee"], "resource": RESOURCE},
        ACCESS.send(OPAQUE),
        replace(SCOPES_INSUFFICIENT, metadata=URL, scope="coffee"),
        provider=Provider(tokens={OPAQUE: Answer({"active": True, **good()})}),
    )


LOGGED: Final = Case(
    "metadata are told in the log of decisions",
    WITH | {"enable_instrumentation": True},
    (Send(Request(target=PATH), Shown(DOCUMENT)), Logged(("resource_metadata",))),
    proves=frozenset({"resource"}),
)

CASES: Final = (*_shown(), *_members(), *_not_shown(), *_challenges(), LOGGED)
