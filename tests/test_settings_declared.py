"""The 153 parameters: names, types, defaults, choices and releases, told a second time."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw import Settings
from jwt_signer_mw.jose import SIGNING_ALGORITHMS
from jwt_signer_mw.settings.declared import ClaimRules, KeysetSource, Parameters, TokenSettings
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.options import SINCE
from jwt_signer_mw.settings.schema import json_schema
from parts import CORPORA, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.settings.declaring import Option

TOKENS = ["access_token", "channel_token"]
SIGNING = "ES256 ES384 ES512 EdDSA HS256 HS384 HS512 PS256 PS384 PS512 RS256 RS512"

SHARED = """
realm                  string   null   <=3.4
enable_hs_signatures   boolean  false  <=3.4
enable_instrumentation boolean  false  <=3.4
add_claims             object   {}     <=3.4
set_claims             object   {}     <=3.4
"""

CLAIMS = """
verify_{}_expiry     boolean  true     <=3.4
{}_expiry_claim      array    ["exp"]  3.12
{}_leeway            number   0        <=3.4
verify_{}_notbefore  boolean  false    3.12
{}_notbefore_claim   array    ["nbf"]  3.12
verify_{}_scopes     boolean  true     <=3.4
{}_scopes_claim      array    ["scope"] <=3.4
{}_scopes_required   array    null     <=3.4
verify_{}_issuer     boolean  true     3.12
{}_issuer_claim      array    ["iss"]  3.12
{}_issuers_allowed   array    null     3.12
verify_{}_subject    boolean  true     3.12
{}_subject_claim     array    ["sub"]  3.12
{}_subjects_allowed  array    null     3.12
verify_{}_audience   boolean  true     3.12
{}_audience_claim    array    ["aud"]  3.12
{}_audiences_allowed array    null     3.12
{}_required_claims   array    null     3.12
{}_optional_claims   array    null     3.12
{}_consumer_claim    array    null     <=3.4
{}_consumer_by       array    ["username","custom_id"] <=3.4
"""

TOKEN = """
{}_request_header              string  "Authorization"  <=3.4
{}_optional                    boolean false  <=3.4
verify_{}_signature            boolean true   <=3.4
{}_jwks_uri                    string  null   <=3.4
{}_jwks_uri_client_username    string  null   3.7
{}_jwks_uri_client_password    string  null   3.7
{}_jwks_uri_client_certificate object  null   3.7
{}_jwks_uri_rotate_period      number  0      3.7
{}_endpoints_ssl_verify        boolean true   3.13
enable_{}_introspection        boolean true   <=3.4
{}_introspection_endpoint      string  null   <=3.4
{}_introspection_authorization string  null   <=3.4
{}_introspection_body_args     string  null   <=3.4
{}_introspection_hint          string  "access_token"  <=3.4
{}_introspection_timeout       number  null   <=3.4
cache_{}_introspection         boolean true   <=3.4
trust_{}_introspection         boolean true   <=3.4
{}_introspection_jwt_claim     array   null   <=3.4
{}_signing                     boolean true   3.12
{}_signing_algorithm           string  "RS256"  <=3.4
{}_issuer                      string  "kong"   <=3.4
{}_keyset                      string  "kong"   <=3.4
{}_keyset_client_username      string  null   3.7
{}_keyset_client_password      string  null   3.7
{}_keyset_client_certificate   object  null   3.7
{}_keyset_rotate_period        number  0      3.7
{}_upstream_leeway             number  0      <=3.4
{}_upstream_header             string  "Authorization:Bearer"  <=3.4
original_{}_upstream_header    string  null   3.7
add_{}_claims                  object  {}     3.7
set_{}_claims                  object  {}     3.7
remove_{}_claims               array   []     3.7
"""

DIFFERENT = {
    "channel_token_request_header": None,
    "channel_token_upstream_header": None,
    "channel_token_introspection_hint": None,
}


def _told() -> Iterator[tuple[str, str, Any, str]]:
    for table, names in (
        (SHARED, [""]),
        (TOKEN, TOKENS),
        (
            CLAIMS,
            [
                f"{token}{part}"
                for token in ("access_token", "channel_token")
                for part in ("", "_introspection")
            ],
        ),
    ):
        for name in names:
            for line in table.strip().splitlines():
                template, kind, default, since = line.split()
                option = template.replace("{}", name)
                yield option, kind, DIFFERENT.get(option, json.loads(default)), since


PLUGIN = {name: option for name, option in OPTIONS.items() if option.declared.since != SINCE}
OWN = {name: option for name, option in OPTIONS.items() if option.declared.since == SINCE}


def test_every_parameter_is_declared_with_its_type_default_and_release() -> None:
    told = {name: (kind, default, since) for name, kind, default, since in _told()}
    declared = {
        name: (_type(option), _default(option), option.declared.since) for name, option in PLUGIN.items()
    }
    assert declared == told
    assert len(told) == 153


def test_declarations_are_53_fields() -> None:
    own = [set(PLUGIN_FIELDS[kind]) for kind in (ClaimRules, KeysetSource, TokenSettings, Parameters)]
    assert [len(names) for names in own] == [21, 5, 22, 5]


def test_one_field_has_its_own_flat_name_in_every_part() -> None:
    settings = Settings.load()
    assert settings.access_token.claims.option("verify_audience") == "verify_access_token_audience"
    rules = settings.channel_token.introspection
    assert rules.option("verify_audience") == "verify_channel_token_introspection_audience"
    assert settings.access_token.option("original_upstream_header") == "original_access_token_upstream_header"
    assert settings.channel_token.keyset.option("uri") == "channel_token_keyset"
    with pytest.raises(KeyError):
        rules.option("audience")


def test_signing_algorithms_are_those_that_can_sign() -> None:
    assert set(SIGNING.split()) == set(SIGNING_ALGORITHMS)


def test_consumer_fields_and_signing_algorithms_are_choices() -> None:
    properties = json_schema()["properties"]
    assert sorted(properties["access_token_signing_algorithm"]["enum"]) == SIGNING.split()
    for name in [name for name in PLUGIN if name.endswith("consumer_by")]:
        assert sorted(properties[name]["items"]["enum"]) == ["custom_id", "id", "username"]


def test_secrets_and_referenceable_parameters() -> None:
    secret = {name.partition("token_")[2] for name, option in PLUGIN.items() if option.declared.secret}
    reference = {
        name.partition("token_")[2] for name, option in PLUGIN.items() if option.declared.referenceable
    }
    passwords = {"jwks_uri_client_password", "keyset_client_password"}
    introspection = {"introspection_authorization", "introspection_body_args"}
    assert secret == passwords | introspection
    assert reference == secret | {"jwks_uri_client_username", "keyset_client_username"}


def test_the_suites_own_options() -> None:
    own = {name: _default(option) for name, option in OWN.items() if option.path[0] not in TOKENS}
    assert own == {
        "keyset_store": None,
        "keyset_encryption_keys": None,
        "cache": "memory://",
        "consumers": None,
        "verdict_cache_size": 10_000,
        "verdict_cache_ttl": 60,
        "introspection_cache_size": 10_000,
        "introspection_cache_ttl": 300,
        "max_token_bytes": 16_384,
        "max_response_bytes": 1_048_576,
        "jwks_reload_interval": 30,
        "http_timeout": 5_000,
        "exempt_paths": [],
        "observers": [],
        "request_id_header": None,
        "admin_path": "/jwt-signer",
        "admin_token": None,
        "certificates": {},
        "resource": None,
        "resource_metadata": {},
        "shadow": None,
        "purge_token": None,
        "public_origins": None,
        "dpop_nonce_secret": None,
        "dpop_replay_size": 100_000,
        "max_bound_body_bytes": 1_048_576,
        "client_certificate_header": None,
        "client_certificate_format": "rfc9440",
    }


OWN_OF_TOKENS: dict[str, Any] = {
    "{}_typ_allowed": None,
    "{}_profile": None,
    "{}_upstream_max_lifetime": None,
    "{}_report_only": [],
    "{}_introspection_client_auth": None,
    "{}_introspection_client_id": None,
    "{}_introspection_client_secret": None,
    "{}_introspection_client_keyset": None,
    "{}_introspection_client_algorithm": "RS256",
    "{}_introspection_client_audience": None,
    "{}_introspection_client_certificate": None,
    "{}_introspection_signed": "never",
    "{}_introspection_signed_issuer": None,
    "{}_introspect_jwt": "never",
    "{}_dpop": "never",
    "{}_dpop_algorithms": ["ES256", "ES384", "EdDSA", "PS256", "RS256"],
    "{}_dpop_max_age": 60,
    "{}_dpop_nonces": False,
    "{}_mtls": "never",
    "{}_upstream_request": [],
    "{}_upstream_audience": None,
    "{}_upstream_confirmation": "original_cnf",
    "{}_trusted_issuers": {},
    "keep_{}_claims": None,
    "{}_claim_templates": {},
    "{}_subject_pairwise_secret": None,
    "{}_subject_pairwise_sector": None,
    "{}_discovery": None,
    "{}_jwks_uri_max_stale": None,
    "{}_introspection_max_stale": None,
    "{}_introspection_breaker": None,
    "{}_introspection_breaker_cooldown": 30,
}
OWN_OF_CLAIMS: dict[str, Any] = {
    "{}_max_lifetime": None,
    "{}_max_age": None,
}


def test_the_suites_own_options_of_a_token() -> None:
    own = {name: _default(option) for name, option in OWN.items() if option.path[0] in TOKENS}
    families = [f"{token}{part}" for token in TOKENS for part in ("", "_introspection")]
    told = {name.format(token): value for token in TOKENS for name, value in OWN_OF_TOKENS.items()}
    told |= {name.format(family): value for family in families for name, value in OWN_OF_CLAIMS.items()}
    assert own == told


def test_every_option_has_a_sentence_of_help() -> None:
    assert [name for name, option in OPTIONS.items() if not option.declared.help.endswith(".")] == []


def test_the_published_schema_of_the_plugin_agrees() -> None:
    facts = CORPORA.parent / "spec" / "parameters.json"
    require(facts.is_file(), "no ../shared/spec/parameters.json beside the checkout")
    published = {one["name"]: one for one in json.loads(facts.read_text())["parameters"]}
    assert published.keys() == PLUGIN.keys()
    for name, one in published.items():
        option, default = PLUGIN[name], _default(PLUGIN[name])
        assert _type(option) == one["type"], name
        assert option.declared.since == one["since"], name
        if name.endswith("consumer_by"):  # published in alphabetical order; the order has a meaning
            assert sorted(default) == one["default"]
        else:
            assert default == one["default"], name
        assert option.declared.secret >= one.get("secret", False), name
        assert option.declared.referenceable >= one.get("referenceable", False), name


PLUGIN_FIELDS = {
    kind: [
        one.name
        for one in fields(kind)
        if "declared" in one.metadata and one.metadata["declared"].since != SINCE
    ]
    for kind in (ClaimRules, KeysetSource, TokenSettings, Parameters)
}


def _type(option: Option) -> str:
    schema = option.declared.kind.schema()
    kind = "string" if "enum" in schema else schema.get("type", "object")
    return {"integer": "number"}.get(kind, kind)


def _default(option: Option) -> Any:
    return option.plain(option.default)
