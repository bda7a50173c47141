"""Reading tokens: which header, which scheme, and what is malformed rather than absent."""

from __future__ import annotations

import base64

import pytest

from jwt_signer_mw.errors import TokenMalformed, TokenTooLarge
from jwt_signer_mw.request.extract import reader_of

JWT = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"


def read(request_header: str, value: str, limit: int = 1000) -> str | None:
    credential = reader_of(request_header).credential(value, limit)
    return None if credential is None else credential.token


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "request_header, value, token",
    [
        ("Authorization", f"Bearer {JWT}", JWT),
        ("authorization", f"bearer {JWT}", JWT),
        ("Authorization", f"BEARER {JWT}", JWT),
        ("Authorization", "Bearer abc/+~==", "abc/+~=="),
        ("Authorization", f"Basic {JWT}", JWT),
        ("Authorization", basic("opaque:"), "opaque"),
        ("Authorization", basic("opaque:pass:word"), "opaque"),
        ("authorization:bearer", f"Bearer {JWT}", JWT),
        ("Authorization:Bearer", f"Bearer {JWT}", JWT),
        ("authorization:basic", basic("opaque:x"), "opaque"),
        ("X-Token", JWT, JWT),
        ("X-Token", f"Bearer {JWT}", JWT),
        ("X-Token", f"bearer {JWT}", JWT),
    ],
)
def test_read(request_header: str, value: str, token: str) -> None:
    assert read(request_header, value) == token


@pytest.mark.parametrize(
    "request_header, value",
    [("authorization:bearer", basic("a:b")), ("authorization:basic", f"Bearer {JWT}")],
)
def test_the_other_scheme_is_somebody_elses(request_header: str, value: str) -> None:
    """HTP-04"""
    assert read(request_header, value) is None


@pytest.mark.parametrize(
    "request_header, value",
    [
        ("Authorization", ""),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", f"Bearer  {JWT}"),
        ("Authorization", f"Bearer\t{JWT}"),
        ("Authorization", f"Bearer:{JWT}"),
        ("Authorization", f"Bearer{JWT}"),
        ("Authorization", JWT),
        ("Authorization", f"Digest {JWT}"),
        ("Authorization", f"Bearer {JWT},Bearer {JWT}"),
        ("Authorization", f"Bearer {JWT}, Basic x"),
        ("Authorization", f"Bearer {JWT}\r\n more"),
        ("Authorization", f"Bearer {JWT}\n"),
        ("Authorization", f"Bearer {JWT} "),
        ("Authorization", "Bearer tok\x00en"),
        ("Authorization", "Bearer tok\xe9n"),
        ("Authorization", "Bearer ==abc"),
        ("Authorization", "Basic !!!"),
        ("Authorization", "Basic YWJj"),
        ("Authorization", "Basic /////w=="),
        ("Authorization", basic(":x")),
        ("authorization:bearer", ""),
        ("X-Token", ""),
        ("X-Token", "Bearer "),
        ("X-Token", f"{JWT},{JWT}"),
        ("X-Token", '{"payload":""}'),
    ],
)
def test_malformed(request_header: str, value: str) -> None:
    """HTP-02, -07, -08, -10, -11, -13, -20; INT-25: never absent, so an optional token is no way around."""
    with pytest.raises(TokenMalformed):
        read(request_header, value)


@pytest.mark.parametrize(
    "value", ["Bearer " + "a" * 1001, "a" * 10**6, "Basic " + "a" * 1001, basic("a" * 1001 + ":")]
)
def test_too_large(value: str) -> None:
    """S2, FMT-40"""
    with pytest.raises(TokenMalformed):
        read("Authorization", value)
    with pytest.raises(TokenTooLarge):
        read("X-Token", "a" * 1001)


def test_the_limit_itself_is_fine() -> None:
    assert read("Authorization", "Bearer " + "a" * 1000) == "a" * 1000


def test_the_header_is_compared_folded() -> None:
    assert reader_of("X_My.Token").header == "x-my-token"
