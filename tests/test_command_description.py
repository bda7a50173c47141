"""Settings in plain words, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.command.description import describe
from jwt_signer_mw.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

JWKS = "https://idp.example/jwks"
ENDPOINT = "https://idp.example/introspect"
ONE = {"channel_token_optional": True}
JWT = {**ONE, "access_token_jwks_uri": JWKS}
OPAQUE = {**ONE, "access_token_introspection_endpoint": ENDPOINT}


def told(settings: Mapping[str, Any]) -> str:
    """All sentences as one text; checks are marked by their indentation."""
    lines = []
    for section in describe(Settings.load(settings)):
        lines.append(section.title)
        for sentence in section.sentences:
            lines += [sentence.text, *(f"  {detail}" for detail in sentence.details)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "settings, sentences",
    [
        pytest.param(
            {
                **JWT,
                "access_token_dpop": "required",
                "access_token_dpop_nonces": True,
                "access_token_mtls": "allowed",
                "public_origins": ["https://api.example"],
                "client_certificate_header": "Client-Cert",
                "access_token_upstream_audience": ["orders"],
                "access_token_upstream_request": ["method", "path", "body"],
            },
            [
                (
                    "One that is bound to a key comes as `DPoP`, with a proof for https://api.example "
                    "that is at most 60 seconds old and holds a nonce of ours, else 401. "
                    "One that is not bound: 401."
                ),
                (
                    "One that is bound to a certificate comes over TLS with it, as the header Client-Cert "
                    "tells, else 401. One that is not bound passes without."
                ),
                "It is for orders.",
                "Read from the header Authorization, as Bearer or Basic, or as DPoP.",
                "Removed, whatever the client put there: Authorization, DPoP, Client-Cert, X-Consumer-*",
                "All carry a challenge for DPoP with",
                "It is for one request, by its method, path and body; others get their own.",
            ],
            id="bound tokens",
        ),
        pytest.param(
            {},
            [
                "A JWT: refused with 401, as access_token_jwks_uri is not set.",
                "Any other token: refused with 401, as access_token_introspection_endpoint is not set.",
                (
                    "channel_token_request_header is not set, and the token is not optional: "
                    "every request gets 500."
                ),
            ],
            id="nothing set",
        ),
        pytest.param(
            {
                **ONE,
                "access_token_trusted_issuers": {
                    "https://a.example": {"jwks_uri": JWKS, "audiences_allowed": ["orders"]},
                    "https://b.example": {"introspection_endpoint": ENDPOINT},
                },
            },
            [
                "A JWT: `iss` says whose keys and rules it has to meet; any but these issuers: 401.",
                f"A JWT of https://a.example: its signature is verified with the keys of {JWKS};",
                "  `aud` is 'orders' (else 403)",
                (
                    "A JWT of https://b.example: refused with 401, as "
                    "access_token_trusted_issuers.https://b.example.jwks_uri is not set."
                ),
                f"Any other token: {ENDPOINT} is asked about it, WITHOUT an Authorization header",
                "  `iss` is 'https://b.example' or is absent (else 401)",
            ],
            id="several issuers",
        ),
        pytest.param(
            {
                **OPAQUE,
                "access_token_discovery": "https://idp.example",
                "access_token_jwks_uri_rotate_period": 60,
                "access_token_jwks_uri_max_stale": 600,
                "access_token_introspection_max_stale": 120,
                "access_token_introspection_breaker": 5,
            },
            [
                "the keys of https://idp.example, wherever its metadata say that they are;",
                "Keys that can't be reloaded serve for 600 seconds more; then every token gets 503.",
                "While it can't be asked, a good answer serves for 120 seconds more, not past the expiry.",
                "After 5 failures in a row it is left alone for 30 seconds;",
            ],
            id="outages",
        ),
        pytest.param(
            {**JWT, "access_token_request_header": "authorization:basic", "access_token_optional": True},
            ["Read from the header Authorization, as Basic. A request that lacks it goes on."],
            id="basic, optional",
        ),
        pytest.param(
            {**JWT, "access_token_request_header": "X-Token"},
            [
                "Read from the header X-Token. A request that lacks it gets 401.",
                (
                    "Removed, whatever the client put there: X-Token, Authorization, X-Consumer-*, "
                    "X-Credential-*, X-Anonymous-Consumer*; case does not count, and -, _ and . "
                    "are taken for one."
                ),
            ],
            id="another header",
        ),
        pytest.param(
            {
                **ONE,
                "verify_access_token_signature": False,
                "verify_access_token_expiry": False,
                "enable_access_token_introspection": False,
            },
            [
                "A JWT: its signature is NOT verified; anybody can make one up.",
                "Of its claims nothing is checked.",
                "Any other token: refused with 401, as enable_access_token_introspection is off.",
            ],
            id="no validation",
        ),
        pytest.param(
            {
                **JWT,
                "enable_hs_signatures": True,
                "jwks_reload_interval": 5,
                "access_token_jwks_uri_rotate_period": 600,
                "access_token_endpoints_ssl_verify": False,
                "access_token_jwks_uri_client_username": "me",
                "access_token_jwks_uri_client_password": "secret",
                "access_token_jwks_uri_client_certificate": "/etc/client.pem",
            },
            [
                (
                    f"A JWT: its signature is verified with the keys of {JWKS} (its certificate "
                    "is NOT checked) "
                    "(with HTTP Basic and a client certificate); HMAC signatures are accepted. "
                    "The keys are loaded "
                    "when first needed, every 600 seconds after that, and again when none fits a token "
                    "(every 5 seconds at most)."
                ),
            ],
            id="key set",
        ),
        pytest.param(
            {
                **JWT,
                "access_token_leeway": 7,
                "verify_access_token_notbefore": True,
                "access_token_optional_claims": [["nbf"], ["aud"], ["exp"]],
                "access_token_required_claims": [["exp"], ["a", "b"]],
                "access_token_issuers_allowed": ["https://a", "https://b"],
                "access_token_audiences_allowed": ["a1", "a2", "a3", "a4", "a5", "a6", "a7"],
                "access_token_subjects_allowed": ["s"],
                "access_token_scopes_required": ["read write", "admin"],
                "access_token_scopes_claim": "roles",
            },
            [
                (
                    "Of its claims is checked:\n"
                    "  `exp` lies ahead, give or take 7 seconds (else 401)\n"
                    "  `nbf` lies behind or is absent, give or take 7 seconds (else 401)\n"
                    "  `exp` and `a.b` present (else 401)\n"
                    "  `iss` is one of 'https://a', 'https://b' (else 401)\n"
                    "  `aud` is one of 'a1', 'a2', 'a3', 'a4', 'a5' and 2 more or is absent (else 403)\n"
                    "  `sub` is 's' (else 403)\n"
                    "  `roles` holds 'read' and 'write' or 'admin' (else 403)"
                ),
            ],
            id="every check",
        ),
        pytest.param(
            {
                **JWT,
                "access_token_issuers_allowed": ["https://a"],
                "verify_access_token_issuer": False,
                "access_token_audiences_allowed": ["a"],
                "verify_access_token_audience": False,
                "access_token_subjects_allowed": ["s"],
                "verify_access_token_subject": False,
                "access_token_scopes_required": ["r"],
                "verify_access_token_scopes": False,
            },
            ["Of its claims is checked:\n  `exp` lies ahead (else 401)\nAny other token"],
            id="checks switched off",
        ),
        pytest.param(
            {**OPAQUE, "access_token_introspection_timeout": 250, "introspection_cache_ttl": 20},
            [
                (
                    f"Any other token: {ENDPOINT} is asked about it, WITHOUT an Authorization header, within "
                    "250 milliseconds, and once more if it fails. It has to say that the token is "
                    "active, else 401."
                ),
                "Of its answer is checked:\n  `exp` lies ahead or is absent (else 401)\nA new token",
                (
                    "Introspection results are kept in memory:// for 20 seconds at most; a token "
                    "that is revoked "
                    "meanwhile passes as long."
                ),
            ],
            id="introspection",
        ),
        pytest.param(
            {
                **JWT,
                **OPAQUE,
                "access_token_introspection_authorization": "Basic eDp5",
                "cache_access_token_introspection": False,
                "access_token_introspection_jwt_claim": ["ext", "jwt"],
                "trust_access_token_introspection": False,
            },
            [
                "with an Authorization header, within 5000 milliseconds",
                (
                    "The JWT in `ext.jwt` of the answer takes its place; without one: 401.\n"
                    f"Its signature is verified with the keys of {JWKS}.\n"
                    "Of what it says is checked:\n  `exp` lies ahead (else 401)"
                ),
            ],
            id="embedded JWT, not trusted",
        ),
        pytest.param(
            {**OPAQUE, "trust_access_token_introspection": False},
            ["Of what it says is checked:\n  `exp` lies ahead or is absent (else 401)"],
            id="answer not trusted",
        ),
        pytest.param(
            {
                **JWT,
                **OPAQUE,
                "access_token_consumer_claim": "sub",
                "access_token_consumer_by": ["id"],
                "access_token_introspection_consumer_claim": ["user", "name"],
            },
            [
                (
                    "The claim `user.name` of an introspection result names the consumer, looked for by "
                    "username, custom_id; none found: 403."
                ),
                "The claim `sub` of a token names the consumer, looked for by id; none found: 403.",
                (
                    "Written for the consumer, as far as they are known: X-Consumer-ID, X-Consumer-Username, "
                    "X-Consumer-Custom-ID."
                ),
            ],
            id="consumers",
        ),
        pytest.param(
            {
                **JWT,
                "access_token_signing_algorithm": "ES256",
                "access_token_keyset": "orders",
                "access_token_keyset_rotate_period": 86400,
                "access_token_issuer": "gateway",
                "access_token_upstream_leeway": -30,
                "access_token_upstream_header": "X-New:token",
                "original_access_token_upstream_header": "X-Old",
                "add_claims": {"a": "1"},
                "add_access_token_claims": {"b": "1"},
                "set_access_token_claims": {"c": "1"},
                "remove_access_token_claims": ["email"],
            },
            [
                (
                    "A new token is signed with ES256 by our key set 'orders', rotated every "
                    "86400 seconds, with "
                    "the issuer 'gateway'; the former one becomes `original_iss`. "
                    "It expires 30 seconds earlier than the old one."
                ),
                "Claims added where absent: a, b.",
                "Claims set: c.",
                "Claims left out: email.",
                "It goes on as `X-New: Token <token>`.",
                "The token as the client sent it goes on as `X-Old: <token>`.",
            ],
            id="signing",
        ),
        pytest.param(
            {
                **JWT,
                "access_token_max_lifetime": 900,
                "access_token_max_age": 600,
                "access_token_leeway": 5,
                "access_token_upstream_max_lifetime": 60,
                "access_token_typ_allowed": ["at+jwt", "JWT"],
                "keep_access_token_claims": ["sub", "scope"],
                "access_token_claim_templates": {"tenant": "{request.host}"},
                "access_token_subject_pairwise_secret": "a-secret-of-thirty-two-characters",
                "access_token_subject_pairwise_sector": "https://orders.example",
            },
            [
                "Its `typ` is one of 'at+jwt', 'JWT', else 401.",
                "  `exp` is at most 900 seconds after `iat` (else 401)",
                "  `iat` is less than 600 seconds ago, give or take 5 seconds (else 401)",
                "It expires when the old one does, and 60 seconds after it was signed at the latest.",
                "Of the old claims it has none but sub, scope.",
                "Its subject is hidden by a pseudonym for https://orders.example.",
                "Claim tenant is {request.host}, and left out where that has no value.",
            ],
            id="short lives, types, and claims from elsewhere",
        ),
        pytest.param(
            {
                **JWT,
                "access_token_profile": "at+jwt",
                "access_token_issuers_allowed": ["https://idp.example"],
                "access_token_audiences_allowed": ["https://api.example"],
                "keep_access_token_claims": [],
            },
            [
                (
                    "It is an access token by RFC 9068: `typ` is 'at+jwt', and iss, exp, aud, sub, "
                    "client_id, iat, jti are there, else 401."
                ),
                "Of the old claims it has none.",
            ],
            id="RFC 9068",
        ),
        pytest.param(
            {**JWT, "access_token_keyset": "https://keys.example/private", "access_token_upstream_leeway": 5},
            [
                (
                    "A new token is signed with RS256 by the private key in "
                    "https://keys.example/private, with the "
                    "issuer 'kong'; the former one becomes `original_iss`. "
                    "It expires 5 seconds later than the old one."
                ),
            ],
            id="keys behind a URL",
        ),
        pytest.param(
            {**JWT, "access_token_signing": False}, ["No new token is signed."], id="nothing is signed"
        ),
        pytest.param(
            {
                **JWT,
                "exempt_paths": ["/health", "/public/*"],
                "verdict_cache_size": 0,
                "admin_token": "x" * 40,
                "keyset_store": "memory://",
                "keyset_encryption_keys": ["A" * 43 + "="],
            },
            [
                "Let through unchecked, but without the headers above: /health, /public/*.",
                "Nothing is remembered of accepted requests: every request is verified anew.",
                "Our own key sets are kept in memory://, private keys encrypted.",
                "Listing, deleting and rotating need the `admin_token`.",
            ],
            id="around it",
        ),
        pytest.param(
            {**JWT, **OPAQUE, "access_token_introspect_jwt": "always"},
            [f"Then {ENDPOINT} has to say that it is active, else 401."],
            id="JWTs that are introspected",
        ),
        pytest.param(
            {**JWT, **OPAQUE, "access_token_introspect_jwt": 60},
            [f"When it is older than 60 seconds, or has no `iat`, {ENDPOINT} has to say that it is active"],
            id="JWTs that are introspected when they are older",
        ),
        pytest.param(
            {
                **JWT,
                **OPAQUE,
                "access_token_introspection_client_auth": "client_secret_post",
                "access_token_introspection_client_id": "orders",
                "access_token_introspection_client_secret": "never-told",
                "access_token_introspection_signed": "required",
                "access_token_introspection_signed_issuer": "https://idp.example",
            },
            [
                f"Any other token: {ENDPOINT} is asked about it, with client_secret_post as 'orders', within",
                "Its answer is a JWT signed by https://idp.example (RFC 9701); one that is not signed",
            ],
            id="credentials and signed answers",
        ),
        pytest.param(
            {
                **JWT,
                "observers": ["prometheus", "shop.audit"],
                "request_id_header": "traceparent",
                "enable_instrumentation": True,
            },
            [
                "The log jwt_signer_mw.decisions has a line for every refusal.",
                "The log jwt_signer_mw.instrumentation has a line for every decision, at level CRITICAL.",
                "Observers: prometheus, shop.audit.",
                "Lines and events have the value of traceparent as `request_id`.",
            ],
            id="observers",
        ),
        pytest.param(
            {**JWT, "access_token_keyset": "awskms:///alias/orders"},
            ["by a key that never leaves awskms:///alias/orders, with the issuer 'kong'"],
            id="a vault",
        ),
    ],
)
def test_described(settings: dict[str, Any], sentences: list[str]) -> None:
    text = told(settings)
    assert [sentence for sentence in sentences if sentence not in text] == []


def test_service_that_is_an_object() -> None:
    class OwnStore:
        pass

    assert "Our own key sets are kept in <OwnStore>" in told({**JWT, "keyset_store": OwnStore()})
