"""Reading a token out of one request header (`{token}_request_header`)."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import TokenMalformed, TokenRepeated, TokenTooLarge
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.tokens.compact import looks_like_jwt

if TYPE_CHECKING:
    from collections.abc import Callable

BEARER = "bearer"
BASIC = "basic"
SCHEMES = (BEARER, BASIC)

_SCHEME = re.compile(r"(bearer|basic) (.*)\Z", re.IGNORECASE | re.DOTALL)
# RFC 9110 section 11.2 token68, which holds every character of a JWS and of RFC 6750's b64token.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_OVERHEAD = 256  # characters: with twice the limit, room for a scheme, base64 and a password


class Credential(NamedTuple):
    """One token as the client sent it."""

    token: str


class Reader(NamedTuple):
    """How one token is read: the folded name of its header, and the function that takes it out."""

    header: str
    read: Callable[[str, int], str | None]

    def credential(self, values: tuple[str, ...], max_bytes: int) -> Credential | None:
        """None when the request has no such token. Raises `TokenMalformed` and its kin."""
        if not values:
            return None
        if len(values) > 1:
            raise TokenRepeated(f"{len(values)} headers named {self.header}")
        if len(values[0]) > max_bytes * 2 + _OVERHEAD:  # before anything copies or searches it
            raise TokenTooLarge(f"{len(values[0])} characters", option="max_token_bytes")
        token = self.read(values[0], max_bytes)
        return None if token is None else Credential(token)


def reader_of(request_header: str) -> Reader:
    """The reader for a value of `{token}_request_header`: a header name or one of the magic keys."""
    match request_header.lower():
        case "authorization:bearer":
            return Reader("authorization", _read_bearer)
        case "authorization:basic":
            return Reader("authorization", _read_basic)
        case "authorization":
            return Reader("authorization", _read_either)
    return Reader(fold(request_header), _read_whole)


def _read_bearer(value: str, max_bytes: int) -> str | None:
    scheme, rest = _split(value)
    return _accept(rest, max_bytes) if scheme == BEARER else _no_token(rest)


def _read_basic(value: str, max_bytes: int) -> str | None:
    scheme, rest = _split(value)
    return _accept_basic(rest, max_bytes) if scheme == BASIC else _no_token(rest)


def _read_either(value: str, max_bytes: int) -> str | None:
    scheme, rest = _split(value)
    return _accept(rest, max_bytes) if scheme == BEARER else _accept_basic(rest, max_bytes)


def _no_token(rest: str) -> str | None:
    """Credentials of the other scheme are none; several values that a server joined are malformed."""
    if "," in rest:
        raise TokenMalformed("more than one value in one header")
    return None


def _read_whole(value: str, max_bytes: int) -> str | None:
    return _accept(value[7:] if value[:7].lower() == "bearer " else value, max_bytes)


def _split(value: str) -> tuple[str, str]:
    """A value with neither scheme is malformed, never absent: an optional token stays no way around."""
    if value.startswith("Bearer "):  # nearly every request; the pattern below costs more
        return BEARER, value[7:]
    match = _SCHEME.match(value)
    if match is None:
        raise TokenMalformed("neither a Bearer nor a Basic value")
    return match[1].lower(), match[2]


def _accept(token: str, max_bytes: int) -> str:
    if len(token) > max_bytes:
        raise TokenTooLarge(f"{len(token)} characters", option="max_token_bytes")
    if _TOKEN.fullmatch(token) is None:
        raise TokenMalformed("a character that no token has")
    return token


def _accept_basic(value: str, max_bytes: int) -> str:
    """Decision 7: a compact JWS as it is, else the user name of base64-decoded credentials."""
    if len(value) <= max_bytes and _TOKEN.fullmatch(value) and looks_like_jwt(value):
        return value
    if _BASE64.fullmatch(value) is None:  # Python's own readers take padding that is too long
        raise TokenMalformed("Basic credentials that can't be decoded")
    try:
        user, colon, _ = a2b_base64(value).decode().partition(":")
    except ValueError:
        raise TokenMalformed("Basic credentials that can't be decoded") from None
    if not colon:
        raise TokenMalformed("Basic credentials without a colon")
    return _accept(user, max_bytes)
