"""Introspection answers: status, headers and body are the provider's, whatever they hold."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["jwt_signer_mw"]):
    from jwt_signer_mw.keysets.memory import MemoryStore
    from jwt_signer_mw.wsgi import JWTSignerMiddleware

import logging
from typing import TYPE_CHECKING, Any

from harness import fuzz, segment

from jwt_signer_mw.flows.commands import Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def middleware(**more: object) -> JWTSignerMiddleware:
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
    return JWTSignerMiddleware(application, settings | more, keyset_store=STORE, transport=PROVIDER)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["HTTP_AUTHORIZATION"].encode("latin-1")]


STORE, PROVIDER = MemoryStore(), Provider()
MIDDLEWARES = [
    middleware(),
    middleware(access_token_introspection_jwt_claim=["jwt"], trust_access_token_introspection=False),
]
logging.getLogger("jwt_signer_mw").setLevel(logging.CRITICAL)


def one(data: bytes) -> None:
    PROVIDER.body = data
    for way in MIDDLEWARES:
        _ask(way, data)


def _ask(way: JWTSignerMiddleware, data: bytes) -> None:
    answers: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_AUTHORIZATION": "Bearer opaque"}
    body = way(environ, lambda status, _: answers.append(status))  # type: ignore[arg-type, return-value]
    if answers == ["200 OK"]:
        assert b"".join(body).startswith(b"Bearer ey"), "a token of ours"
        assert b"active" in data or b"\\u" in data
    else:
        assert answers[0][:3] in {"401", "403"}, answers


if __name__ == "__main__":
    fuzz(one, SEEDS)
