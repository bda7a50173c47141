"""The compact serialisation of RFC 7515 section 7.1, taken apart strictly and judged by its header."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any, NamedTuple

from jwt_signer_mw.errors import AlgorithmNotAllowed, TokenMalformed, TypNotAllowed
from jwt_signer_mw.wire import BASE64URL, Malformed, decode_base64url, parse_object

MAX_HEADER_LENGTH = 12_288  # base64url characters, 9 KiB of JSON: a certificate chain in x5c fits
MAX_HEADER_MEMBERS = 64
MAX_KID_LENGTH = 1024  # characters

# Header members that change what the signature or the payload means (RFC 7515 section 4.1.11,
# RFC 7797, RFC 7516 section 4.1.3). None is understood here, so none may occur.
FORBIDDEN_MEMBERS = ("crit", "b64", "zip")

# `typ` values of tokens that are made for something else (RFC 8725 section 3.11).
OTHER_PURPOSES = frozenset(
    {"logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", "token-introspection+jwt"}
)


class Compact(NamedTuple):
    """A well-formed token whose signature nobody has checked yet. `payload` and `signature` are decoded."""

    header: dict[str, Any]
    alg: str
    kid: str | None
    signing_input: bytes
    payload: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"<Compact alg={self.alg[:16]!r}>"  # the rest is the token


def looks_like_jwt(token: str) -> bool:
    """Three base64url parts, the first of them a JSON object with a text `alg`; all else is opaque."""
    parts = _split(token)
    return parts is not None and (_read_header(parts[0]) is not None or _is_lax_header(parts[0]))


def split_compact(token: str) -> Compact:
    """`read_compact` where nothing but a JWT will do. Raises `TokenMalformed` for an opaque token too."""
    compact = read_compact(token)
    if compact is None:
        raise TokenMalformed("not three base64url parts with a JOSE header")
    return compact


def read_compact(token: str) -> Compact | None:
    """The parts of a JWT, or None when the token `looks_like_jwt` not at all.

    Raises `TokenMalformed`, `AlgorithmNotAllowed` or `TypNotAllowed`: a JWT that is refused for its
    form or its header, and that is no opaque token either.
    """
    parts = _split(token)
    if parts is None:
        return None
    header = _read_header(parts[0])
    if header is None:
        if _is_lax_header(parts[0]):
            raise TokenMalformed("the header is too long or has more than one reading")
        return None
    kid = _check_header(header)
    if not parts[2]:  # an empty payload is well-formed (RFC 7515 appendix F), though no claims
        raise TokenMalformed("the signature is empty")
    try:
        payload, signature = decode_base64url(parts[1]), decode_base64url(parts[2])
    except Malformed as error:
        raise TokenMalformed(str(error)) from None
    return Compact(header, header["alg"], kid, b"%b.%b" % (parts[0], parts[1]), payload, signature)


def _split(token: str) -> list[bytes] | None:
    """Without looking at one character twice: what is left of a compact token's alphabet is two dots."""
    try:
        data = token.encode("ascii")
    except UnicodeEncodeError:
        return None
    return data.split(b".") if data.translate(None, BASE64URL) == b".." else None


def _read_header(part: bytes) -> dict[str, Any] | None:
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
    _check_typ(header)
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and len(kid) <= MAX_KID_LENGTH):
        raise TokenMalformed("kid is not text, or too long")
    return kid


def _check_typ(header: dict[str, Any]) -> None:
    """RFC 7515 section 4.1.9: compared without case, and `application/` may be left out."""
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str):
        raise TokenMalformed("typ is not text")
    if typ.lower().removeprefix("application/") in OTHER_PURPOSES:
        raise TypNotAllowed("a token for another purpose")
