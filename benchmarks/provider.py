"""The identity provider of every measurement, at no distance, and what our middlewares are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.tokens import AUDIENCE, ISSUER, PROVIDER_KEY
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from jwt_signer_mw.jose import Key

JWKS = "https://idp.example/jwks"
INTROSPECTION = "https://idp.example/introspect"


class Provider:
    """A transport that is the provider: its key set, and every opaque token active."""

    def __init__(self, *keys: Key) -> None:
        self.jwks = dump_json({"keys": [key.public_jwk() for key in keys or (PROVIDER_KEY,)]})

    def send(self, exchange: Exchange) -> Reply:
        if exchange.method == "POST":
            claims = {"active": True, "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "scope": "orders.read"}
            return Reply(200, {}, dump_json(claims))
        return Reply(200, {}, self.jwks)


def settings(**more: Any) -> dict[str, Any]:
    """RS256 in and out, as by default, with the checks that a service needs."""
    return {
        "access_token_jwks_uri": JWKS,
        "access_token_introspection_endpoint": INTROSPECTION,
        "access_token_issuers_allowed": [ISSUER],
        "access_token_audiences_allowed": [AUDIENCE],
        "channel_token_optional": True,
        **more,
    }


def services(*keys: Key) -> dict[str, Any]:
    return {"transport": Provider(*keys), "keyset_store": MemoryStore()}
