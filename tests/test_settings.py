"""`Settings`: what load takes and gives, and what comes out again."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections import OrderedDict
from dataclasses import FrozenInstanceError, replace
from types import MappingProxyType
from typing import Any

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.settings import ClientCertificate, parse_form
from jwt_signer_mw.settings.loading import OPTIONS

GOOD = {
    "access_token_jwks_uri": "https://provider.example/jwks",
    "access_token_issuers_allowed": ["https://provider.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
}


def ids(raised: pytest.ExceptionInfo[ConfigurationError]) -> list[tuple[str, str]]:
    return [(problem.id, problem.option) for problem in raised.value.problems if problem.level == "error"]


def test_nothing_set_never_raises() -> None:
    assert Settings.load({}) == Settings.load() == Settings.load(None, {})


def test_importing_them_imports_no_framework_and_no_library() -> None:
    heavy = {"cryptography", "django", "flask", "httpx", "jose", "redis", "requests", "sqlalchemy", "yaml"}
    code = f"import sys, jwt_signer_mw; sys.exit(', '.join({heavy} & sys.modules.keys()) or 0)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_good_settings_have_no_warnings() -> None:
    assert Settings.load(GOOD).warnings == ()


def test_values_arrive_in_their_parts() -> None:
    settings = Settings.load(
        GOOD,
        verify_channel_token_introspection_audience=False,
        access_token_keyset_rotate_period=3600,
        access_token_required_claims=[["sub"], ["realm_access", "roles"]],
        add_access_token_claims={"tier": "gold"},
        consumers=[{"id": "1", "username": "alice"}],
    )
    assert settings.access_token.jwks.uri == "https://provider.example/jwks"
    assert settings.access_token.claims.audiences_allowed == ("orders",)
    assert settings.access_token.claims.required_claims == (("sub",), ("realm_access", "roles"))
    assert settings.access_token.add_claims == (("tier", "gold"),)
    assert not settings.channel_token.introspection.verify_audience
    assert settings.access_token.introspection.verify_audience
    assert settings.access_token.keyset.rotate_period == 3600
    assert settings.channel_token.optional
    assert settings.consumers == (Consumer("1", "alice", None),)


def test_flat_gives_every_name_and_loads_again() -> None:
    given = GOOD | {
        "access_token_jwks_uri_client_username": "me",
        "access_token_jwks_uri_client_password": "s3cret",
        "access_token_jwks_uri_client_certificate": {"id": "mine"},
        "channel_token_keyset_client_certificate": "/both.pem",
        "certificates": {"mine": {"cert": "/c.pem", "key": "/k.pem"}},
        "access_token_optional_claims": [["exp"]],
        "set_claims": {"a": "[1]"},
        "consumers": [{"username": "alice"}],
        "exempt_paths": ["/health", "/public/*"],
        "access_token_leeway": 1.5,
    }
    settings = Settings.load(given)
    flat = settings.flat()
    assert flat.keys() == OPTIONS.keys()
    assert flat["access_token_optional_claims"] == [["exp"]]
    assert flat["access_token_jwks_uri_client_certificate"] == {"cert": "/c.pem", "key": "/k.pem"}
    assert flat["channel_token_keyset_client_certificate"] == {
        "cert": "/both.pem",
        "key": "/both.pem",
    }
    again = Settings.load(flat)
    assert again == settings
    assert again.flat() == flat
    assert again.fingerprint == settings.fingerprint


def test_a_settings_object_is_loaded_already() -> None:
    settings = Settings.load(GOOD)
    assert Settings.load(settings, {"JWT_SIGNER_REALM": "later"}) is settings
    assert Settings.load(settings, realm="now") == Settings.load(GOOD | {"realm": "now"})


@pytest.mark.parametrize("kind", [dict, OrderedDict, MappingProxyType])
def test_any_mapping_will_do(kind: Any) -> None:
    assert Settings.load(kind(GOOD)) == Settings.load(GOOD)


@pytest.mark.parametrize("given", [["realm"], "realm", 3, True, {1, 2}])
def test_what_is_no_mapping_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(given)
    assert ids(raised) == [("settings.E002", "")]


def test_keywords_win_over_the_mapping_and_the_mapping_over_the_environment() -> None:
    environ = {"JWT_SIGNER_REALM": "environment", "JWT_SIGNER_ACCESS_TOKEN_ISSUER": "environment"}
    settings = Settings.load(
        {"realm": "mapping", "channel_token_issuer": "mapping"}, environ, realm="keyword"
    )
    assert settings.realm == "keyword"
    assert settings.channel_token.issuer == "mapping"
    assert settings.access_token.issuer == "environment"


def test_null_in_the_mapping_is_set_and_hides_the_environment() -> None:
    environ = {"JWT_SIGNER_REALM": "environment"}
    assert Settings.load({"realm": None}, environ).realm is None


def test_the_environment_is_text() -> None:
    settings = Settings.load(
        {},
        {
            "JWT_SIGNER_ACCESS_TOKEN_LEEWAY": "2.5",
            "JWT_SIGNER_VERDICT_CACHE_SIZE": "0",
            "JWT_SIGNER_CHANNEL_TOKEN_OPTIONAL": "yes",
            "JWT_SIGNER_VERIFY_ACCESS_TOKEN_NOTBEFORE": "1",
            "JWT_SIGNER_ACCESS_TOKEN_AUDIENCES_ALLOWED": "orders, invoices",
            "JWT_SIGNER_ACCESS_TOKEN_ISSUERS_ALLOWED": '["https://a.example"]',
            "JWT_SIGNER_ACCESS_TOKEN_OPTIONAL_CLAIMS": '[["exp"],["a","b"]]',
            "JWT_SIGNER_SET_CLAIMS": '{"tier":"gold"}',
            "JWT_SIGNER_ACCESS_TOKEN_UPSTREAM_HEADER": "null",
            "JWT_SIGNER_ACCESS_TOKEN_JWKS_URI_CLIENT_CERTIFICATE": '{"cert":"/c","key":"/k"}',
            "JWT_SIGNER_CONSUMERS": '[{"username":"alice"}]',
            "JWT_SIGNER_CHANNEL_TOKEN_UPSTREAM_LEEWAY": "-30",
            "PATH": "/bin",
        },
    )
    access = settings.access_token
    assert access.claims.leeway == 2.5
    assert settings.verdict_cache_size == 0
    assert settings.channel_token.optional
    assert access.claims.verify_notbefore
    assert access.claims.audiences_allowed == ("orders", "invoices")
    assert access.claims.issuers_allowed == ("https://a.example",)
    assert access.claims.optional_claims == (("exp",), ("a", "b"))
    assert settings.set_claims == (("tier", "gold"),)
    assert access.upstream_header is None
    assert access.jwks.client_certificate == ClientCertificate("/c", "/k")
    assert settings.consumers == (Consumer(username="alice"),)
    assert settings.channel_token.upstream_leeway == -30


@pytest.mark.parametrize(
    "variable",
    ["JWT_SIGNER_VERIFY_ACESS_TOKEN_SIGNATURE", "JWT_SIGNER_realm", "JWT_SIGNER_", "JWT_SIGNER_PORTAL"],
)
def test_a_misspelt_variable_is_an_error(variable: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({}, {variable: "true"})
    assert ids(raised) == [("settings.E001", variable)]


def test_a_misspelt_variable_gets_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean JWT_SIGNER_VERIFY_ACCESS_TOKEN_SIGNATURE"):
        Settings.load({}, {"JWT_SIGNER_VERIFY_ACESS_TOKEN_SIGNATURE": "true"})


@pytest.mark.parametrize(
    "variable",
    [
        "CONFIG",
        "TEST_REQUIRE",
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_8080_TCP",
        "PORT_8080_TCP_ADDR",
        "PORT_53_UDP_PROTO",
        "NAME",
        "ENV_HOME",
    ],
)
def test_variables_that_others_set_are_let_be(variable: str) -> None:
    assert Settings.load({}, {f"JWT_SIGNER_{variable}": "x"}) == Settings.load()


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({"verify_acess_token_signature": False})
    assert ids(raised) == [("settings.E001", "verify_acess_token_signature")]
    assert raised.value.problems[0].hint == "Did you mean verify_access_token_signature?"


def test_a_name_that_resembles_nothing_gets_no_suggestion() -> None:
    names: dict[Any, int] = {"xyzzy" * 1000: 1, 7: 8}
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(names)
    assert [problem.id for problem in raised.value.problems[:2]] == ["settings.E001"] * 2
    assert "Did you mean" not in str(raised.value)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(
            {
                "nonsense": 1,
                "access_token_leeway": "60",
                "access_token_issuers_allowed": [],
                "channel_token_upstream_header": "authorization",
                "verify_access_token_signature": False,
            }
        )
    assert sorted(ids(raised)) == [
        ("settings.E001", "nonsense"),
        ("settings.E002", "access_token_leeway"),
        ("settings.E008", "access_token_issuers_allowed"),
        ("settings.E023", "channel_token_upstream_header"),
    ]
    warnings = [problem.option for problem in raised.value.problems if problem.level == "warning"]
    assert "verify_access_token_signature" in warnings
    assert "access_token_issuers_allowed" not in warnings  # it has an error already
    assert all(problem.text and problem.hint for problem in raised.value.problems)


def test_warnings_are_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "jwt_signer_mw.settings"):
        settings = Settings.load(GOOD | {"enable_hs_signatures": True})
    assert [(problem.id, problem.level) for problem in settings.warnings] == [("settings.W001", "warning")]
    assert len(caplog.records) == 1
    assert "enable_hs_signatures" in caplog.text


def test_a_null_keyset_means_kong() -> None:
    settings = Settings.load({"access_token_keyset": None, "channel_token_keyset": None})
    assert (settings.access_token.keyset.uri, settings.channel_token.keyset.uri) == ("kong", "kong")


def test_null_maps_and_lists_of_names_are_empty() -> None:
    settings = Settings.load({"add_claims": None, "remove_access_token_claims": None, "exempt_paths": None})
    assert settings == Settings.load()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_headers_are_switched_off_by_null_and_by_empty_text(value: str | None) -> None:
    settings = Settings.load(
        {"access_token_request_header": value, "access_token_upstream_header": value, "admin_path": value}
    )
    assert settings.access_token.request_header is None
    assert settings.access_token.upstream_header is None
    assert settings.admin_path is None


@pytest.mark.parametrize(
    "option",
    [
        "access_token_signing_algorithm",
        "access_token_issuer",
        "access_token_leeway",
        "verify_access_token_expiry",
        "access_token_expiry_claim",
        "access_token_consumer_by",
        "cache",
        "http_timeout",
    ],
)
def test_null_is_refused_where_it_means_nothing(option: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({option: None})
    assert ids(raised) == [("settings.E002", option)]


def test_a_form_post_is_text_throughout() -> None:
    form = {"access_token_leeway": "60", "channel_token_optional": "on", "realm": "null"}
    settings = Settings.load(parse_form(form))
    assert settings.access_token.claims.leeway == 60
    assert settings.channel_token.optional
    assert settings.realm is None
    with pytest.raises(ConfigurationError, match="no such option"):
        Settings.load(parse_form({"nonsense": "1"}))


def test_the_fingerprint_tells_policies_apart() -> None:
    plain = Settings.load(GOOD)
    assert plain.fingerprint == Settings.load(dict(reversed(GOOD.items()))).fingerprint
    assert len(plain.fingerprint) == 64
    others = [
        Settings.load(GOOD | {"access_token_leeway": 1}),
        Settings.load(GOOD | {"admin_token": "a" * 32}),
        Settings.load(GOOD | {"admin_token": "b" * 32}),
        replace(plain, realm="other"),
    ]
    assert len({one.fingerprint for one in (plain, *others)}) == 5


def test_settings_are_frozen_comparable_and_picklable() -> None:
    settings = Settings.load(GOOD)
    with pytest.raises(FrozenInstanceError):
        settings.realm = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert len({settings, Settings.load(GOOD)}) == 1


@pytest.mark.parametrize(
    "changes, signs",
    [
        ({}, True),
        ({"access_token_signing": False}, False),
        ({"access_token_upstream_header": ""}, False),
        ({"access_token_signing": False, "original_access_token_upstream_header": "X-Original"}, False),
    ],
)
def test_whether_a_new_token_is_made(changes: dict[str, Any], signs: bool) -> None:
    settings = Settings.load(changes)
    assert settings.access_token.signs is signs
    assert not settings.channel_token.signs


class Store:
    """Stands for an object that does a service's work."""


def test_services_may_be_objects() -> None:
    store, cache = Store(), Store()
    settings = Settings.load({"keyset_store": store, "cache": cache, "consumers": Store.__call__})
    assert settings.keyset_store is store
    assert settings.flat()["cache"] is cache
    assert "Store" in repr(settings)
    assert Settings.load(settings.flat()) == settings


@pytest.mark.parametrize("value", [5, True, b"redis://x", ["redis://x"], {"url": "redis://x"}, {1}])
@pytest.mark.parametrize("option", ["keyset_store", "cache"])
def test_no_plain_value_is_a_service(option: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({option: value})
    assert ids(raised) == [("settings.E002", option)]
