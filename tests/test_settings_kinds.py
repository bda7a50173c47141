"""How single values are read: from real types, from text, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.settings import ClientCertificate
from jwt_signer_mw.settings.loading import OPTIONS

LEEWAY = "access_token_leeway"
ISSUERS = "access_token_issuers_allowed"
PATH = "access_token_scopes_claim"
PATHS = "access_token_required_claims"
MAP = "set_access_token_claims"
ALGORITHM = "access_token_signing_algorithm"
CERTIFICATE = "access_token_jwks_uri_client_certificate"


def value_of(option: str, given: object) -> Any:
    settings: Any = Settings.load({option: given})
    for name in OPTIONS[option].path:
        settings = getattr(settings, name)
    return settings


def refused(option: str, given: object) -> str:
    """The id of the only problem."""
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({option: given})
    (problem,) = [found for found in raised.value.problems if found.level == "error"]
    assert problem.option == option
    return problem.id.removeprefix("settings.")


@pytest.mark.parametrize("true", [True, "true", "TRUE", "1", "on", "yes", " yes "])
def test_true(true: object) -> None:
    assert value_of("channel_token_optional", true) is True


@pytest.mark.parametrize("false", [False, "false", "False", "0", "off", "no"])
def test_false(false: object) -> None:
    assert value_of("verify_access_token_expiry", false) is False


@pytest.mark.parametrize("other", [1, 0, 1.0, "", "maybe", "truee", [], {}, b"true", [True]])
def test_nothing_else_is_a_boolean(other: object) -> None:
    assert refused("verify_access_token_signature", other) == "E002"


@pytest.mark.parametrize("number", [0, 60, 1.5, 31_536_000])
def test_numbers(number: float) -> None:
    assert value_of(LEEWAY, number) == number


@pytest.mark.parametrize("other", ["60", "", True, False, None, [60], {"seconds": 60}, 60j, b"60"])
def test_a_number_is_neither_text_nor_a_boolean(other: object) -> None:
    assert refused(LEEWAY, other) == "E002"


@pytest.mark.parametrize("number", [-1, -0.001, 1e9, 10**400, 1e308, math.nan, math.inf, -math.inf])
def test_numbers_out_of_bounds(number: float) -> None:
    assert refused(LEEWAY, number) == "E004"


@pytest.mark.parametrize("text", ["nan", "inf", "0x10", "1_000", "60s", "", "\u0661", "1e999", "9" * 400])
def test_text_of_the_environment_that_is_no_number(text: str) -> None:
    with pytest.raises(ConfigurationError, match=LEEWAY):
        Settings.load({}, {f"JWT_SIGNER_{LEEWAY.upper()}": text})


def test_the_upstream_leeway_may_be_negative() -> None:
    assert value_of("access_token_upstream_leeway", -60) == -60


@pytest.mark.parametrize("option", ["http_timeout", "access_token_introspection_timeout", "max_token_bytes"])
def test_zero_is_no_limit(option: str) -> None:
    assert refused(option, 0) == "E004"


@pytest.mark.parametrize("option", ["verdict_cache_size", "introspection_cache_size", "max_response_bytes"])
def test_counts_are_whole(option: str) -> None:
    assert refused(option, 10.0) == "E002"


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_text_says_something(text: str) -> None:
    assert refused("access_token_issuer", text) == "E005"
    assert refused("admin_token", text) == "E005"


@pytest.mark.parametrize("text", [" kong", "kong\n", "ko\x00ng", "ko\r\nng", "ko\x7fng", "ko\ud800ng"])
def test_text_has_no_stray_characters(text: str) -> None:
    assert refused("access_token_issuer", text) == "E006"


@pytest.mark.parametrize("other", [5, True, ["kong"], {"name": "kong"}, b"kong"])
def test_text_is_text(other: object) -> None:
    assert refused("access_token_issuer", other) == "E002"


@pytest.mark.parametrize("name", ["none", "None", "RS384", "rs256", "HS128", "RS256,ES256"])
def test_algorithms_are_choices(name: str) -> None:
    assert refused(ALGORITHM, name) == "E007"


def test_a_null_algorithm_is_refused() -> None:
    assert refused(ALGORITHM, None) == "E002"


@pytest.mark.parametrize(
    "given",
    [["a b", "c"], ("a b", "c"), "a b,c", " a b , c ", '["a b", "c"]', ' ["a b","c"]'],
)
def test_lists(given: object) -> None:
    assert value_of("access_token_scopes_required", given) == ("a b", "c")


def test_one_text_is_a_list_of_one_and_never_searched_for_parts() -> None:
    assert value_of("access_token_audiences_allowed", "api://orders") == ("api://orders",)


@pytest.mark.parametrize("given", [[], (), "", " ", "[]"])
@pytest.mark.parametrize(
    "option", [ISSUERS, "channel_token_introspection_subjects_allowed", "access_token_scopes_required", PATH]
)
def test_empty_lists_never_mean_all(option: str, given: object) -> None:
    assert refused(option, given) == "E008"


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"a": 1}, "E002"),
        ({"a"}, "E002"),
        (5, "E002"),
        (["a", 5], "E002"),
        (["a", None], "E002"),
        ([["a"]], "E002"),
        (["a"] * 10_001, "E002"),
        ("[1]", "E002"),
        (["a", ""], "E005"),
        ("a,,b", "E005"),
        (["a", " b"], "E006"),
        ('["a"', "E003"),
        ('["a",]', "E003"),
        ("[" * 100_000, "E003"),
    ],
)
def test_lists_that_are_refused(given: object, problem: str) -> None:
    assert refused(ISSUERS, given) == problem


def test_lists_that_may_be_empty() -> None:
    assert value_of("remove_access_token_claims", "") == ()
    assert value_of("exempt_paths", []) == ()
    assert value_of("access_token_optional_claims", []) == ()


@pytest.mark.parametrize(
    "given", [["realm_access", "roles"], "realm_access,roles", '["realm_access","roles"]']
)
def test_claim_paths(given: object) -> None:
    assert value_of(PATH, given) == ("realm_access", "roles")


def test_a_dot_is_part_of_a_claims_name() -> None:
    assert value_of(PATH, "https://example.com/realm.roles") == ("https://example.com/realm.roles",)


@pytest.mark.parametrize("given", [["roles", 0], [1], [["roles"]], {"roles": 1}])
def test_claim_paths_hold_names_only(given: object) -> None:
    assert refused(PATH, given) == "E002"


@pytest.mark.parametrize("given", [[["sub"], ["a", "b"]], '[["sub"],["a","b"]]', (("sub",), ("a", "b"))])
def test_lists_of_claim_paths(given: object) -> None:
    assert value_of(PATHS, given) == (("sub",), ("a", "b"))


@pytest.mark.parametrize(
    "given, problem",
    [
        (["sub"], "E002"),
        ('["sub"]', "E002"),
        ("sub,iss", "E003"),
        ([[]], "E008"),
        ([["sub", ""]], "E005"),
        ([["sub", 1]], "E002"),
        ({"sub": "iss"}, "E002"),
        ("{}", "E002"),
    ],
)
def test_lists_of_claim_paths_that_are_refused(given: object, problem: str) -> None:
    assert refused(PATHS, given) == problem


@pytest.mark.parametrize("given", [{"a": "1", "b": ""}, '{"a": "1", "b": ""}'])
def test_maps(given: object) -> None:
    assert value_of(MAP, given) == (("a", "1"), ("b", ""))


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"a": 1}, "E002"),
        ({"a": None}, "E002"),
        ({1: "a"}, "E002"),
        ({"": "a"}, "E005"),
        ({"a": "\ud800"}, "E002"),
        ([["a", "1"]], "E002"),
        ("a=1", "E003"),
        ('{"a":"1","a":"2"}', "E003"),
        ("[]", "E002"),
        ({str(number): "" for number in range(10_001)}, "E002"),
    ],
)
def test_maps_that_are_refused(given: object, problem: str) -> None:
    assert refused(MAP, given) == problem


@pytest.mark.parametrize("given", [["username", "id"], "username,id"])
def test_consumer_fields_keep_their_order(given: object) -> None:
    assert value_of("access_token_consumer_by", given) == ("username", "id")


@pytest.mark.parametrize("given, problem", [(["email"], "E007"), ([], "E008"), (["id", "id"], "E009")])
def test_consumer_fields_are_choices(given: object, problem: str) -> None:
    assert refused("channel_token_introspection_consumer_by", given) == problem


@pytest.mark.parametrize(
    "given", ["/c.pem", {"cert": "/c.pem", "key": "/c.pem"}, '{"cert":"/c.pem","key":"/c.pem"}']
)
def test_client_certificates(given: object) -> None:
    assert value_of(CERTIFICATE, given) == ClientCertificate("/c.pem", "/c.pem")


def test_client_certificates_by_path_objects() -> None:
    pair = {"cert": Path("/c.pem"), "key": Path("/k.pem")}
    assert value_of(CERTIFICATE, Path("/c.pem")) == ClientCertificate("/c.pem", "/c.pem")
    assert value_of(CERTIFICATE, pair) == ClientCertificate("/c.pem", "/k.pem")


def test_a_client_certificate_is_looked_up_by_its_name() -> None:
    settings = Settings.load(
        {
            CERTIFICATE: {"id": "mine"},
            "certificates": {"mine": {"cert": "/c", "key": "/k"}, "other": "/both"},
        }
    )
    assert settings.access_token.jwks.client_certificate == ClientCertificate("/c", "/k")
    assert dict(settings.certificates)["other"] == ClientCertificate("/both", "/both")


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"id": "nobody"}, "E012"),
        ({"cert": "/c"}, "E002"),
        ({"cert": "/c", "key": "/k", "id": "mine"}, "E002"),
        ({"cert": "/c", "key": 5}, "E002"),
        ({}, "E002"),
        (["/c", "/k"], "E002"),
        ("", "E005"),
        ("{", "E003"),
    ],
)
def test_client_certificates_that_are_refused(given: object, problem: str) -> None:
    assert refused(CERTIFICATE, given) == problem


@pytest.mark.parametrize("given", [["/c"], {"mine": {"id": "other"}}, {"mine": 5}, "{}x", {5: "/c"}])
def test_certificates_that_are_refused(given: object) -> None:
    assert refused("certificates", given) in {"E002", "E003"}


@pytest.mark.parametrize(
    "given", [[{"username": "alice", "id": None}], '[{"username":"alice"}]', ({"username": "alice"},)]
)
def test_consumers_in_a_list(given: object) -> None:
    assert value_of("consumers", given) == (Consumer(username="alice"),)


@pytest.mark.parametrize("given", ["django://auth", "shop.customers.find", "shop.customers:find", value_of])
def test_consumers_elsewhere(given: object) -> None:
    assert value_of("consumers", given) == given


@pytest.mark.parametrize(
    "given",
    [[{}], [{"email": "a"}], [{"id": 7}], ["alice"], [{"username": None}], {"username": "alice"}, 5, [[]]],
)
def test_consumers_that_are_refused(given: object) -> None:
    assert refused("consumers", given) == "E002"
