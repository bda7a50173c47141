"""The tokens of the page: made by a provider of the demo, then spoilt in the ways that tokens get spoilt."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from jwt.utils import base64url_encode

from jwt_signer_mw.demo.provider import SigningKey
from jwt_signer_mw.demo.scenarios import CHANNEL_CLIENT, drinking
from jwt_signer_mw.demo.shortened import peek

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.demo.provider import IdentityProvider

Slot: TypeAlias = Literal["access_token", "channel_token"]

MALLORY = "mallory"  # whom a token names that was changed after it was signed
CARRIERS = {"access_token": "Authorization: Bearer", "channel_token": f"{CHANNEL_CLIENT}:"}


class Kind(NamedTuple):
    """How a token is made. `readable`: it has a header and claims to edit."""

    title: str
    make: Callable[[IdentityProvider, Mapping[str, Any] | None, dict[str, Any]], str]
    readable: bool = True


class Recipe(NamedTuple):
    """A token that a request starts with."""

    slot: Slot
    provider: str
    kind: str = "jwt"
    claims: Mapping[str, Any] = {}  # beside the usual ones
    without: tuple[str, ...] = ()  # usual ones that it lacks


def _signed(provider: IdentityProvider, header: Mapping[str, Any] | None, claims: dict[str, Any]) -> str:
    return provider.compose(header or header_of(provider), claims)


def _forged(provider: IdentityProvider, header: Mapping[str, Any] | None, claims: dict[str, Any]) -> str:
    return provider.compose(header or header_of(provider), claims, SigningKey.generate())


def _unsigned(_: IdentityProvider, header: Mapping[str, Any] | None, claims: dict[str, Any]) -> str:
    return b".".join((_part(header or {"alg": "none", "typ": "JWT"}), _part(claims), b"")).decode()


def _opaque(provider: IdentityProvider, _: Mapping[str, Any] | None, claims: dict[str, Any]) -> str:
    return provider.issue(**claims)


KINDS: Mapping[str, Kind] = {
    "jwt": Kind("JWT, signed by the provider", _signed),
    "forged": Kind("JWT, signed by somebody else", _forged),
    "unsigned": Kind("JWT, not signed (alg none)", _unsigned),
    "opaque": Kind("opaque, known to the provider", _opaque),
}

OPENINGS: Mapping[str, tuple[Recipe, ...]] = {
    "jwt": (Recipe("access_token", "access"),),
    "opaque": (Recipe("access_token", "access", "opaque"),),
    "two-tokens": (
        Recipe("access_token", "access", "opaque"),
        Recipe("channel_token", "channel", "jwt", {"sub": "branch-office", "scope": "channel"}),
    ),
    "resign-only": (Recipe("access_token", "access"),),
    "claim": (Recipe("access_token", "access", "jwt", drinking("coffee")),),
}


def header_of(provider: IdentityProvider) -> dict[str, Any]:
    return {"alg": "RS256", "kid": provider.kid, "typ": "JWT"}


def claims_of(provider: IdentityProvider, recipe: Recipe) -> dict[str, Any]:
    claims = provider.claims(**recipe.claims)
    return {name: value for name, value in claims.items() if name not in recipe.without}


def make(
    provider: IdentityProvider, kind: str, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A token and what is in it. `claims` are all that it has; `header` None: the usual one."""
    token = KINDS[kind].make(provider, header, dict(claims))
    return {"token": token, "kind": kind, "header": peek(token, 0), "claims": dict(claims)}


def expire(provider: IdentityProvider, kind: str, token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """The same token a second after its end; a JWT has to be made anew for that."""
    ended = {**claims, "exp": int(time.time()) - 1}
    if kind == "opaque":
        provider.expire(token)
        return {"token": token, "kind": kind, "header": {}, "claims": ended}
    return make(provider, kind if kind in KINDS else "jwt", ended)


def tamper(token: str) -> dict[str, Any]:
    """The token with other claims and the signature that it had; an opaque one with another last letter."""
    claims = {**peek(token), "sub": MALLORY}
    if token.count(".") != 2:
        other = "A" if token[-1:] != "A" else "B"
        return {"token": token[:-1] + other, "kind": "raw", "header": {}, "claims": {}}
    header, _, signature = token.split(".")
    changed = f"{header}.{_part(claims).decode()}.{signature}"
    return {"token": changed, "kind": "raw", "header": peek(token, 0), "claims": claims}


def revoke(provider: IdentityProvider, token: str) -> str:
    """What came of it, in a sentence."""
    if provider.revoke(token):
        return (
            f"The provider {provider.name} revoked the token. A gateway that remembers it goes on for a "
            "while; a purge ends that."
        )
    if peek(token, 0):
        return "Nobody can revoke a JWT that is verified by its signature: it is good until it expires."
    return f"The provider {provider.name} does not know this token."


def _part(content: Mapping[str, Any]) -> bytes:
    return base64url_encode(json.dumps(content).encode())
