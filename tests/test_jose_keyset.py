"""Key sets: what is skipped and why, and which keys a token is checked with (S7, S8, decisions 23 to 25)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jwt_signer_mw.jose import Key, KeySet, generate_key, load_key, load_keyset
from jwt_signer_mw.jose.keyset import MAX_CANDIDATES, MAX_KEYS
from jwt_signer_mw.wire import Malformed

RSA_PRIVATE = generate_key("RS256").private_jwk()
RSA = load_key(RSA_PRIVATE).public_jwk()
EC = generate_key("ES256").public_jwk()
ED = generate_key("EdDSA").public_jwk()
OCT = generate_key("HS256").private_jwk()


def public(alg: str, **members: Any) -> dict[str, Any]:
    return generate_key(alg).public_jwk() | members


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def kids(keys: tuple[Key, ...]) -> list[str | None]:
    return [key.kid for key in keys]


# Documents --------------------------------------------------------------------------------------------


def test_a_set_from_bytes_text_or_a_mapping() -> None:
    for source in (document(RSA, EC), document(RSA, EC).decode(), {"keys": [RSA, EC]}, {"keys": (RSA, EC)}):
        keys = load_keyset(source)
        assert kids(keys.keys) == [RSA["kid"], EC["kid"]]
        assert not keys.unusable
        assert not keys.warnings


def test_one_bare_jwk_is_tolerated() -> None:
    assert kids(load_keyset(json.dumps(RSA)).keys) == [RSA["kid"]]
    assert load_keyset({"kty": "MLWE"}).unusable == ("keys[0]: kty is missing or not supported",)


def test_members_beside_the_keys_are_ignored() -> None:
    other = {"keys": [RSA], "previous": [EC], "x-own": {"a": [1]}}
    assert kids(load_keyset(other).keys) == [RSA["kid"]]


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"<html>maintenance</html>",
        b'{"keys":123}',
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":"text"}',
        b'{"keys":[],}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[{"kty":"EC",}]}',
        b'{"keys":[NaN]}',
        b'{"error":"no"}',
        b"[" * 5000,
        b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff\xfe",
        b"-----BEGIN NOTHING",
        json.dumps({"keys": [RSA]}).encode("utf-16"),
        "\ud800",
        {},
        {"keys": None},
        {"keys": {"a": RSA}},
    ],
)
def test_no_key_set(source: Any) -> None:
    with pytest.raises(Malformed):
        load_keyset(source)


@pytest.mark.parametrize("source", [None, 1, [], [RSA], bytearray(b"{}"), object()])
def test_no_document(source: Any) -> None:
    with pytest.raises(Malformed):
        load_keyset(source)


def test_an_empty_set_is_a_set() -> None:
    keys = load_keyset(b'{"keys":[]}')
    assert keys.keys == ()
    assert keys.candidates("RS256", None) == ()
    assert keys.signer("RS256") is None


@pytest.mark.parametrize("member", ["kid", "kty", "crv", "alg", "use", "key_ops", "n"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, [[]]])
def test_members_of_any_type_are_skipped(member: str, value: object) -> None:
    keys = load_keyset({"keys": [RSA | {"kid": "bad", member: value}, EC]})
    assert EC["kid"] in kids(keys.keys)


def test_unusable_keys_are_skipped_and_named() -> None:
    keys = load_keyset(
        document(
            {"kty": "MLWE", "kid": "q"},
            {"kty": "RSA", "kid": "bad", "n": 7, "e": "AQAB"},
            {"kty": "EC", "crv": "P-256", "kid": "badec", "x": "AA", "y": "AA"},
            None,
            "x",
            {"kty": "OKP", "crv": "X448", "kid": "x", "x": "AA"},
            RSA | {"use": "enc"},
            RSA | {"key_ops": ["encrypt"]},
            OCT,
            RSA,
            EC,
        )
    )
    assert kids(keys.keys) == [RSA["kid"], EC["kid"]]
    assert keys.unusable == (
        "keys[0]: kty is missing or not supported",
        "keys[1]: n is missing or not text",
        "keys[2]: EC key with impossible values",
        "keys[3]: not a JWK object",
        "keys[4]: not a JWK object",
        "keys[5]: crv is missing or not supported",
        "keys[6]: use is not sig",
        "keys[7]: key_ops allow neither verify nor sign",
        "keys[8]: oct keys are not accepted here",
    )


def test_a_key_that_repeats_a_member_is_skipped_alone() -> None:
    repeated = b'{"kty":"RSA","n":"AQAB","n":"AQAB","e":"AQAB"}'
    keys = load_keyset(document("here", EC).replace(b'"here"', repeated))
    assert kids(keys.keys) == [EC["kid"]]
    assert keys.unusable == ("keys[0]: a member name is repeated",)


def test_reasons_hold_no_value() -> None:
    keys = load_keyset({"keys": [RSA | {"alg": "s3cr3t"}, RSA | {"e": "s3cr3t!"}, {"kty": "s3cr3t"}]})
    assert len(keys.unusable) == 3
    assert "s3cr3t" not in repr(keys.unusable)


def test_secrets_only_where_they_are_admitted() -> None:
    assert kids(load_keyset({"keys": [OCT, RSA]}, symmetric=True).keys) == [OCT["kid"], RSA["kid"]]
    assert kids(load_keyset({"keys": [OCT, RSA]}).keys) == [RSA["kid"]]


def test_private_members_of_a_set_for_verifying_are_left_behind() -> None:
    keys = load_keyset({"keys": [RSA_PRIVATE, EC]}, private=False)
    assert keys.keys[0].public_jwk() == RSA
    assert not keys.keys[0].is_private
    assert keys.signer("RS256") is None
    assert keys.warnings == ("keys[0]: private members are published; only the public half is kept",)
    assert load_keyset({"keys": [RSA_PRIVATE, EC]}).warnings == ()


def test_a_map_of_certificates_by_kid() -> None:
    assert load_keyset(
        {"one": "-----BEGIN CERTIFICATE-----\nwrong\n-----END CERTIFICATE-----\n"}
    ).unusable == ("keys[0]: unreadable PEM block",)
    assert load_keyset({"one": "-----BEGIN CERTIFICATE-----\nwrong"}).unusable == ("keys[0]: no PEM block",)
    for source in (
        {"a": "no PEM"},
        {"a": "-----BEGIN X-----", "b": True},
        {"a": "-----BEGIN X", "b": "\ud800"},
    ):
        with pytest.raises(Malformed):
            load_keyset(source)


# Duplicates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [False, True])
def test_keys_that_share_kid_type_and_algorithm_are_all_unusable(swapped: bool) -> None:
    good, evil = RSA | {"kid": "one"}, public("RS256", kid="one")
    keys = load_keyset({"keys": [evil, EC, good] if swapped else [good, EC, evil]})
    assert kids(keys.keys) == [EC["kid"]]
    assert keys.unusable == (
        "keys[0]: kid, kty and alg are not unique",
        "keys[2]: kid, kty and alg are not unique",
    )
    assert keys.candidates("RS256", "one") == ()


def test_a_curve_is_an_algorithm() -> None:
    first, second = EC | {"kid": "one"}, without(public("ES256", kid="one"), "alg")
    assert not load_keyset({"keys": [first, second]}).keys
    assert len(load_keyset({"keys": [first, public("ES384", kid="one")]}).keys) == 2


def test_one_kid_may_serve_several_algorithms() -> None:
    keys = load_keyset({"keys": [RSA | {"kid": "one"}, public("PS256", kid="one"), EC | {"kid": "one"}]})
    for alg in ("RS256", "PS256", "ES256"):
        assert [key.alg for key in keys.candidates(alg, "one")] == [alg]


def test_a_key_that_declares_the_algorithm_goes_before_one_that_declares_none() -> None:
    keys = load_keyset({"keys": [without(public("RS256", kid="one"), "alg"), RSA | {"kid": "one"}]})
    assert [key.alg for key in keys.candidates("RS256", "one")] == ["RS256"]
    assert [key.alg for key in keys.candidates("RS512", "one")] == [None]


def test_keys_without_kid_are_no_duplicates() -> None:
    keys = load_keyset({"keys": [without(RSA, "kid"), without(public("RS256"), "kid"), without(RSA, "kid")]})
    assert len(keys.keys) == 3


@pytest.mark.parametrize(
    "other", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "RSA-OAEP"}, {"kid": "x"}]
)
def test_a_double_for_another_use_leaves_no_doubt(other: dict[str, Any]) -> None:
    keys = load_keyset({"keys": [RSA | other, RSA]})
    assert RSA["kid"] in kids(keys.candidates("RS256", RSA["kid"]))


@pytest.mark.parametrize("broken", [{"n": "AQAB"}, {"n": RSA["n"] + "="}, {"e": None}])
def test_a_broken_double_leaves_doubt(broken: dict[str, Any]) -> None:
    keys = load_keyset({"keys": [RSA, RSA | broken, EC, EC | {"x": "AA"}]})
    assert not keys.keys
    assert len(keys.unusable) == 4


# Candidates -------------------------------------------------------------------------------------------


def test_a_token_that_names_a_key_is_checked_with_that_key_only() -> None:
    other = public("RS256", kid="other")
    keys = load_keyset({"keys": [RSA | {"kid": "one"}, other, without(other, "kid"), EC | {"kid": "ec"}]})
    assert kids(keys.candidates("RS256", "one")) == ["one"]
    assert keys.candidates("ES256", "one") == ()  # of another type, and nothing else is tried
    assert keys.candidates("RS256", "ec") == ()
    assert keys.candidates("RS512", "one") == ()  # its alg says RS256
    assert keys.candidates("HS256", "one") == ()
    assert keys.candidates("none", "one") == ()


@pytest.mark.parametrize("kid", ["ONE", " one", "one ", "", "on", "one\0", "../one"])
def test_kids_are_compared_exactly(kid: str) -> None:
    assert load_keyset({"keys": [RSA | {"kid": "one"}]}).candidates("RS256", kid) == ()


def test_keys_without_a_name_are_tried_for_a_name_that_nobody_has() -> None:
    keys = load_keyset({"keys": [RSA | {"kid": "one"}, without(public("RS256"), "kid"), without(EC, "kid")]})
    assert kids(keys.candidates("RS256", "two")) == [None]
    assert [key.kty for key in keys.candidates("ES256", "two")] == ["EC"]


def test_a_token_without_kid_is_tried_with_all_that_fit_but_not_more_than_sixteen() -> None:
    keys = load_keyset({"keys": [EC, *(RSA | {"kid": f"k{number}"} for number in range(30))]})
    assert kids(keys.candidates("RS256", None)) == [f"k{number}" for number in range(MAX_CANDIDATES)]
    assert kids(keys.candidates("ES256", None)) == [EC["kid"]]
    assert keys.candidates("EdDSA", None) == ()
    nameless = load_keyset({"keys": [without(RSA, "kid")] * 30})
    assert len(nameless.candidates("RS256", "any")) == MAX_CANDIDATES


# Signers ----------------------------------------------------------------------------------------------


def test_the_signer_is_the_first_private_key_that_declares_the_algorithm() -> None:
    bare = without(generate_key("RS256").private_jwk(), "alg") | {"kid": "bare"}
    second = generate_key("RS256").private_jwk() | {"kid": "second"}
    keys = load_keyset({"keys": [RSA, bare, second, generate_key("RS256").private_jwk()]})
    signer, without_declared = keys.signer("RS256"), keys.signer("PS512")
    assert signer is not None
    assert signer.kid == "second"
    assert without_declared is not None
    assert without_declared.kid == "bare"
    assert keys.signer("ES256") is None


def test_public_keys_sign_nothing() -> None:
    assert load_keyset({"keys": [RSA, EC, ED]}).signer("RS256") is None


# Identity and size --------------------------------------------------------------------------------------


def test_the_fingerprint_tells_sets_apart() -> None:
    base = load_keyset({"keys": [RSA, EC]}).fingerprint
    assert base == load_keyset(document(RSA | {"x5t": "AA"}, {"kty": "MLWE"}, EC)).fingerprint
    for other in (
        [RSA],
        [RSA | {"kid": "x"}, EC],
        [without(RSA, "kid"), EC],
        [without(RSA, "alg"), EC],
        [RSA | {"alg": "RS512"}, EC],
        [public("RS256", kid=RSA["kid"]), EC],
        [RSA, EC, ED],
    ):
        assert load_keyset({"keys": other}).fingerprint != base
    assert OCT["k"] not in load_keyset({"keys": [OCT]}, symmetric=True).fingerprint


def test_the_repr_holds_no_key() -> None:
    assert repr(load_keyset({"keys": [OCT, 1]}, symmetric=True)) == "<KeySet of 1 keys, 1 unusable>"


def test_ten_thousand_keys() -> None:
    """They load once, and cost a request nothing: the choice is a look-up."""
    keys = load_keyset(document(*(ED | {"kid": f"k{number}"} for number in range(MAX_KEYS))))
    assert len(keys.keys) == MAX_KEYS
    assert kids(keys.candidates("EdDSA", "k9999")) == ["k9999"]
    assert len(keys.candidates("EdDSA", None)) == MAX_CANDIDATES
    with pytest.raises(Malformed, match="keys"):
        load_keyset({"keys": [ED] * (MAX_KEYS + 1)})


def test_a_set_can_be_put_together_from_keys() -> None:
    keys = KeySet([load_key(RSA), load_key(EC)])
    assert kids(keys.candidates("ES256", EC["kid"])) == [EC["kid"]]
    assert keys.fingerprint == load_keyset({"keys": [RSA, EC]}).fingerprint
