"""Base64url and JSON as they cross the wire, read strictly: one text, one meaning.

Whatever is refused here would be read differently by two readers, or cost more than it is worth.
Nothing but `Malformed` is raised, whatever the bytes are.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64, b2a_base64
from math import isfinite
from typing import Any, NoReturn, cast

MAX_DEPTH = 64  # nested lists and objects; CPython's own limit is the stack
MAX_MEMBERS = 10_000  # names in one object
MAX_INTEGER_DIGITS = 4300  # CPython's default, which an environment variable could lift

BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"  # RFC 4648 section 5
# The standard alphabet's own two, and padding, become something that no base64 has.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"", b"==", b"=")
# By length modulo 4: the last characters whose unused bits are zero (RFC 4648 section 3.5).
_CANONICAL_ENDS = (BASE64URL, b"", b"AQgw", b"AEIMQUYcgkosw048")

_WHITESPACE = " \t\n\r"  # RFC 8259 section 2
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Malformed(ValueError):
    """Bytes or values that are not what they should be; the text is safe to log."""


class Repeated:
    """Stands for an object that repeats a member name."""


def decode_base64url(text: str | bytes) -> bytes:
    """RFC 7515 section 2: no padding, no foreign character, unused bits zero. Raises `Malformed`."""
    if not text:
        return b""
    try:
        data = text.encode("ascii") if isinstance(text, str) else text
        rest = len(data) % 4
        octets = a2b_base64(data.translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)
    except ValueError:
        raise Malformed("not base64url") from None
    if data[-1] not in _CANONICAL_ENDS[rest]:
        raise Malformed("not base64url")
    return octets


def encode_base64url(data: bytes) -> str:
    """RFC 7515 section 2, without padding."""
    return base64url(data).decode("ascii")


def base64url(data: bytes) -> bytes:
    """`encode_base64url` for what stays bytes."""
    return b2a_base64(data, newline=False).translate(_FROM_STANDARD, b"=")


def parse_json(data: bytes) -> object:
    """RFC 8259, in UTF-8 and unambiguous: every name once, every number finite. Raises `Malformed`."""
    return _parse(data, _DECODER)


def parse_object(data: bytes) -> dict[str, Any]:
    """Like `parse_json`, with an object at the top."""
    value = _parse(data, _DECODER)
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def parse_document(data: bytes) -> object:
    """Like `parse_json` for what is judged part by part: an object that repeats a name is `Repeated`."""
    return _parse(data, _DOCUMENT_DECODER)


def dump_json(value: object) -> bytes:
    """Compact UTF-8. Raises `Malformed` for what JSON can't say: NaN, lone surrogates, foreign types."""
    try:
        return _ENCODER.encode(value).encode()
    except (ValueError, TypeError, RecursionError):
        raise Malformed("not representable as JSON") from None


def _parse(data: bytes, decoder: json.JSONDecoder) -> object:
    _check_depth(data)
    try:
        text = data.decode().strip(_WHITESPACE)
        value, end = decoder.raw_decode(text)
        if end != len(text):
            raise Malformed("not JSON")
        if _SURROGATE.search(data):  # rare: a pair is fine, half of one is no text
            _ENCODER.encode(value).encode()
    except Malformed:
        raise
    except (ValueError, TypeError, RecursionError):  # TypeError: `Repeated` beside a surrogate
        raise Malformed("not JSON") from None
    return cast("object", value)


def _check_depth(data: bytes) -> None:
    """Few brackets can't be deep, so ordinary tokens are only counted."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed("nested too deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member name is repeated")
    if len(members) > MAX_MEMBERS:
        raise Malformed("too many members")
    return members


def _object_or_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Repeated:
    return _object(pairs) if len(pairs) == len(dict(pairs)) else Repeated()


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise Malformed("a number is out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise Malformed("a number is too long")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def _decoder(make_object: Any) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=make_object, parse_float=_finite, parse_int=_integer, parse_constant=_no_constant
    )


_DECODER = _decoder(_object)
_DOCUMENT_DECODER = _decoder(_object_or_repeated)
# A value that holds itself ends in a `RecursionError`.
_ENCODER = json.JSONEncoder(check_circular=False, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
