"""A middleware that is observed, WSGI or ASGI on asyncio or trio, with an identity provider in memory."""

from __future__ import annotations

import asyncio
import json
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import anyio

from asgi_client import call, http_scope
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wire import dump_json
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NOW = 1_800_000_000.0
SETTINGS: Mapping[str, Any] = {
    "access_token_jwks_uri": "https://idp.example:8443/jwks?key=s3cr3t-",
    "access_token_jwks_uri_rotate_period": 600,
    "access_token_keyset_rotate_period": 3600,
    "access_token_introspection_endpoint": "https://idp.example/introspect",
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
}
WAYS = ("wsgi", "asgi", "trio")
IDP = generate_key("ES256")


class House:
    """One middleware on one clock. `provider` is down while `is_down`."""

    def __init__(self, way: str, observers: Iterable[Callable[[Any], object]], **settings: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.way = way
        self.is_down = False
        self.exchanges: list[Exchange] = []
        policy = settings.pop("policy", "default")
        self._runner: asyncio.Runner | None = None
        services: dict[str, Any] = {
            "transport": self,
            "clock": self.clock,
            "keyset_store": MemoryStore(),
            "observers": tuple(observers),
            "policy": policy,
        }
        self.wsgi = self.asgi = None
        if way == "wsgi":
            self.wsgi = WSGIMiddleware(_application, {**SETTINGS, **settings}, **services)
        else:
            self.asgi = ASGIMiddleware(_asgi_application, {**SETTINGS, **settings}, **services)

    def send(self, exchange: Exchange) -> Reply:
        self.exchanges.append(exchange)
        if self.is_down:
            raise TransportError("idp.example: it is down")
        if exchange.method == "POST":
            return Reply(200, {}, dump_json({"active": True, "sub": "alice", "exp": NOW + 5000}))
        return Reply(200, {}, dump_json({"keys": [IDP.public_jwk()]}))

    def get(self, token: str | None = None, **headers: str) -> int:
        if self.asgi is not None:
            sent = sent_with(token, headers)
            self._runner = self._runner or asyncio.Runner()
            scope = http_scope(headers=sent.items())
            if self.way == "trio":
                return anyio.run(call, self.asgi, scope, backend="trio").status
            calling = call(self.asgi, scope)
            return self._runner.run(calling, context=copy_context()).status
        environ = environ_of(token, **headers)
        statuses: list[str] = []
        list(self.wsgi(environ, lambda status, *_: statuses.append(status)))  # type: ignore[arg-type, misc]
        return int(statuses[0][:3])

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


def token(**claims: Any) -> str:
    payload = {"iss": "https://idp.example", "sub": "alice", "exp": NOW + 5000, **claims}
    return sign_compact(json.dumps(payload).encode(), IDP, "ES256")


def sent_with(token: str | None, headers: Mapping[str, str]) -> dict[str, str]:
    return {**({} if token is None else {"Authorization": f"Bearer {token}"}), **headers}


def environ_of(token: str | None, **headers: str) -> dict[str, Any]:
    environ: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent_with(token, headers).items()
    }
    setup_testing_defaults(environ)
    return environ


def _application(_environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


async def _asgi_application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
