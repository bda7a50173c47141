"""The new token: its header, its claims, its expiry."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import jwt as pyjwt
import pytest

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ClaimMalformed, TokenExpired
from jwt_signer_mw.flows.examine import Examined
from jwt_signer_mw.flows.resign import Resigned, Resigner
from jwt_signer_mw.jose import SIGNING_ALGORITHMS, Key, generate_key
from jwt_signer_mw.messages import Incoming
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.tokens.templates import Sources
from stepping import FrozenClock, Stepper

NOW = 1_800_000_000
REQUEST = Incoming("GET", "/", "localhost", ())


class OneKey:
    def __init__(self, key: Key) -> None:
        self.key = key
        self.told: list[float | None] = []

    def ready(self) -> Any:
        raise AssertionError("the key is at hand")

    def used(self, expiry: float | None) -> None:
        self.told.append(expiry)


ES256 = generate_key("ES256")


def resign(
    claims: dict[str, Any], *, key: Key = ES256, expiry_claim: tuple[str, ...] = ("exp",), **options: Any
) -> str:
    return resigned(claims, key=key, expiry_claim=expiry_claim, **options).token


def resigned(
    claims: dict[str, Any], *, key: Key = ES256, expiry_claim: tuple[str, ...] = ("exp",), **options: Any
) -> Resigned:
    options = {"access_token_signing_algorithm": key.alg, **options}
    settings = Settings.load(options)
    clock = Clock.of(FrozenClock(NOW))
    resigner = Resigner(settings.access_token, settings, OneKey(key), clock)
    examined = Examined("jwt", "", claims, b"", expiry_claim, -inf, inf, None)
    return Stepper().run(resigner.resign(examined, Sources(examined.claims, None, REQUEST)))


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = pyjwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.parametrize("alg", SIGNING_ALGORITHMS)
def test_every_algorithm_makes_a_token_that_others_verify(alg: str) -> None:
    key = generate_key(alg)
    token = resign({"sub": "alice"}, key=key)
    jwk = json.dumps(key.private_jwk() if alg.startswith("HS") else key.public_jwk())
    assert pyjwt.decode(token, pyjwt.PyJWK.from_json(jwk, alg), algorithms=[alg])["sub"] == "alice"
    assert pyjwt.get_unverified_header(token) == {"alg": alg, "kid": key.thumbprint, "typ": "JWT"}


def test_issuer() -> None:
    """SGN-05: the original issuer is the one that was verified, never one that the client wrote."""
    new = claims_of(
        resign({"iss": "idp", "original_iss": "evil", "n": 9007199254740993, "f": 0.1, "u": "\u00e9"})
    )
    assert new == {"iss": "kong", "original_iss": "idp", "n": 9007199254740993, "f": 0.1, "u": "\u00e9"}
    assert claims_of(resign({"original_iss": "evil"}, access_token_issuer="me")) == {"iss": "me"}


@pytest.mark.parametrize(
    "claims, leeway, expiry",
    [
        ({"exp": NOW + 5}, 0, NOW + 5),
        ({"exp": NOW + 5}, 60, NOW + 65),
        ({"exp": NOW + 5}, -2, NOW + 3),
        ({}, 60, None),
    ],
)
def test_expiry(claims: dict[str, Any], leeway: int, expiry: int | None) -> None:
    new = claims_of(resign(claims, access_token_upstream_leeway=leeway, access_token_leeway=10))
    assert new.get("exp") == expiry


def test_a_custom_expiry_claim_is_read_and_exp_is_written() -> None:
    new = claims_of(resign({"end": NOW + 5}, expiry_claim=("end",), access_token_upstream_leeway=1))
    assert (new["exp"], new["end"]) == (NOW + 6, NOW + 5)


def test_a_token_that_would_be_past_is_not_made() -> None:
    """Decision 28"""
    with pytest.raises(TokenExpired):
        resign({"exp": NOW + 5}, access_token_upstream_leeway=-5)
    assert (
        claims_of(resign({"exp": NOW + 5}, access_token_upstream_leeway=-5, set_claims={"exp": "9"}))["exp"]
        == 9
    )


def test_until_when_a_new_token_may_be_said_again() -> None:
    assert resigned({"exp": NOW + 5}).until == inf
    assert resigned({"exp": NOW + 5}, access_token_upstream_leeway=-2).until == NOW + 3
    assert resigned({"exp": NOW + 5}, access_token_upstream_leeway=-2, set_claims={"exp": "9"}).until == inf


@pytest.mark.parametrize(
    "claims, options, expiry, until",
    [
        ({"exp": NOW + 500}, {}, NOW + 60, NOW + 30),
        ({}, {}, NOW + 60, NOW + 30),
        ({"exp": NOW + 60}, {}, NOW + 60, inf),
        ({"exp": NOW + 5}, {}, NOW + 5, inf),
        ({"exp": NOW + 5}, {"access_token_upstream_leeway": 90}, NOW + 60, NOW + 30),
        ({"exp": NOW + 500}, {"access_token_upstream_leeway": -480}, NOW + 20, NOW + 20),
        ({"exp": NOW + 500}, {"set_claims": {"exp": "4102444800"}}, NOW + 60, NOW + 30),
        ({"exp": NOW + 500}, {"set_claims": {"exp": "null"}}, NOW + 60, NOW + 30),
    ],
)
def test_a_limited_life(claims: dict[str, Any], options: dict[str, Any], expiry: int, until: float) -> None:
    """At least half of a life that was limited is left to the service behind."""
    new = resigned(claims, access_token_upstream_max_lifetime=60, **options)
    assert (claims_of(new.token)["exp"], claims_of(new.token)["iat"]) == (expiry, NOW)
    assert new.until == until


def test_an_expiry_that_is_no_date_is_not_signed() -> None:
    with pytest.raises(ClaimMalformed):
        resign({"exp": "soon"})


def test_edits_in_their_order() -> None:
    """Decision 9: add, add of the token, set, set of the token, remove; JSON is stored decoded."""
    new = claims_of(
        resign(
            {"have": 1, "gone": 1},
            add_claims={"have": "2", "both": '"shared"', "list": '["a"]'},
            add_access_token_claims={"both": '"own"', "more": "text"},
            set_claims={"s": "1", "have": "3"},
            set_access_token_claims={"s": "2"},
            remove_access_token_claims=["gone", "more"],
        )
    )
    assert new == {"iss": "kong", "have": 3, "both": "shared", "list": ["a"], "s": 2}


def test_iss_and_exp_may_be_set_on_purpose() -> None:
    assert claims_of(
        resign({"exp": NOW}, set_claims={"iss": "other"}, remove_access_token_claims=["exp"])
    ) == {"iss": "other"}


def test_the_claims_that_were_verified_stay_as_they_are() -> None:
    claims = {"iss": "idp", "exp": NOW + 5}
    resign(claims, set_claims={"x": "1"})
    assert claims == {"iss": "idp", "exp": NOW + 5}


def test_two_signatures_of_one_message_differ() -> None:
    """SGN-13: no nonce is used twice."""
    first, second = (resign({"sub": "a"}).rpartition(".")[2] for _ in range(2))
    assert first != second


def test_the_header_follows_the_key() -> None:
    settings = Settings.load({"access_token_signing_algorithm": "ES256"})
    keys = OneKey(ES256)
    resigner = Resigner(settings.access_token, settings, keys, Clock.of(FrozenClock(NOW)))
    examined = Examined("jwt", "", {"exp": NOW + 1}, b"", ("exp",), -inf, inf, None)
    sources = Sources(examined.claims, None, REQUEST)
    for key in (ES256, generate_key("ES256")):
        keys.key = key
        new = Stepper().run(resigner.resign(examined, sources)).token
        assert pyjwt.get_unverified_header(new)["kid"] == key.thumbprint
    assert keys.told == [NOW + 1, NOW + 1]
