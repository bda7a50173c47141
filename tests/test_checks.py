"""The checks of a family of claims: what passes, what is refused, with which status, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_signer_mw.errors import (
    AudienceNotAllowed,
    ClaimMalformed,
    ClaimMissing,
    IssuerNotAllowed,
    LifetimeTooLong,
    Refusal,
    ScopesInsufficient,
    SubjectNotAllowed,
    TokenExpired,
    TokenNotYetValid,
    TokenTooOld,
)
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.tokens.checks import compile_checks, read_scopes, run_checks, valid_since, valid_until

NOW = 1_000_000


def check(claims: dict[str, Any], *, may_be_absent: bool = False, now: float = NOW, **options: Any) -> None:
    rules = Settings.load(
        {f"access_token_{k}" if "{}" not in k else k.format("access_token"): v for k, v in options.items()}
    ).access_token.claims
    run_checks(compile_checks(rules, expiry_may_be_absent=may_be_absent), claims, now)


GOOD = {"exp": NOW + 10}


@pytest.mark.parametrize(
    "claims, options",
    [
        (GOOD, {}),
        ({"exp": NOW + 0.001}, {}),
        ({"exp": NOW - 9}, {"leeway": 10}),
        ({}, {"optional_claims": [["exp"]]}),
        ({"exp": NOW - 10}, {"verify_{}_expiry": False}),
        ({"custom": {"end": NOW + 1}}, {"expiry_claim": ["custom", "end"]}),
        (GOOD | {"nbf": NOW}, {"verify_{}_notbefore": True}),
        (GOOD | {"nbf": NOW + 10}, {"verify_{}_notbefore": True, "leeway": 10}),
        (GOOD | {"nbf": NOW + 10}, {}),
        (GOOD, {"verify_{}_notbefore": True, "optional_claims": [["nbf"]]}),
        (GOOD | {"a": {"b": 0}}, {"required_claims": [["a", "b"]]}),
        (GOOD | {"iss": "i"}, {"issuers_allowed": ["h", "i"]}),
        (GOOD | {"iss": "x"}, {"issuers_allowed": ["i"], "verify_{}_issuer": False}),
        (GOOD, {"issuers_allowed": ["i"], "optional_claims": [["iss"]]}),
        (GOOD | {"aud": "a"}, {"audiences_allowed": ["a"]}),
        (GOOD | {"aud": ["x", "a"]}, {"audiences_allowed": ["a"]}),
        (GOOD, {"audiences_allowed": ["a"], "optional_claims": [["aud"]]}),
        (GOOD | {"sub": "s"}, {"subjects_allowed": ["s"]}),
        (GOOD, {"subjects_allowed": ["s"], "optional_claims": [["sub"]]}),
        (GOOD | {"scope": "a b"}, {"scopes_required": ["b"]}),
        (GOOD | {"scope": ["a", "b"]}, {"scopes_required": ["a b"]}),
        (GOOD | {"scope": "c"}, {"scopes_required": ["a b", "c"]}),
        (GOOD | {"r": {"roles": "c"}}, {"scopes_required": ["c"], "scopes_claim": ["r", "roles"]}),
        (GOOD, {"scopes_required": ["a"], "optional_claims": [["scope"]]}),
        (GOOD, {"scopes_required": ["a"], "verify_{}_scopes": False}),
    ],
)
def test_accepted(claims: dict[str, Any], options: dict[str, Any]) -> None:
    check(claims, **options)


@pytest.mark.parametrize(
    "claims, options, refusal",
    [
        ({}, {}, ClaimMissing),
        ({"exp": None}, {}, ClaimMissing),
        ({"exp": NOW}, {}, TokenExpired),
        ({"exp": 0}, {}, TokenExpired),
        ({"exp": NOW - 10}, {"leeway": 10}, TokenExpired),
        ({"exp": "4102444800"}, {}, ClaimMalformed),
        ({"exp": True}, {}, ClaimMalformed),
        ({}, {"optional_claims": [["exp"]], "required_claims": [["exp"]]}, ClaimMissing),
        (GOOD | {"nbf": NOW + 1}, {"verify_{}_notbefore": True}, TokenNotYetValid),
        (GOOD, {"verify_{}_notbefore": True}, ClaimMissing),
        (GOOD | {"nbf": {}}, {}, ClaimMalformed),
        (GOOD | {"iat": []}, {}, ClaimMalformed),
        (GOOD, {"required_claims": [["a"]]}, ClaimMissing),
        (GOOD | {"a": None}, {"required_claims": [["a"]]}, ClaimMissing),
        (GOOD, {"issuers_allowed": ["i"]}, IssuerNotAllowed),
        (GOOD | {"iss": "i/"}, {"issuers_allowed": ["i"]}, IssuerNotAllowed),
        (GOOD | {"iss": "I"}, {"issuers_allowed": ["i"]}, IssuerNotAllowed),
        (GOOD | {"x": ["i"]}, {"issuers_allowed": ["i"], "issuer_claim": ["x"]}, IssuerNotAllowed),
        (GOOD, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": None}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": "ab"}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": "a b"}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": ["a", 1]}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": [["a"]]}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": {"a": 1}}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD | {"aud": 5}, {"audiences_allowed": ["a"]}, AudienceNotAllowed),
        (GOOD, {"subjects_allowed": ["s"]}, SubjectNotAllowed),
        (GOOD | {"sub": "t"}, {"subjects_allowed": ["s"]}, SubjectNotAllowed),
        (GOOD, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": "ab"}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": "a\tb"}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": "a\u00a0b"}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": ["a b"]}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": {"a": True}}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": "A"}, {"scopes_required": ["a"]}, ScopesInsufficient),
        (GOOD | {"scope": "a"}, {"scopes_required": ["a b"]}, ScopesInsufficient),
        (GOOD | {"r": None}, {"scopes_required": ["a"], "scopes_claim": ["r", "roles"]}, ScopesInsufficient),
    ],
)
def test_refused(claims: dict[str, Any], options: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        check(claims, **options)


def test_every_cause_of_401_comes_before_every_cause_of_403() -> None:
    """Decision 3. Each step mends the claim that was refused, and the next check speaks."""
    options: dict[str, Any] = {
        "verify_{}_notbefore": True,
        "required_claims": [["r"]],
        "issuers_allowed": ["i"],
        "audiences_allowed": ["a"],
        "subjects_allowed": ["s"],
        "scopes_required": ["c"],
    }
    options |= {"max_lifetime": 100, "max_age": 50}
    claims: dict[str, Any] = {"exp": NOW - 1, "nbf": NOW + 1}
    for refusal, mend in (
        (TokenExpired, {"exp": NOW + 1}),
        (TokenNotYetValid, {"nbf": NOW}),
        (ClaimMissing, {"iat": NOW - 100}),
        (LifetimeTooLong, {"iat": NOW - 60}),
        (TokenTooOld, {"iat": NOW - 40}),
        (ClaimMissing, {"r": 1}),
        (IssuerNotAllowed, {"iss": "i"}),
        (AudienceNotAllowed, {"aud": "a"}),
        (SubjectNotAllowed, {"sub": "s"}),
        (ScopesInsufficient, {"scope": "c"}),
    ):
        with pytest.raises(refusal):
            check(claims, **options)
        claims |= mend
    check(claims, **options)


def test_an_introspection_result_may_lack_its_expiry() -> None:
    check({}, may_be_absent=True)
    with pytest.raises(TokenExpired):
        check({"exp": NOW - 1}, may_be_absent=True)
    with pytest.raises(ClaimMissing):
        check({}, may_be_absent=True, required_claims=[["exp"]])


def test_a_refusal_names_its_parameter_and_the_scope_that_would_do() -> None:
    with pytest.raises(ScopesInsufficient) as caught:
        check(GOOD, scopes_required=["a b", "c"])
    assert caught.value.option == "access_token_scopes_required"
    assert caught.value.scope == "a b"


def test_valid_until() -> None:
    rules = Settings.load({"access_token_leeway": 5}).access_token.claims
    assert valid_until(rules, {"exp": 10}) == 15
    assert valid_until(rules, {}) == float("inf")
    unchecked = Settings.load({"verify_access_token_expiry": False}).access_token.claims
    assert valid_until(unchecked, {"exp": 10}) == float("inf")


def test_an_age_ends_what_an_expiry_does_not() -> None:
    options = {"access_token_leeway": 5, "access_token_max_age": 100}
    rules = Settings.load(options).access_token.claims
    assert valid_until(rules, {"iat": 10, "exp": 500}) == 115
    assert valid_until(rules, {"iat": 10, "exp": 100}) == 105
    assert valid_until(rules, {"exp": 500}) == 505
    unchecked = Settings.load({**options, "verify_access_token_expiry": False}).access_token.claims
    assert valid_until(unchecked, {"iat": 10, "exp": 50}) == 115


def test_what_was_issued_ahead_holds_only_from_then_on() -> None:
    rules = Settings.load({"access_token_leeway": 5, "access_token_max_lifetime": 60}).access_token.claims
    assert valid_since(rules, {"iat": 10}) == 5
    assert valid_since(rules, {}) == float("-inf")
    assert valid_since(Settings.load({}).access_token.claims, {"iat": 10}) == float("-inf")


@pytest.mark.parametrize("value, scopes", [("a b", {"a", "b"}), (["a", 1], {"a"}), (None, set()), (5, set())])
def test_read_scopes(value: object, scopes: set[str]) -> None:
    assert read_scopes(value) == scopes
