"""Compact tokens taken apart: their form, and what their header may say (S1, S2, S4, S9, S10, S17)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_signer_mw.errors import AlgorithmNotAllowed, Refusal, TokenMalformed, TypNotAllowed
from jwt_signer_mw.tokens.compact import looks_like_jwt, read_compact, split_compact
from jwt_signer_mw.wire import dump_json, encode_base64url

PAYLOAD = encode_base64url(b'{"sub":"alice"}')
HEADER = {"alg": "RS256", "kid": "rsa1", "typ": "JWT"}


def segment(value: object) -> str:
    return encode_base64url(value if isinstance(value, bytes) else dump_json(value))


def token(header: object = HEADER, payload: str = PAYLOAD, signature: str = "c2lnbmF0dXJl") -> str:
    return f"{segment(header)}.{payload}.{signature}"


def test_split() -> None:
    compact = split_compact(token(HEADER | {"x-own": {"a": 1}}))
    assert (compact.alg, compact.kid) == ("RS256", "rsa1")
    assert compact.header == HEADER | {"x-own": {"a": 1}}
    assert compact.signing_input.decode() == f"{segment(dict(compact.header))}.{PAYLOAD}"
    assert compact.payload == b'{"sub":"alice"}'
    assert compact.signature == b"signature"


def test_the_repr_holds_no_part_of_the_token() -> None:
    assert repr(split_compact(token())) == "<Compact alg='RS256'>"


def test_a_token_may_name_no_key() -> None:
    assert split_compact(token({"alg": "ES256"})).kid is None


def test_the_payload_is_not_read() -> None:
    assert split_compact(token(payload="")).payload == b""
    assert split_compact(token(payload=encode_base64url(b"no JSON"))).payload == b"no JSON"


# What is no JWT at all (decision 8) ---------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "abc",
        "a.b",
        "a.b.c",
        "mF_9.B5f-4.1JqM",  # RFC 7662 section 2.2
        "2YotnFZFEjr1zCsicMWpAA",
        token() + ".x",
        token() + ".",
        "." + token(),
        f"{segment(HEADER)}.a.b.c.d",  # a JWE has five parts
        f"{segment(HEADER)}.{PAYLOAD}",
        "." * 50_000,
        token(b"[]"),
        token(b'"text"'),
        token(b"1"),
        token({}),
        token({"typ": "JWT"}),
        token({"alg": None}),
        token({"alg": 256}),
        token({"alg": ["RS256"]}),
        token({"alg": {"RS256": 1}}),
        token(b"not json"),
        token(b"{" * 600),
        "é" + token(),
        "\ud800" + token(),
        f" {token()}",
        f"{token()}\n",
        token(payload=PAYLOAD + " "),
        token(payload=PAYLOAD + "="),
        token(signature="c2lnbmF0dXJl+"),
        token(signature="c2ln,bmF0dXJl"),
        '{"payload":"' + PAYLOAD + '"}',
    ],
)
def test_opaque(text: str) -> None:
    assert not looks_like_jwt(text)
    assert read_compact(text) is None
    with pytest.raises(TokenMalformed):
        split_compact(text)


# What is a JWT, and refused: never handed on as an opaque token -----------------------------------


def noncanonical(part: str) -> str:
    """The same bytes for a careless decoder: the last character's unused bits are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 in (2, 3)
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


@pytest.mark.parametrize(
    "text",
    [
        token(signature=""),
        token(payload="", signature=""),
        token(payload=noncanonical(encode_base64url(b'{"a":12}'))),
        token(signature=noncanonical("c2lnbmF0dXJlcw")),
        token(signature="c2lnb"),
        f"{noncanonical(segment({'alg': 'RS256', 'ab': 1}))}.{PAYLOAD}.c2ln",
        token(b'{"alg":"none","alg":"RS256"}'),
        token(b'{"alg":"RS256","a":1,"a":2}'),
        token(b'{"alg":"RS256","a":NaN}'),
        token(b'\xef\xbb\xbf{"alg":"RS256"}'),
        token('{"alg":"RS256"}'.encode("utf-16-le")),
        token(rb'{"alg":"RS256","kid":"\ud800"}'),
        token(b'{"alg":"RS256","a":' + b"[" * 200 + b"]" * 200 + b"}"),
        token({"alg": "RS256", "a": "x" * 10_000}),
        token({"alg": "RS256"} | {f"m{number}": 1 for number in range(64)}),
        token(HEADER | {"crit": ["exp"], "exp": 1}),
        token(HEADER | {"crit": []}),
        token(HEADER | {"crit": "exp"}),
        token(HEADER | {"crit": None}),
        token(HEADER | {"b64": False}),
        token(HEADER | {"b64": True}),
        token(HEADER | {"zip": "DEF"}),
        token(HEADER | {"kid": None}),
        token(HEADER | {"kid": 1}),
        token(HEADER | {"kid": True}),
        token(HEADER | {"kid": ["rsa1"]}),
        token(HEADER | {"kid": {"a": 1}}),
        token(HEADER | {"kid": "x" * 1025}),
        token(HEADER | {"typ": 1}),
        token(HEADER | {"typ": None}),
        token(HEADER | {"typ": ["JWT"]}),
    ],
)
def test_malformed(text: str) -> None:
    assert looks_like_jwt(text)
    with pytest.raises(TokenMalformed):
        read_compact(text)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", "c2ln"])
def test_unsigned(alg: str, signature: str) -> None:
    text = token({"alg": alg}, signature=signature)
    assert looks_like_jwt(text)
    with pytest.raises(AlgorithmNotAllowed):
        split_compact(text)


@pytest.mark.parametrize(
    "typ",
    [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "DPoP+JWT",
        "application/dpop+jwt",
        "Application/Logout+JWT",
    ],
)
def test_a_token_for_another_purpose(typ: str) -> None:
    with pytest.raises(TypNotAllowed):
        split_compact(token(HEADER | {"typ": typ}))


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt", "JOSE", ""]
)
def test_every_other_typ_passes(typ: str) -> None:
    assert split_compact(token(HEADER | {"typ": typ})).header["typ"] == typ


@pytest.mark.parametrize(
    "extra",
    [
        {"jku": "https://evil.example/jwks"},
        {"jku": "file:///etc/passwd"},
        {"x5u": "https://evil.example/x"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5c": ["MIIB"] * 3},
        {"x5t": "dGVzdA", "x5t#S256": "dGVzdA"},
        {"cty": "JWT"},
        {"x-foo": {"a": 1}},
    ],
)
def test_members_that_are_not_followed(extra: dict[str, Any]) -> None:
    """S9: they may be there, and do nothing."""
    assert split_compact(token(HEADER | extra)).kid == "rsa1"


def test_a_certificate_chain_fits() -> None:
    assert split_compact(token(HEADER | {"x5c": ["M" * 2000] * 4})).alg == "RS256"


def test_kids_are_taken_as_they_are() -> None:
    for kid in (" rsa1", "RSA1", "", "../../dev/null", "a\r\nb", "x" * 1024):
        assert split_compact(token(HEADER | {"kid": kid})).kid == kid


@given(st.text(alphabet="eyJhbGciOiJSUzI1NiJ9.-_=AQ", max_size=80) | st.text(max_size=40))
def test_nothing_but_a_refusal(text: str) -> None:
    try:
        compact = read_compact(text)
    except Refusal:
        assert looks_like_jwt(text)
        return
    assert looks_like_jwt(text) is (compact is not None)


@given(st.binary(max_size=60), st.binary(max_size=40), st.binary(max_size=40))
def test_any_header_bytes(header: bytes, payload: bytes, signature: bytes) -> None:
    text = f"{encode_base64url(header)}.{encode_base64url(payload)}.{encode_base64url(signature)}"
    try:
        read_compact(text)
    except Refusal:
        return


@given(st.text(max_size=10), st.binary(max_size=40), st.binary(min_size=1, max_size=40))
def test_parts_round_trip(kid: str, payload: bytes, signature: bytes) -> None:
    text = token({"alg": "ES256", "kid": kid}, encode_base64url(payload), encode_base64url(signature))
    compact = split_compact(text)
    assert (compact.kid, compact.payload, compact.signature) == (kid, payload, signature)
    assert text == f"{compact.signing_input.decode()}.{encode_base64url(signature)}"


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "." * 1_000_000, "eyJ" * 333_333 + ".a.b", "é" * 1_000_000, token(b"[" * 9000)],
    ids=["letters", "dots", "long header", "not ASCII", "deep header"],
)
def test_garbage_costs_little(text: str) -> None:
    started = time.process_time()
    with pytest.raises(TokenMalformed):
        split_compact(text)
    assert time.process_time() - started < 0.1


def test_texts_of_refusals_hold_no_content() -> None:
    for text in (token(HEADER | {"kid": ["s3cr3t"]}), token(HEADER | {"typ": "dpop+jwt", "s3cr3t": 1})):
        with pytest.raises(Refusal) as caught:
            split_compact(text)
        assert "s3cr3t" not in caught.value.detail
