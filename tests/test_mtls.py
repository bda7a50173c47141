"""Mutual TLS beyond the conformance table: what servers themselves tell of a client's certificate."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Plain
from conformance.asgi import scope_of
from conformance.case import HOST, NOW
from conformance.cases_mtls import BOUND, OURS, THEIRS, pem, rfc9440
from conformance.keys import jwks
from conformance.tokens import render
from conformance.wsgi import environ_of
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_signing_algorithm": "ES256",
    "access_token_mtls": "required",
    "channel_token_optional": True,
}
STORE = MemoryStore()
NO_TLS: dict[str, Any] = {}


class Provider:
    def send(self, _exchange: Exchange) -> Reply:
        return Reply(200, {}, json.dumps(render(jwks("rsa1"))).encode())


def request(*headers: tuple[str, str]) -> Plain:
    return Plain("GET", "/orders", HOST, (("Authorization", f"Bearer {BOUND}"), *headers))


def services() -> Any:
    return {"keyset_store": STORE, "transport": Provider(), "clock": FrozenClock(NOW)}


def over_wsgi(environ: dict[str, Any], *headers: tuple[str, str]) -> int:
    statuses: list[int] = []

    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    middleware = JWTSignerMiddleware(application, SETTINGS, **services())
    middleware(environ_of(request(*headers)) | environ, lambda status, _: statuses.append(int(status[:3])))  # type: ignore[arg-type]
    return statuses[0]


def over_asgi(extensions: dict[str, Any], *headers: tuple[str, str]) -> int:
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def keep(message: Any) -> None:
        sent.append(message)

    middleware = ASGIMiddleware(application, SETTINGS, **services())
    scope = scope_of(request(*headers)) | {"extensions": extensions}
    asyncio.run(middleware(scope, keep, keep))  # type: ignore[arg-type]
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    "environ, status",
    [
        ({"SSL_CLIENT_CERT": pem(OURS)}, 200),
        ({"SSL_CLIENT_CERT": pem(OURS), "SSL_CLIENT_VERIFY": "SUCCESS"}, 200),
        ({"SSL_CLIENT_CERT": pem(OURS) + pem(THEIRS)}, 200),
        ({"SSL_CLIENT_CERT": pem(OURS), "SSL_CLIENT_VERIFY": "FAILED:expired"}, 401),
        ({"SSL_CLIENT_CERT": pem(OURS), "SSL_CLIENT_VERIFY": "NONE"}, 401),
        ({"SSL_CLIENT_CERT": pem(THEIRS)}, 401),
        ({"SSL_CLIENT_CERT": pem(THEIRS) + pem(OURS)}, 401),
        ({"SSL_CLIENT_CERT": ""}, 401),
        ({"SSL_CLIENT_CERT": "nothing that is a certificate"}, 401),
        (NO_TLS, 401),
        ({"HTTP_SSL_CLIENT_CERT": pem(OURS)}, 401),
    ],
)
def test_what_a_wsgi_server_tells(environ: dict[str, Any], status: int) -> None:
    assert over_wsgi(environ) == status


@pytest.mark.parametrize(
    "tls, status",
    [
        ({"client_cert_chain": [pem(OURS)], "client_cert_error": None}, 200),
        ({"client_cert_chain": (pem(OURS), pem(THEIRS))}, 200),
        ({"client_cert_chain": [pem(OURS)], "client_cert_error": "expired"}, 401),
        ({"client_cert_chain": [pem(THEIRS), pem(OURS)]}, 401),
        ({"client_cert_chain": []}, 401),
        ({"client_cert_chain": None}, 401),
        (NO_TLS, 401),
        (None, 401),
    ],
)
def test_what_an_asgi_server_tells(tls: dict[str, Any] | None, status: int) -> None:
    assert over_asgi({"tls": tls}) == status


@pytest.mark.parametrize("send", [over_wsgi, over_asgi])
@pytest.mark.parametrize(
    "header", ["Client-Cert", "X-Client-Cert", "X-Forwarded-Client-Cert", "SSL-Client-Cert"]
)
def test_no_header_is_believed_that_nobody_named(send: Callable[..., int], header: str) -> None:
    assert send({}, (header, rfc9440(OURS))) == 401
