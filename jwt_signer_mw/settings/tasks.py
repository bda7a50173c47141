"""Which options belong to which task: the beginning of the reference page."""

from __future__ import annotations

from typing import NamedTuple


class Need(NamedTuple):
    """A question that most have to answer, and the option that does."""

    question: str
    option: str
    example: str


class Task(NamedTuple):
    """What somebody wants to do, and the options for it."""

    wish: str
    options: tuple[str, ...]


NEEDS = (
    Need("Where are your provider's keys?", "access_token_jwks_uri", '"https://idp.example/jwks"'),
    Need("Who may have issued a token?", "access_token_issuers_allowed", '["https://idp.example"]'),
    Need("For whom must it be?", "access_token_audiences_allowed", '["orders"]'),
    Need("Is there only one token?", "channel_token_optional", "true"),
    Need("Where do your own keys live?", "keyset_store", '"postgresql+psycopg://..."'),
)

TASKS = (
    Task(
        "take JWTs",
        ("access_token_jwks_uri", "access_token_issuers_allowed", "access_token_audiences_allowed"),
    ),
    Task(
        "take opaque tokens",
        (
            "access_token_introspection_endpoint",
            "access_token_introspection_authorization",
            "access_token_introspection_issuers_allowed",
            "access_token_introspection_audiences_allowed",
        ),
    ),
    Task(
        "take a second token",
        ("channel_token_request_header", "channel_token_upstream_header", "channel_token_jwks_uri"),
    ),
    Task(
        "ask for a scope, a role or any other claim",
        ("access_token_scopes_claim", "access_token_scopes_required", "access_token_required_claims"),
    ),
    Task("let requests through without a token", ("exempt_paths", "access_token_optional")),
    Task("forgive clocks that differ", ("access_token_leeway", "access_token_upstream_leeway")),
    Task("know the user", ("consumers", "access_token_consumer_claim", "access_token_consumer_by")),
    Task(
        "say what the new token holds",
        (
            "access_token_issuer",
            "add_access_token_claims",
            "set_access_token_claims",
            "remove_access_token_claims",
        ),
    ),
    Task(
        "say how it is signed",
        (
            "access_token_signing_algorithm",
            "access_token_keyset",
            "access_token_keyset_rotate_period",
            "access_token_signing",
        ),
    ),
    Task(
        "say where it is sent",
        ("access_token_upstream_header", "original_access_token_upstream_header"),
    ),
    Task(
        "take tokens that only their owner can use",
        ("access_token_dpop", "public_origins", "access_token_mtls", "client_certificate_header"),
    ),
    Task(
        "make new tokens useless elsewhere",
        (
            "access_token_upstream_audience",
            "access_token_upstream_request",
            "access_token_upstream_max_lifetime",
        ),
    ),
    Task("run on many machines", ("keyset_store", "keyset_encryption_keys", "cache")),
    Task(
        "hear of revoked tokens sooner",
        ("verdict_cache_ttl", "introspection_cache_ttl", "cache_access_token_introspection"),
    ),
    Task(
        "bound what a request may cost",
        ("max_token_bytes", "max_response_bytes", "http_timeout", "jwks_reload_interval"),
    ),
    Task("rotate, revoke, explain and purge over HTTP", ("admin_token", "admin_path")),
)
