"""The JSON Schema of settings."""

from __future__ import annotations

import json

from jwt_signer_mw.settings import Settings, json_schema

SCHEMA = json_schema()
PROPERTIES = SCHEMA["properties"]


def test_it_describes_every_option_and_nothing_else() -> None:
    assert list(PROPERTIES) == list(Settings.load().flat())
    assert SCHEMA["additionalProperties"] is False
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_defaults_are_those_of_settings() -> None:
    assert {name: one["default"] for name, one in PROPERTIES.items()} == Settings.load().flat()


def test_types_bounds_and_choices() -> None:
    assert PROPERTIES["verify_access_token_expiry"]["type"] == "boolean"
    leeway = PROPERTIES["access_token_leeway"]
    assert (leeway["type"], leeway["minimum"], leeway["maximum"]) == ("number", 0, 31_536_000)
    assert PROPERTIES["http_timeout"]["exclusiveMinimum"] == 0
    assert PROPERTIES["verdict_cache_size"]["type"] == "integer"
    assert "RS256" in PROPERTIES["access_token_signing_algorithm"]["enum"]
    path = PROPERTIES["access_token_expiry_claim"]
    assert (path["type"], path["minItems"], path["items"]) == ("array", 1, {"type": "string", "minLength": 1})
    assert PROPERTIES["set_claims"]["anyOf"][0]["additionalProperties"] == {"type": "string"}
    assert PROPERTIES["access_token_consumer_by"]["uniqueItems"]


def test_null_and_empty_text_where_they_mean_something() -> None:
    assert PROPERTIES["access_token_request_header"]["anyOf"][1:] == [{"type": "null"}, {"const": ""}]
    assert PROPERTIES["access_token_jwks_uri"]["anyOf"][1:] == [{"type": "null"}]
    assert "anyOf" not in PROPERTIES["access_token_signing_algorithm"]


def test_secrets_are_write_only_and_units_are_named() -> None:
    assert PROPERTIES["access_token_jwks_uri_client_password"]["writeOnly"]
    assert "writeOnly" not in PROPERTIES["access_token_jwks_uri_client_username"]
    assert PROPERTIES["http_timeout"]["description"].endswith("In milliseconds.")
