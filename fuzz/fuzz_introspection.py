"""Introspection answers: status, headers and body are the provider's, whatever they hold."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["jwt_signer_mw"]):
    from jwt_signer_mw.assembly import Assembly
    from jwt_signer_mw.drivers.blocking import BlockingDriver
    from jwt_signer_mw.keysets.memory import MemoryStore

import logging

from harness import fuzz, segment

from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.messages import Forward, Incoming

ANSWER = b'{"active":true,"exp":4102444800,"sub":"alice","iss":"https://i.example","scope":"a b","aud":"x"}'
EMBEDDED = segment({"alg": "ES256"}) + "." + segment({"exp": 4102444800}) + "." + segment(b"0" * 64)
SEEDS = [
    ANSWER,
    b'{"active":false}',
    b'{"active":"true"}',
    b'{"active":true,"jwt":"%b"}' % EMBEDDED.encode(),
    b'{"active":true,"exp":1e400,"nbf":null,"iat":[],"scope":{"a":true}}',
    b"[]",
]


class Provider:
    def __init__(self) -> None:
        self.body = b""

    def send(self, exchange: Exchange) -> Reply:
        return Reply(200, {"content-type": "application/json"}, self.body)


def assembly(**more: object) -> Assembly:
    settings: dict[str, object] = {
        "access_token_introspection_endpoint": "https://idp.example/introspect",
        "cache_access_token_introspection": False,
        "verdict_cache_size": 0,
        "access_token_introspection_scopes_required": ["a"],
        "verify_access_token_introspection_notbefore": True,
        "access_token_introspection_optional_claims": [["nbf"]],
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }
    return Assembly(settings | more, keyset_store=STORE, transport=PROVIDER)


STORE, PROVIDER = MemoryStore(), Provider()
DRIVER = BlockingDriver(PROVIDER)
ASSEMBLIES = [
    assembly(),
    assembly(access_token_introspection_jwt_claim=["jwt"], trust_access_token_introspection=False),
]
REQUEST = Incoming("GET", "/", "x", {"authorization": ("Bearer opaque",)})
logging.getLogger("jwt_signer_mw").setLevel(logging.CRITICAL)


def one(data: bytes) -> None:
    PROVIDER.body = data
    for one in ASSEMBLIES:
        decision = DRIVER.run(one.pipeline.decide(REQUEST))
        if isinstance(decision, Forward):
            token = decision.identity.access_token
            assert token is not None
            assert data.find(b"active") > 0 or b"\\u" in data
        else:
            assert decision.status in {401, 403}, decision


if __name__ == "__main__":
    fuzz(one, SEEDS)
