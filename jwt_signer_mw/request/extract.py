"""Reading a token out of one request header (`{token}_request_header`)."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import TokenMalformed, TokenTooLarge
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.tokens.compact import looks_like_jwt, split_segments
from jwt_signer_mw.wire import BASE64URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.tokens.compact import Segments

BEARER = "bearer"
BASIC = "basic"
SCHEMES = (BEARER, BASIC)

_SCHEME = re.compile(r"(bearer|basic) (.*)\Z", re.IGNORECASE | re.DOTALL)
# RFC 9110 section 11.2 token68, which holds every character of a JWS and of RFC 6750's b64token.
_TOKEN68 = BASE64URL + b".~+/"
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_OVERHEAD = 256  # characters: with twice the limit, room for a scheme, base64 and a password


class Credential(NamedTuple):
    """One token as the client sent it. `segments`: of what may be a JWT; None for what is surely opaque."""

    token: str
    segments: Segments | None


class Reader(NamedTuple):
    """How one token is read: the folded name of its header, whether a Bearer value is one, and the function
    that takes it out of any value."""

    header: str
    bearer: bool
    read: Callable[[str, int], Credential | None]

    def credential(self, value: str, max_bytes: int) -> Credential | None:
        """None when the value is somebody else's. Raises `TokenMalformed` and its kin."""
        if len(value) > max_bytes * 2 + _OVERHEAD:  # before anything copies or searches it
            raise TokenTooLarge(f"{len(value)} characters", option="max_token_bytes")
        if self.bearer and value.startswith("Bearer "):  # nearly every request
            return _accept(value[7:], max_bytes)
        return self.read(value, max_bytes)


def reader_of(request_header: str) -> Reader:
    """The reader for a value of `{token}_request_header`: a header name or one of the magic keys."""
    match request_header.lower():
        case "authorization:bearer":
            return Reader("authorization", True, _read_bearer)
        case "authorization:basic":
            return Reader("authorization", False, _read_basic)
        case "authorization":
            return Reader("authorization", True, _read_either)
    return Reader(fold(request_header), True, _read_whole)


def reader_with_dpop(request_header: str) -> Reader:
    """`reader_of` that takes a token after the scheme DPoP as well (RFC 9449 section 7.1)."""
    reader = reader_of(request_header)

    def read(value: str, max_bytes: int) -> Credential | None:
        if value[:5].lower() == "dpop ":
            return _accept(value[5:], max_bytes)
        return reader.read(value, max_bytes)

    return reader._replace(read=read)


def _read_bearer(value: str, max_bytes: int) -> Credential | None:
    scheme, rest = _split(value)
    return _accept(rest, max_bytes) if scheme == BEARER else _no_token(rest)


def _read_basic(value: str, max_bytes: int) -> Credential | None:
    scheme, rest = _split(value)
    return _accept_basic(rest, max_bytes) if scheme == BASIC else _no_token(rest)


def _read_either(value: str, max_bytes: int) -> Credential | None:
    scheme, rest = _split(value)
    return _accept(rest, max_bytes) if scheme == BEARER else _accept_basic(rest, max_bytes)


def _no_token(rest: str) -> Credential | None:
    """Credentials of the other scheme are none; several values that a server joined are malformed."""
    if "," in rest:
        raise TokenMalformed("more than one value in one header")
    return None


def _read_whole(value: str, max_bytes: int) -> Credential | None:
    return _accept(value[7:] if value[:7].lower() == "bearer " else value, max_bytes)


def _split(value: str) -> tuple[str, str]:
    """A value with neither scheme is malformed, never absent: an optional token stays no way around."""
    match = _SCHEME.match(value)
    if match is None:
        raise TokenMalformed("neither a Bearer nor a Basic value")
    return match[1].lower(), match[2]


def _accept(token: str, max_bytes: int) -> Credential:
    if len(token) > max_bytes:
        raise TokenTooLarge(f"{len(token)} characters", option="max_token_bytes")
    segments = split_segments(token)
    if segments is None and not _is_token68(token):
        raise TokenMalformed("a character that no token has")
    return Credential(token, segments)


def _is_token68(token: str) -> bool:
    data = token.encode("ascii", "replace").rstrip(b"=")  # a question mark for what is not ASCII
    return data != b"" and not data.translate(None, _TOKEN68)


def _accept_basic(value: str, max_bytes: int) -> Credential:
    """Decision 7: a compact JWS as it is, else the user name of base64-decoded credentials."""
    if len(value) <= max_bytes and looks_like_jwt(value):
        return _accept(value, max_bytes)
    if _BASE64.fullmatch(value) is None:  # Python's own readers take padding that is too long
        raise TokenMalformed("Basic credentials that can't be decoded")
    try:
        user, colon, _ = a2b_base64(value).decode().partition(":")
    except ValueError:
        raise TokenMalformed("Basic credentials that can't be decoded") from None
    if not colon:
        raise TokenMalformed("Basic credentials without a colon")
    return _accept(user, max_bytes)
