"""Middlewares that trust a real provider, on every adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import jwt

from conformance.adapter import Plain
from jwt_signer_mw.keysets.memory import MemoryStore
from system import adapter_named

if TYPE_CHECKING:
    from conformance.adapter import Outcome
    from providers.oidc import OidcProvider
    from stepping import FrozenClock

STORE = MemoryStore()  # one for all: a key pair is made once


class Gate:
    """A middleware that trusts the provider, and the requests to it."""

    def __init__(self, adapter: str, provider: OidcProvider, clock: FrozenClock, **settings: object) -> None:
        base = {
            "access_token_jwks_uri": provider.jwks_uri,
            "access_token_introspection_endpoint": provider.introspection_endpoint,
            "access_token_introspection_authorization": provider.introspection_authorization,
            "access_token_signing_algorithm": "ES256",
            "channel_token_optional": True,
        }
        services: dict[str, Any] = {"keyset_store": STORE, "clock": clock}
        self._runner = adapter_named(adapter).open({**base, **settings}, services)
        self.close = self._runner.close

    def send(self, token: str) -> Outcome:
        headers = (("Authorization", f"Bearer {token}"),)
        return self._runner.send(Plain("GET", "/orders", "api.example", headers))

    def new_claims(self, token: str) -> dict[str, Any]:
        """What the new token says."""
        outcome = self.send(token)
        assert outcome.status == 200, outcome
        (value,) = [value for name, value in outcome.seen[0].headers if name == "authorization"]
        claims: dict[str, Any] = jwt.decode(
            value.removeprefix("Bearer "), options={"verify_signature": False}
        )
        return claims


class OpenGate(Protocol):
    """Opens a middleware with these settings beside those that name the provider."""

    def __call__(self, **settings: object) -> Gate: ...


def told_by(outcome: Outcome) -> str:
    """The public sentence of a refusal with 401."""
    assert (outcome.status, outcome.seen) == (401, ())
    (challenge,) = [value for name, value in outcome.headers if name.lower() == "www-authenticate"]
    assert 'error="invalid_token"' in challenge
    return challenge.partition('error_description="')[2].rstrip('"')
