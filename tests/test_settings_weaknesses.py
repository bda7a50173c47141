"""Warnings: for each a case that it finds, and one beside it that it lets be."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_signer_mw import Settings

JWT = {
    "access_token_jwks_uri": "https://a.example/jwks",
    "access_token_issuers_allowed": ["https://a.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
}
OPAQUE = {
    "access_token_introspection_endpoint": "https://a.example/introspect",
    "access_token_introspection_issuers_allowed": ["https://a.example"],
    "access_token_introspection_audiences_allowed": ["orders"],
    "channel_token_optional": True,
}
CHANNEL = {
    "channel_token_request_header": "X-Channel",
    "channel_token_jwks_uri": "https://b.example/jwks",
    "channel_token_issuers_allowed": ["https://b.example"],
    "channel_token_audiences_allowed": ["orders"],
}


def warnings(mapping: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found.id.removeprefix("settings."), found.option) for found in Settings.load(mapping).warnings]


@pytest.mark.parametrize("mapping", [JWT, OPAQUE, JWT | OPAQUE, JWT | CHANNEL, OPAQUE | CHANNEL])
def test_strong_settings(mapping: dict[str, Any]) -> None:
    assert warnings(mapping) == []


def test_the_defaults_can_let_nothing_pass_and_say_so() -> None:
    assert warnings({}) == [
        ("W008", "access_token_issuers_allowed"),
        ("W008", "access_token_audiences_allowed"),
        ("W011", "access_token_jwks_uri"),
        ("W010", "channel_token_request_header"),
    ]


@pytest.mark.parametrize(
    "warning, option, mapping",
    [
        ("W001", "enable_hs_signatures", JWT | {"enable_hs_signatures": True}),
        ("W002", "admin_token", JWT | {"admin_token": "a" * 15}),
        (
            "W003",
            "channel_token_request_header",
            JWT | CHANNEL | {"channel_token_request_header": "authorization"},
        ),
        ("W004", "set_claims", JWT | {"set_claims": {"exp": "1"}}),
        ("W004", "set_access_token_claims", JWT | {"set_access_token_claims": {"exp": "1"}}),
        ("W004", "remove_access_token_claims", JWT | {"remove_access_token_claims": ["exp"]}),
        ("W005", "verify_access_token_signature", JWT | {"verify_access_token_signature": False}),
        ("W005", "verify_channel_token_signature", JWT | {"verify_channel_token_signature": False}),
        ("W006", "access_token_endpoints_ssl_verify", JWT | {"access_token_endpoints_ssl_verify": False}),
        ("W007", "access_token_jwks_uri", JWT | {"access_token_jwks_uri": "http://a.example/jwks"}),
        ("W007", "access_token_jwks_uri", JWT | {"access_token_jwks_uri": "HTTP://localhost.a.example/jwks"}),
        ("W007", "access_token_jwks_uri", JWT | {"access_token_jwks_uri": "http://10.0.0.1/jwks"}),
        ("W007", "channel_token_keyset", JWT | {"channel_token_keyset": "http://a.example/jwks"}),
        (
            "W007",
            "access_token_introspection_endpoint",
            OPAQUE | {"access_token_introspection_endpoint": "http://a.example/"},
        ),
        ("W008", "access_token_issuers_allowed", JWT | {"access_token_issuers_allowed": None}),
        ("W008", "access_token_issuers_allowed", JWT | {"verify_access_token_issuer": False}),
        ("W008", "access_token_audiences_allowed", JWT | {"access_token_audiences_allowed": None}),
        ("W008", "access_token_audiences_allowed", JWT | {"verify_access_token_audience": False}),
        ("W008", "channel_token_issuers_allowed", JWT | CHANNEL | {"channel_token_issuers_allowed": None}),
        (
            "W008",
            "access_token_introspection_audiences_allowed",
            OPAQUE | {"access_token_introspection_audiences_allowed": None},
        ),
        ("W009", "access_token_scopes_required", OPAQUE | {"access_token_scopes_required": ["a"]}),
        ("W009", "access_token_scopes_required", JWT | OPAQUE | {"access_token_scopes_required": ["a"]}),
        ("W009", "access_token_subjects_allowed", OPAQUE | {"access_token_subjects_allowed": ["a"]}),
        ("W009", "access_token_required_claims", OPAQUE | {"access_token_required_claims": [["a"]]}),
        ("W009", "access_token_max_age", OPAQUE | {"access_token_max_age": 60}),
        ("W009", "access_token_max_lifetime", OPAQUE | {"access_token_max_lifetime": 60}),
        ("W010", "channel_token_request_header", JWT | {"channel_token_optional": False}),
        ("W010", "access_token_request_header", JWT | {"access_token_request_header": ""}),
        ("W011", "access_token_jwks_uri", JWT | {"access_token_jwks_uri": None}),
        ("W012", "verify_access_token_expiry", JWT | {"verify_access_token_expiry": False}),
        (
            "W012",
            "verify_access_token_introspection_expiry",
            OPAQUE | {"verify_access_token_introspection_expiry": False},
        ),
        ("W013", "jwks_reload_interval", JWT | {"jwks_reload_interval": 0}),
    ],
)
def test_weak_settings(warning: str, option: str, mapping: dict[str, Any]) -> None:
    assert warnings(mapping) == [(warning, option)]


def test_an_endpoint_that_is_switched_off_accepts_nothing() -> None:
    assert ("W011", "access_token_jwks_uri") in warnings(
        OPAQUE | {"enable_access_token_introspection": False}
    )


@pytest.mark.parametrize(
    "mapping",
    [
        JWT | {"admin_token": "a" * 16},
        JWT | {"access_token_signing": False, "set_claims": {"exp": "1"}},
        JWT | {"access_token_upstream_header": None, "remove_access_token_claims": ["exp"]},
        JWT | {"set_channel_token_claims": {"exp": "1"}},  # no new channel token is made by default
        JWT | {"add_claims": {"exp": "1"}, "set_claims": {"expires": "1"}},
        JWT | {"access_token_jwks_uri": "http://localhost/jwks"},
        JWT | {"access_token_jwks_uri": "http://idp.localhost:8000/jwks"},
        JWT | {"access_token_jwks_uri": "http://127.0.0.53/jwks"},
        JWT | {"access_token_jwks_uri": "http://[::1]:8000/jwks"},
        JWT | {"access_token_jwks_uri": "file:///jwks.json"},
        JWT | {"access_token_scopes_required": ["a"]},
        OPAQUE | {"access_token_introspection_scopes_required": ["a"]},
        OPAQUE | {"access_token_max_age": 60, "access_token_introspection_max_age": 60},
        OPAQUE | {"access_token_max_age": 60, "trust_access_token_introspection": False},
        OPAQUE | {"trust_access_token_introspection": False, "access_token_scopes_required": ["a"]},
        OPAQUE | {"access_token_scopes_required": ["a"], "access_token_introspection_scopes_required": ["a"]},
        OPAQUE
        | {
            "trust_access_token_introspection": False,
            "access_token_introspection_audiences_allowed": None,
            "access_token_audiences_allowed": ["orders"],
        },
        JWT | {"access_token_request_header": None, "access_token_optional": True},
        JWT | {"verify_access_token_introspection_expiry": False},
        JWT | {"jwks_reload_interval": 0.5},
    ],
)
def test_let_be(mapping: dict[str, Any]) -> None:
    assert warnings(mapping) == []
