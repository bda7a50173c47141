"""Token recipes: the payload of each token stands in the table, and is signed when the case is played."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from conformance.case import ISSUER, NOW
from conformance.keys import Jwk, JwkSet, Pem, algorithm, private_key

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIMS: Final[Mapping[str, object]] = {"iss": ISSUER, "sub": "alice", "exp": NOW + 300}


def segment(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Recipe:
    """Something whose text is made when a case is played."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A compact JWS that is made when needed. `header` and `payload` are the bytes that get signed."""

    header: bytes
    payload: bytes
    alg: str
    key: str | None  # None: an empty signature

    def compact(self) -> str:
        return _sign(self.header, self.payload, self.alg, self.key)

    def __str__(self) -> str:
        return self.compact()


@cache
def _sign(header: bytes, payload: bytes, alg: str, key: str | None) -> str:
    text = f"{segment(header)}.{segment(payload)}"
    if key is None:
        return text + "."
    return f"{text}.{segment(algorithm(alg).sign(text.encode(), private_key(key)))}"


@dataclass(frozen=True, slots=True)
class Joined:
    """Text around tokens, such as a scheme before one."""

    parts: tuple[object, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Basic:
    """Credentials of RFC 7617 whose user name may be a token."""

    user: object
    password: str = ""

    def __str__(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def signed(
    claims: object,
    *,
    alg: str = "RS256",
    key: str | None = "rsa1",
    header: Mapping[str, object] | None = None,
) -> Token:
    """A token with exactly these claims. A header member None leaves it out (`kid` is the key's name)."""
    members = {"alg": alg, "kid": key, "typ": "JWT"} | dict(header or {})
    kept = {name: value for name, value in members.items() if value is not None}
    return Token(json.dumps(kept).encode(), json.dumps(claims).encode(), alg, key)


def token(
    claims: Mapping[str, object] | None = None,
    *,
    without: tuple[str, ...] = (),
    alg: str = "RS256",
    key: str = "rsa1",
    header: Mapping[str, object] | None = None,
) -> Token:
    """A good token, its claims `CLAIMS` with these changes."""
    return signed(good(claims, without=without), alg=alg, key=key, header=header)


def good(claims: Mapping[str, object] | None = None, *, without: tuple[str, ...] = ()) -> dict[str, object]:
    """`CLAIMS` with these changes."""
    merged = {**CLAIMS, **(claims or {})}
    return {name: value for name, value in merged.items() if name not in without}


def bearer(value: object) -> Joined:
    return Joined(("Bearer ", value))


def render(value: Any) -> Any:
    """JSON's own types of a value that may hold recipes."""
    if isinstance(value, Jwk | JwkSet):
        return render(value.as_json())
    if isinstance(value, Token | Joined | Basic | Recipe):
        return str(value)
    if isinstance(value, dict):
        return {name: render(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [render(member) for member in value]
    return value


def render_bytes(value: object) -> bytes:
    """A body or a file: bytes and texts as they are, PEM as PEM, all else as JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Pem):
        return value.as_bytes()
    return json.dumps(render(value)).encode()
