"""Rules across options: for each a case that it finds, and one beside it that it lets be."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.caches import BACKENDS as CACHES
from jwt_signer_mw.keysets.store import BACKENDS
from jwt_signer_mw.settings.catalogue import ENTRIES
from jwt_signer_mw.settings.rules import CACHE_SCHEMES, STORE_SCHEMES

FERNET = "q" * 42 + "A="
LOGIN = "access_token_jwks_uri_client_username"
PASSWORD = "access_token_jwks_uri_client_password"
KEYSET_LOGIN = "channel_token_keyset_client_username"
KEYSET_PASSWORD = "channel_token_keyset_client_password"
INPUT = "channel_token_request_header"
ACCESS = "access_token_upstream_header"
CHANNEL = "channel_token_upstream_header"
ACCESS_ORIGINAL = "original_access_token_upstream_header"
CHANNEL_ORIGINAL = "original_channel_token_upstream_header"
JWKS = "access_token_jwks_uri"
KEYSET = "access_token_keyset"
ENDPOINT = "channel_token_introspection_endpoint"
ARGUMENTS = "access_token_introspection_body_args"
AUTHORIZATION = "access_token_introspection_authorization"
CLIENT = "access_token_introspection_client"
SIGNED = "access_token_introspection_signed"
PAIR = {f"{CLIENT}_id": "a", f"{CLIENT}_secret": "b"}
URL = "https://issuer.example/of/something"


def problems(mapping: dict[str, Any]) -> list[tuple[str, str]]:
    """Ids and options of the errors."""
    try:
        Settings.load(mapping)
    except ConfigurationError as error:
        return [(found.id, found.option) for found in error.problems if found.level == "error"]
    return []


@pytest.mark.parametrize(
    "problem, option, mapping",
    [
        ("E020", PASSWORD, {LOGIN: "me"}),
        ("E020", LOGIN, {PASSWORD: "s3cret"}),
        ("E020", KEYSET_PASSWORD, {KEYSET_LOGIN: "me"}),
        ("E020", KEYSET_LOGIN, {KEYSET_PASSWORD: "s3cret"}),
        ("E021", LOGIN, {LOGIN: "me:you", PASSWORD: "s3cret"}),
        ("E022", INPUT, {INPUT: "X Token"}),
        ("E022", INPUT, {INPUT: "X-Token:Bearer"}),
        ("E022", INPUT, {INPUT: "authorization:digest"}),
        ("E022", INPUT, {INPUT: "X-Tokén"}),
        ("E022", INPUT, {INPUT: "Content_Length"}),
        ("E022", ACCESS, {ACCESS: "Authorization:"}),
        ("E022", ACCESS, {ACCESS: "Authorization: Bearer"}),
        ("E022", ACCESS, {ACCESS: ":Bearer"}),
        ("E022", ACCESS, {ACCESS: "host"}),
        ("E022", ACCESS, {ACCESS: "Transfer-Encoding"}),
        ("E022", CHANNEL, {CHANNEL: "X-Consumer-Username"}),
        ("E022", ACCESS_ORIGINAL, {ACCESS_ORIGINAL: "X_Credential_Identifier"}),
        ("E022", CHANNEL_ORIGINAL, {CHANNEL_ORIGINAL: "X(Y)"}),
        ("E023", CHANNEL, {CHANNEL: "Authorization"}),
        ("E023", CHANNEL, {CHANNEL: "authorization:Token"}),
        ("E023", ACCESS_ORIGINAL, {ACCESS_ORIGINAL: "Authorization:Bearer"}),
        ("E023", CHANNEL_ORIGINAL, {ACCESS: "X-A-B", CHANNEL_ORIGINAL: "x_a.b"}),
        ("E023", CHANNEL_ORIGINAL, {CHANNEL: "X-New", CHANNEL_ORIGINAL: "X-New"}),
        ("E024", JWKS, {JWKS: "ftp://a.example/jwks"}),
        ("E024", JWKS, {JWKS: "a.example/jwks"}),
        ("E024", JWKS, {JWKS: "https:a.example"}),
        ("E024", JWKS, {JWKS: "https:///jwks"}),
        ("E024", JWKS, {JWKS: "https://a.example:port/"}),
        ("E024", JWKS, {JWKS: "https://a.example:99999/"}),
        ("E024", JWKS, {JWKS: "https://[::1/"}),
        ("E024", JWKS, {JWKS: "https://a.example/#keys"}),
        ("E024", JWKS, {JWKS: "https://me:you@a.example/"}),
        ("E024", JWKS, {JWKS: "https://me@a.example/"}),
        ("E024", JWKS, {JWKS: "https://a.example\\@b.example/"}),
        ("E024", JWKS, {JWKS: "https://a.example/a b"}),
        ("E024", JWKS, {JWKS: "https://ä.example/"}),
        ("E024", JWKS, {JWKS: "file://a.example/jwks.json"}),
        ("E024", JWKS, {JWKS: "file:///"}),
        ("E024", JWKS, {JWKS: "file:///keys/"}),
        ("E024", JWKS, {JWKS: "file:///keys%00"}),
        ("E024", ENDPOINT, {ENDPOINT: "file:///introspect"}),
        ("E025", KEYSET, {KEYSET: "ftp://a.example/"}),
        ("E025", KEYSET, {KEYSET: "https:/a.example/"}),
        ("E025", KEYSET, {KEYSET: "a" * 201}),
        ("E025", KEYSET, {KEYSET: "kong/rotate"}),
        ("E025", KEYSET, {KEYSET: ".."}),
        ("E026", "keyset_store", {"keyset_store": "mongodb://host"}),
        ("E026", "keyset_store", {"keyset_store": "redis"}),
        ("E026", "keyset_store", {"keyset_store": "django://"}),
        ("E026", "cache", {"cache": "sqlite:///file"}),
        ("E026", "consumers", {"consumers": "alice"}),
        ("E026", "consumers", {"consumers": "redis://host"}),
        ("E027", "keyset_encryption_keys", {"keyset_encryption_keys": ["short"]}),
        ("E027", "keyset_encryption_keys", {"keyset_encryption_keys": [FERNET, FERNET[:-2]]}),
        ("E028", "exempt_paths", {"exempt_paths": ["health"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/*"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a*"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a/*/b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a//b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["//*"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a/../b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a/..", "/b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a%20b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a?b=c"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a;b"]}),
        ("E028", "exempt_paths", {"exempt_paths": ["/a\\b"]}),
        ("E028", "admin_path", {"admin_path": "jwt-signer"}),
        ("E028", "admin_path", {"admin_path": "/jwt-signer/"}),
        ("E028", "admin_path", {"admin_path": "/"}),
        ("E028", "admin_path", {"admin_path": "/jwt/*"}),
        ("E029", "admin_token", {"admin_token": "two words, long enough"}),
        ("E029", "realm", {"realm": "köln"}),
        ("E029", AUTHORIZATION, {AUTHORIZATION: "Basic ü"}),
        ("E030", ARGUMENTS, {ARGUMENTS: "resource=a b"}),
        ("E030", ARGUMENTS, {ARGUMENTS: "resource=ü"}),
        ("E030", ARGUMENTS, {ARGUMENTS: "a=1&token=other"}),
        ("E030", ARGUMENTS, {ARGUMENTS: "t%6Fken"}),
        ("E031", "consumers", {"consumers": [{"username": "a"}, {"username": "a", "id": "1"}]}),
        ("E070", "observers", {"observers": ["promethus"]}),
        ("E071", "request_id_header", {"request_id_header": "two words"}),
        ("E071", "request_id_header", {"request_id_header": "authorization:bearer"}),
        ("E071", "request_id_header", {"request_id_header": "AUTHORIZATION"}),
        ("E071", "request_id_header", {"request_id_header": "cookie"}),
        ("E071", "request_id_header", {"request_id_header": "X_New", CHANNEL: "X-New"}),
        ("E071", "request_id_header", {"request_id_header": "Content-Length"}),
        ("E070", "observers", {"observers": "prometheus,open telemetry"}),
        ("E002", "observers", {"observers": [object()]}),
        ("E031", "consumers", {"consumers": [{"custom_id": "a"}, {"custom_id": "a"}]}),
        ("E029", "purge_token", {"purge_token": "two words, long enough"}),
        ("E050", f"{CLIENT}_id", {f"{CLIENT}_auth": "tls_client_auth", f"{CLIENT}_certificate": "/c.pem"}),
        ("E050", f"{CLIENT}_secret", {f"{CLIENT}_auth": "client_secret_basic", f"{CLIENT}_id": "a"}),
        ("E050", f"{CLIENT}_secret", {f"{CLIENT}_auth": "client_secret_post", f"{CLIENT}_id": "a"}),
        ("E050", f"{CLIENT}_keyset", {f"{CLIENT}_auth": "private_key_jwt", f"{CLIENT}_id": "a"}),
        ("E050", f"{CLIENT}_certificate", {f"{CLIENT}_auth": "tls_client_auth", f"{CLIENT}_id": "a"}),
        (
            "E050",
            AUTHORIZATION,
            {f"{CLIENT}_auth": "client_secret_post", **PAIR, AUTHORIZATION: "Basic eA=="},
        ),
        ("E025", f"{CLIENT}_keyset", {f"{CLIENT}_keyset": "https://vault.example/keys"}),
        ("E025", f"{CLIENT}_keyset", {f"{CLIENT}_keyset": "/kong"}),
        ("E051", "access_token_introspect_jwt", {"access_token_introspect_jwt": "always"}),
        (
            "E051",
            "access_token_introspect_jwt",
            {
                "access_token_introspect_jwt": 60,
                "access_token_introspection_endpoint": URL,
                "enable_access_token_introspection": False,
            },
        ),
        ("E052", SIGNED, {SIGNED: "allowed", **PAIR, "access_token_issuers_allowed": ["a"]}),
        ("E052", SIGNED, {SIGNED: "required", JWKS: URL, "access_token_issuers_allowed": ["a"]}),
        ("E052", SIGNED, {SIGNED: "required", JWKS: URL, **PAIR}),
    ],
)
def test_found(problem: str, option: str, mapping: dict[str, Any]) -> None:
    assert problems(mapping) == [(f"settings.{problem}", option)]


@pytest.mark.parametrize(
    "mapping",
    [
        {LOGIN: "me", PASSWORD: "s3:cret", KEYSET_LOGIN: "me", KEYSET_PASSWORD: "s3cret"},
        {INPUT: "X-JWT-channel-client", CHANNEL: "Another_Authorization_Header"},
        {f"{CLIENT}_auth": "private_key_jwt", f"{CLIENT}_id": "a", f"{CLIENT}_keyset": "file:///k.pem"},
        {SIGNED: "required", JWKS: URL, **PAIR, f"{SIGNED}_issuer": "https://issuer.example"},
        {INPUT: "Authorization:Bearer"},
        {INPUT: "authorization:basic"},
        {CHANNEL: "Proxy-Authorization:JWT"},
        {"access_token_signing": False, ACCESS_ORIGINAL: "Authorization:Bearer"},
        {ACCESS: None, CHANNEL: "Authorization"},
        {ACCESS: "", CHANNEL: "Authorization"},
        {CHANNEL: "X-A", ACCESS_ORIGINAL: "X-B", CHANNEL_ORIGINAL: "X-C"},
        {ACCESS: "X-Same", INPUT: "X-Same"},  # an input and an output may coincide
        {JWKS: "https://a.example:8443/a/jwks.json?tenant=1&x=%20"},
        {JWKS: "HTTPS://A.example/"},
        {JWKS: "http://[::1]:8000/jwks"},
        {JWKS: "file:///etc/keys%20here.json", KEYSET: "file://localhost/etc/keys.pem"},
        {ENDPOINT: "https://a.example/introspect"},
        {KEYSET: "https://a.example/keys"},
        {KEYSET: "kong-2.b:c d"},
        {"keyset_store": "memory://", "cache": "memory://"},
        {"keyset_store": "sqlite:///keys.db", "cache": "redis://:s3cret@host:6379/0"},
        {"keyset_store": "postgresql+psycopg://me:you@host/db", "cache": "rediss://host"},
        {"keyset_store": "mysql+pymysql://me:you@host/db"},
        {"keyset_store": "django://default", "cache": "django://default", "consumers": "django://auth"},
        {"keyset_store": "shop.stores.Vault", "cache": "shop.caches:Cache", "consumers": "shop.people.find"},
        {"keyset_encryption_keys": [FERNET]},
        {"exempt_paths": ["/", "/health", "/public/*", "/a/b.html", "/.well-known/x", "/ä"]},
        {"admin_path": "/internal/jwt-signer"},
        {"admin_token": "0123456789abcdef-._~+/=="},
        {"realm": 'say "hello"', AUTHORIZATION: "Basic aWQ6c2VjcmV0"},
        {
            ARGUMENTS: "resource=",
            "channel_token_introspection_body_args": "a=1&b=&c&hint=access_token&x=%20+",
        },
        {ARGUMENTS: "token_type=x&mytoken=y"},
        {"consumers": [{"id": "1", "username": "a"}, {"id": "a", "username": "1"}, {"custom_id": "1"}]},
    ],
)
def test_let_be(mapping: dict[str, Any]) -> None:
    assert problems(mapping) == []


def test_three_equal_outputs_are_two_problems() -> None:
    mapping = {CHANNEL: "Authorization", ACCESS_ORIGINAL: "authorization", CHANNEL_ORIGINAL: "X-Other"}
    assert problems(mapping) == [("settings.E023", ACCESS_ORIGINAL), ("settings.E023", CHANNEL)]


def test_a_rule_does_not_judge_what_could_not_be_read() -> None:
    assert problems({LOGIN: "me", PASSWORD: ""}) == [("settings.E005", PASSWORD)]
    assert problems({LOGIN: "me", PASSWORD: 5}) == [("settings.E002", PASSWORD)]


def test_the_schemes_are_those_of_the_stores_and_caches_and_django() -> None:
    assert set(STORE_SCHEMES) == BACKENDS.keys() | {"django"}
    assert set(CACHE_SCHEMES) == CACHES.keys() | {"django"}


def test_ids_are_unique_and_say_their_level() -> None:
    ids = [entry.id for entry in ENTRIES]
    assert len(set(ids)) == len(ids)
    assert {entry.level for entry in ENTRIES if entry.id.startswith("settings.E")} == {"error"}
    assert {entry.level for entry in ENTRIES if entry.id.startswith("settings.W")} == {"warning"}
    assert all(entry.hint.endswith(".") and entry.meaning.endswith(".") for entry in ENTRIES)
