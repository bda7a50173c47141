"""The tokens of every measurement: 20 claims, 966 bytes, signed with RS256, each of them another one."""

from __future__ import annotations

import time
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeVar

from jwt_signer_mw.jose import generate_key, load_key, sign_compact
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.jose import Key

T = TypeVar("T")

ISSUER = "https://idp.example"
AUDIENCE = "orders"
LIFE = 6 * 3600  # seconds: longer than any run
MEGABYTE = 1_000_000

PROVIDER_KEY = generate_key("RS256")
_UNKNOWN_KEY = load_key(PROVIDER_KEY.private_jwk() | {"kid": "nobody-knows-this-one"})


def claims(number: int, *, padding: int = 0) -> dict[str, Any]:
    """What a provider says about one user; `padding` in bytes."""
    now = int(time.time())
    registered = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user-{number:08}",
        "jti": f"{number:016x}",
        "iat": now,
        "exp": now + LIFE,
        "scope": "orders.read profile offline",
    }
    others = {f"claim{i}": f"{number:05}" for i in range(13)}
    return registered | others | ({"padding": "x" * padding} if padding else {})


def token(number: int, *, key: Key = PROVIDER_KEY, alg: str = "RS256", padding: int = 0) -> str:
    return sign_compact(dump_json(claims(number, padding=padding)), key, alg)


def access_token_of_rfc_9068(number: int) -> str:
    """For libraries that insist on its `typ` and on a `client_id`."""
    payload = claims(number)
    payload["client_id"] = payload.pop("claim0")
    return sign_compact(dump_json(payload), PROVIDER_KEY, "RS256", typ="at+jwt")


def unknown_kid(number: int) -> str:
    """Well-formed, and of a key that the provider does not publish."""
    return token(number, key=_UNKNOWN_KEY)


def junk_in_signature(number: int) -> str:
    """A good token, but for some characters of its signature that are of no alphabet."""
    text = token(number)
    return f"{text[:-40]}!!!!{text[-36:]}"


def supply(count: int, make: Callable[[int], T], start: int = 0) -> Callable[[], T]:
    """Hands out `count` different things, over and over."""
    return cycle([make(start + i) for i in range(count)]).__next__
