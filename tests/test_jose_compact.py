"""Signing and verifying compact tokens: one choice of key and algorithm, one refusal for each reason."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_signer_mw.errors import (
    AlgorithmNotAllowed,
    KeyUnknown,
    Refusal,
    SignatureInvalid,
    SigningFailed,
    TokenMalformed,
    TypNotAllowed,
)
from jwt_signer_mw.jose import (
    ASYMMETRIC,
    SYMMETRIC,
    Key,
    KeySet,
    generate_key,
    load_key,
    load_keyset,
    sign_compact,
    verify_compact,
    verify_signature,
)
from jwt_signer_mw.tokens.compact import split_compact
from jwt_signer_mw.wire import decode_base64url, dump_json, encode_base64url

ALL = ASYMMETRIC | SYMMETRIC
KEYS: dict[str, Key] = {alg: generate_key(alg) for alg in sorted(ALL)}
RSA, EC, OCT = KEYS["RS256"], KEYS["ES256"], KEYS["HS256"]
PUBLIC = {"keys": [KEYS[alg].public_jwk() for alg in sorted(ASYMMETRIC)]}
PAYLOAD = b'{"sub":"alice"}'


def forge(header: dict[str, Any], key: Key | Forger, alg: str) -> str:
    """A token with any header that is really signed."""
    signing_input = f"{encode_base64url(dump_json(header))}.{encode_base64url(PAYLOAD)}"
    return f"{signing_input}.{encode_base64url(key.sign(alg, signing_input.encode()))}"


class Forger:
    """The attacker's own tool: no check keeps him from using what he likes as a secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, _alg: str, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, "sha256")


# Signing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", sorted(ALL))
def test_what_is_signed_verifies(alg: str) -> None:
    token = sign_compact(PAYLOAD, KEYS[alg], alg)
    keys = {"keys": [KEYS[alg].private_jwk()]}
    assert verify_compact(token, keys, algorithms=[alg]) == PAYLOAD
    assert verify_compact(token.encode(), json.dumps(keys).encode(), algorithms=ALL) == PAYLOAD
    assert verify_compact(token, KeySet([KEYS[alg]]), algorithms={alg}) == PAYLOAD
    for other in ALL - {alg}:
        with pytest.raises(AlgorithmNotAllowed):
            verify_compact(token, keys, algorithms=[other])


def test_the_header_holds_three_members() -> None:
    header, payload, _ = sign_compact(PAYLOAD, RSA, "RS256").split(".")
    assert decode_base64url(header) == dump_json({"alg": "RS256", "kid": RSA.kid, "typ": "JWT"})
    assert decode_base64url(payload) == PAYLOAD
    assert split_compact(sign_compact(b"x", EC, "ES256", typ="at+jwt")).header["typ"] == "at+jwt"


def test_a_key_without_kid_signs_under_its_thumbprint() -> None:
    jwk = {name: value for name, value in EC.private_jwk().items() if name != "kid"}
    assert split_compact(sign_compact(PAYLOAD, load_key(jwk), "ES256")).kid == EC.thumbprint


def test_signing_fails_with_an_error_of_ours() -> None:
    for key, alg in ((RSA, "RS512"), (RSA, "none"), (EC, "RS256"), (load_key(RSA.public_jwk()), "RS256")):
        with pytest.raises(SigningFailed):
            sign_compact(PAYLOAD, key, alg)


# Verifying --------------------------------------------------------------------------------------------


def test_the_payload_may_be_anything() -> None:
    for payload in (b"", b"Payload", b"\xff\x00", b"[]", b'{"a":1,"a":2}', b" " * 1000):
        token = sign_compact(payload, EC, "ES256")
        assert verify_compact(token, PUBLIC, algorithms=ASYMMETRIC) == payload


def test_every_changed_bit_of_a_signature_counts() -> None:
    for alg in ("RS256", "ES256", "EdDSA", "HS256"):
        signing_input, _, signature = sign_compact(PAYLOAD, KEYS[alg], alg).rpartition(".")
        octets = decode_base64url(signature)
        for index in range(len(octets)):
            changed = bytearray(octets)
            changed[index] ^= 1 << index % 8
            with pytest.raises(SignatureInvalid):
                verify_compact(
                    f"{signing_input}.{encode_base64url(bytes(changed))}",
                    KeySet([KEYS[alg]]),
                    algorithms=[alg],
                )


def test_a_respelled_token_is_refused() -> None:
    """C3: one token, one text."""
    token = sign_compact(b'{"sub":"alice!"}', EC, "ES256")
    keys = KeySet([EC])
    respelled = {token[:index] + extra + token[index:] for index in range(len(token)) for extra in "=. \n,%~"}
    respelled |= {token.replace("-", "+").replace("_", "/") + "+", token + "AAAA", token.swapcase()}
    for text in respelled - {token}:
        with pytest.raises(Refusal):
            verify_compact(text, keys, algorithms=ASYMMETRIC)


def test_the_header_does_not_choose_the_algorithm() -> None:
    """S5: in the list, fitting the key's type and curve, equal to the key's own alg."""
    cases: list[tuple[dict[str, Any], Key, str, type[Refusal]]] = [
        ({"alg": "RS512", "kid": RSA.kid}, KEYS["RS512"], "RS512", KeyUnknown),
        ({"alg": "PS256", "kid": RSA.kid}, KEYS["PS256"], "PS256", KeyUnknown),
        ({"alg": "ES256", "kid": RSA.kid}, EC, "ES256", KeyUnknown),
        ({"alg": "RS256", "kid": EC.kid}, RSA, "RS256", KeyUnknown),
        ({"alg": "HS256", "kid": RSA.kid}, OCT, "HS256", AlgorithmNotAllowed),
        ({"alg": "rs256", "kid": RSA.kid}, RSA, "RS256", AlgorithmNotAllowed),
        ({"alg": "RS256 ", "kid": RSA.kid}, RSA, "RS256", AlgorithmNotAllowed),
        ({"alg": "RS２56", "kid": RSA.kid}, RSA, "RS256", AlgorithmNotAllowed),  # noqa: RUF001
        ({"alg": "ES256K", "kid": EC.kid}, EC, "ES256", AlgorithmNotAllowed),
        ({"alg": "dir", "kid": RSA.kid}, RSA, "RS256", AlgorithmNotAllowed),
        ({"alg": "none", "kid": RSA.kid}, RSA, "RS256", AlgorithmNotAllowed),
        ({"alg": "RS256", "kid": "unknown"}, RSA, "RS256", KeyUnknown),
        ({"alg": "RS256", "kid": KEYS["RS384"].kid}, RSA, "RS256", KeyUnknown),
        ({"alg": "RS256", "kid": RSA.kid}, load_key(RSA.private_jwk()), "RS256", SignatureInvalid),
        ({"alg": "RS256", "kid": RSA.kid, "crit": ["exp"], "exp": 1}, RSA, "RS256", TokenMalformed),
        ({"alg": "RS256", "kid": RSA.kid, "typ": "dpop+jwt"}, RSA, "RS256", TypNotAllowed),
    ]
    stranger = load_keyset({"keys": [generate_key("RS256").public_jwk() | {"kid": RSA.kid}]})
    for header, key, alg, refusal in cases:
        keys = stranger if refusal is SignatureInvalid else load_keyset(PUBLIC)
        with pytest.raises(refusal):
            verify_compact(forge(header, key, alg), keys, algorithms=ASYMMETRIC)


@pytest.mark.parametrize(
    "algorithms", [[], (), set(), ["none"], ["RS2"], ["HS256"], "RS25", "XRS256", ["rs256"]]
)
def test_the_list_of_algorithms_is_taken_literally(algorithms: Any) -> None:
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(sign_compact(PAYLOAD, RSA, "RS256"), PUBLIC, algorithms=algorithms)


def test_a_name_in_the_list_that_is_no_algorithm_allows_nothing() -> None:
    token = forge({"alg": "dir", "kid": RSA.kid}, RSA, "RS256")
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(token, PUBLIC, algorithms=["dir", "none"])


def test_one_algorithm_may_be_given_as_text() -> None:
    assert verify_compact(sign_compact(PAYLOAD, RSA, "RS256"), PUBLIC, algorithms="RS256") == PAYLOAD


def test_secrets_count_only_where_hs_is_listed() -> None:
    token = sign_compact(PAYLOAD, OCT, "HS256")
    keys = {"keys": [OCT.private_jwk()]}
    assert verify_compact(token, keys, algorithms=["HS256", "RS256"]) == PAYLOAD
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(token, keys, algorithms=ASYMMETRIC)
    with pytest.raises(KeyUnknown):
        verify_compact(token, {"keys": [OCT.private_jwk() | {"k": "c2hvcnQ"}]}, algorithms=["HS256"])
    with pytest.raises(KeyUnknown):
        verify_compact(token, {"keys": [OCT.private_jwk() | {"k": ""}]}, algorithms=["HS256"])


def test_a_document_that_mixes_secrets_with_public_keys_has_no_secret() -> None:
    """It may come from anywhere; who loads it as his own says so."""
    token, document = sign_compact(PAYLOAD, OCT, "HS256"), {"keys": [OCT.private_jwk(), RSA.public_jwk()]}
    with pytest.raises(KeyUnknown):
        verify_compact(token, document, algorithms=ALL)
    assert verify_compact(sign_compact(PAYLOAD, RSA, "RS256"), document, algorithms=ALL) == PAYLOAD
    assert verify_compact(token, load_keyset(document, symmetric=True), algorithms=ALL) == PAYLOAD


def test_no_public_key_is_a_secret() -> None:
    """S6: an HMAC over any public form of a trusted key finds no key, even with HS* switched on."""
    modulus = RSA.public_jwk()["n"].encode()
    for secret in (modulus, decode_base64url(modulus.decode()), dump_json(RSA.public_jwk())):
        for header in ({"alg": "HS256", "kid": RSA.kid}, {"alg": "HS256"}):
            with pytest.raises(KeyUnknown):
                verify_compact(forge(header, Forger(secret), "HS256"), PUBLIC, algorithms=ALL)


def test_the_key_that_signed_is_told() -> None:
    compact = split_compact(forge({"alg": "ES256"}, EC, "ES256"))
    strangers = [generate_key("ES256") for _ in range(3)]
    assert verify_signature(compact, KeySet([*strangers, EC]), algorithms=["ES256"]) is EC
    with pytest.raises(SignatureInvalid):
        verify_signature(compact, KeySet(strangers), algorithms=["ES256"])


def test_a_token_without_kid_is_tried_with_sixteen_keys_and_no_more() -> None:
    token = forge({"alg": "ES256"}, EC, "ES256")
    strangers = [generate_key("ES256") for _ in range(16)]
    assert verify_compact(token, KeySet([*strangers[:15], EC]), algorithms=["ES256"]) == PAYLOAD
    with pytest.raises(SignatureInvalid):
        verify_compact(token, KeySet([*strangers, EC]), algorithms=["ES256"])


def test_a_private_set_verifies_with_its_public_half() -> None:
    token = sign_compact(PAYLOAD, RSA, "RS256")
    broken = RSA.private_jwk() | {"d": "AQAB"}  # never looked at when verifying
    assert verify_compact(token, {"keys": [broken]}, algorithms=["RS256"]) == PAYLOAD


@pytest.mark.parametrize(
    "jwks",
    [
        None,
        1,
        [],
        b"",
        b"{}",
        b"[]",
        "text",
        b"<html>",
        {},
        {"keys": 1},
        {"keys": [None, 1, "x", [], {}]},
        b"[" * 9999,
    ],
)
def test_a_broken_key_set_has_no_key(jwks: Any) -> None:
    with pytest.raises(KeyUnknown):
        verify_compact(sign_compact(PAYLOAD, RSA, "RS256"), jwks, algorithms=ASYMMETRIC)


@pytest.mark.parametrize(
    "token", [None, 1, [], {}, b"", "", b"\xff", "é", "\ud800", "a.b.c", bytearray(b"a.b.c")]
)
def test_whatever_is_no_token(token: Any) -> None:
    with pytest.raises(TokenMalformed):
        verify_compact(token, PUBLIC, algorithms=ASYMMETRIC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("AQAB"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["kty", "crv", "kid", "alg", "use", "key_ops", "n", "e", "x", "y", "k", "d", "keys", "p"]
)
TYPES = st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "RS256", "HS256", "sig", "verify"])


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_token_is_refused_with_an_error_of_ours(token: str | bytes) -> None:
    with pytest.raises(Refusal):
        verify_compact(token, PUBLIC, algorithms=ALL)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x5c"]), JSON | TYPES))
def test_any_header_is_refused_with_an_error_of_ours(header: dict[str, Any]) -> None:
    text = encode_base64url(json.dumps(header).encode())
    with pytest.raises(Refusal):
        verify_compact(f"{text}.{encode_base64url(PAYLOAD)}.c2ln", PUBLIC, algorithms=ALL)


@given(st.lists(st.dictionaries(MEMBERS, JSON | TYPES, max_size=6), max_size=3))
def test_any_key_set_is_refused_with_an_error_of_ours(keys: list[dict[str, Any]]) -> None:
    for token in (sign_compact(PAYLOAD, RSA, "RS256"), sign_compact(PAYLOAD, OCT, "HS256")):
        documents: list[Any] = [{"keys": keys}, json.dumps({"keys": keys}).encode(), *keys]
        for jwks in documents:
            with pytest.raises(Refusal):
                verify_compact(token, jwks, algorithms=ALL)


@given(st.binary(max_size=300))
def test_any_payload_round_trips(payload: bytes) -> None:
    assert verify_compact(sign_compact(payload, EC, "ES256"), KeySet([EC]), algorithms=["ES256"]) == payload
