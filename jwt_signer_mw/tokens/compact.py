"""The compact serialisation of RFC 7515 section 7.1, taken apart strictly and judged by its header."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from jwt_signer_mw.errors import AlgorithmNotAllowed, TokenMalformed, TypNotAllowed
from jwt_signer_mw.wire import BASE64URL, Malformed, decode_base64url, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HEADER_LENGTH = 12_288  # base64url characters, 9 KiB of JSON: a certificate chain in x5c fits
MAX_HEADER_MEMBERS = 64
MAX_KID_LENGTH = 1024  # characters
REMEMBERED_HEADERS = 128  # a provider's tokens share a few; forged ones that push them out cost microseconds
MAX_REMEMBERED_HEADER = 1024  # base64url characters

# Header members that change what the signature or the payload means (RFC 7515 section 4.1.11,
# RFC 7797, RFC 7516 section 4.1.3). None is understood here, so none may occur.
FORBIDDEN_MEMBERS = ("crit", "b64", "zip")

# `typ` values of tokens that are made for something else (RFC 8725 section 3.11).
OTHER_PURPOSES = frozenset(
    {"logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", "token-introspection+jwt"}
)


Segments: TypeAlias = tuple[bytes, bytes, bytes]  # header, payload and signature, encoded


class Encoded(NamedTuple):
    """A JWT with an acceptable header; of the rest nothing was looked at but the alphabet."""

    text: str
    header: Mapping[str, Any]
    alg: str
    kid: str | None
    segments: Segments

    def decode(self) -> Compact:
        """Raises `TokenMalformed`."""
        header, payload, signature = self.segments
        try:
            octets, seal = decode_base64url(payload), decode_base64url(signature)
        except Malformed as error:
            raise TokenMalformed(str(error)) from None
        return Compact(self.header, self.alg, self.kid, header + b"." + payload, octets, seal)

    def __repr__(self) -> str:
        return f"<Encoded alg={self.alg[:16]!r}>"  # the rest is the token


class Compact(NamedTuple):
    """A well-formed token whose signature nobody has checked yet. `payload` and `signature` are decoded."""

    header: Mapping[str, Any]
    alg: str
    kid: str | None
    signing_input: bytes
    payload: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"<Compact alg={self.alg[:16]!r}>"  # the rest is the token


Token: TypeAlias = Encoded | str  # a JWT, or the text of an opaque token


def looks_like_jwt(token: str) -> bool:
    """Three base64url parts, the first of them a JSON object with a text `alg`; all else is opaque."""
    segments = split_segments(token)
    return segments is not None and (_parse_header(segments[0]) is not None or _is_lax_header(segments[0]))


def split_compact(token: str) -> Compact:
    """`read_compact` where nothing but a JWT will do. Raises `TokenMalformed` for an opaque token too."""
    compact = read_compact(token)
    if compact is None:
        raise TokenMalformed("not three base64url parts with a JOSE header")
    return compact


def read_compact(token: str) -> Compact | None:
    """The parts of a JWT, or None when the token `looks_like_jwt` not at all. Raises like `read_segments`."""
    segments = split_segments(token)
    encoded = None if segments is None else read_segments(token, segments)
    return None if encoded is None else encoded.decode()


def read_for(purpose: str, token: str) -> Compact:
    """A JWT that was made for this purpose and no other (RFC 8725 section 3.11): its `typ`, in lower case
    and without `application/`. Raises `TokenMalformed`, `AlgorithmNotAllowed` or `TypNotAllowed`."""
    segments = split_segments(token)
    header = None if segments is None else _parse_header(segments[0])
    if segments is None or header is None or not segments[2]:
        raise TokenMalformed("not three base64url parts with a JOSE header")
    kid = _check_header(header)
    if _typ(header) != purpose:
        raise TypNotAllowed("a token for another purpose")
    return Encoded(token, MappingProxyType(header), header["alg"], kid, segments).decode()


def split_segments(token: str) -> Segments | None:
    """The three parts of what may be a JWT, without looking at one character twice.

    What is left of a compact token's alphabet is two dots.
    """
    try:
        data = token.encode("ascii")
    except UnicodeEncodeError:
        return None
    if data.translate(None, BASE64URL) != b"..":
        return None
    header, payload, signature = data.split(b".")
    return header, payload, signature


def read_segments(token: str, segments: Segments) -> Encoded | None:
    """A JWT as far as its header, or None when the token `looks_like_jwt` not at all.

    Raises `TokenMalformed`, `AlgorithmNotAllowed` or `TypNotAllowed`: a JWT that is refused for its
    form or its header, and that is no opaque token either.
    """
    part = segments[0]
    read = _read_header_once if len(part) <= MAX_REMEMBERED_HEADER else _read_header
    head = read(part)
    if head is None:
        return None
    if not segments[2]:  # an empty payload is well-formed (RFC 7515 appendix F), though no claims
        raise TokenMalformed("the signature is empty")
    return Encoded(token, *head, segments)


def _read_header(part: bytes) -> tuple[Mapping[str, Any], str, str | None] | None:
    """An acceptable header with its `alg` and `kid`; None for what is no header at all."""
    header = _parse_header(part)
    if header is not None:
        kid = _check_header(header)
        if _typ(header) in OTHER_PURPOSES:
            raise TypNotAllowed("a token for another purpose")
        return MappingProxyType(header), header["alg"], kid
    if _is_lax_header(part):
        raise TokenMalformed("the header is too long or has more than one reading")
    return None


_read_header_once = lru_cache(REMEMBERED_HEADERS)(_read_header)


def _parse_header(part: bytes) -> dict[str, Any] | None:
    if len(part) > MAX_HEADER_LENGTH:
        return None
    try:
        header = parse_object(decode_base64url(part))
    except Malformed:
        return None
    return header if isinstance(header.get("alg"), str) else None


def _is_lax_header(part: bytes) -> bool:
    """Whether a careless reader would take this for a JWT's header: such a token is refused, never
    handed to somebody else as an opaque one. A long one is not read to find out."""
    if len(part) > MAX_HEADER_LENGTH:
        return True
    try:
        header = json.loads(urlsafe_b64decode(part + b"=="))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and isinstance(header.get("alg"), str)


def _check_header(header: dict[str, Any]) -> str | None:
    """The `kid`, if the header is acceptable."""
    if len(header) > MAX_HEADER_MEMBERS:
        raise TokenMalformed("the header has too many members")
    for name in FORBIDDEN_MEMBERS:
        if name in header:
            raise TokenMalformed(f"the header has {name}")
    if header["alg"].lower() == "none":
        raise AlgorithmNotAllowed("the token is not signed")
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and len(kid) <= MAX_KID_LENGTH):
        raise TokenMalformed("kid is not text, or too long")
    return kid


def _typ(header: dict[str, Any]) -> str:
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str):
        raise TokenMalformed("typ is not text")
    return bare_type(typ)


def bare_type(typ: str) -> str:
    """For comparison: a media type has no case, and `application/` may be left out where no other slash
    follows (RFC 7515 section 4.1.9)."""
    typ = typ.lower()
    rest = typ.removeprefix("application/")
    return typ if "/" in rest else rest
