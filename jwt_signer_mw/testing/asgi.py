"""Clients for ASGI applications that sign: Starlette's, which is FastAPI's, and that of httpx2."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
from starlette.testclient import TestClient

from jwt_signer_mw.testing.provider import Provider
from jwt_signer_mw.testing.signing import sign_request
from jwt_signer_mw.testing.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.testclient import WebSocketTestSession

    from jwt_signer_mw.testing.issuer import Issuer

BASE_URL = "http://testserver"  # as Starlette's


def _sending(method: str) -> Callable[..., Any]:
    def send(self: Any, url: Any, **options: Any) -> Any:
        return self.request(method, url, **options)

    return send


class _Signing:
    """Signs every request: `client.get("/orders", claims={"scope": "orders:read"})`."""

    issuer: Issuer
    claims: Mapping[str, Any]

    def request(self, method: str, url: Any, **options: Any) -> Any:
        """`claims`, `channel_claims`, `flaw` and `policy`: see `sign_request`. Headers of one's own win."""
        self.sign(options)
        send: Any = super()
        return send.request(method, url, **options)

    def sign(self, options: dict[str, Any]) -> None:
        signed = sign_request(self.issuer.headers, self.claims, options)
        own = dict(options.pop("headers", None) or {})
        taken = {name.lower() for name in own}
        options["headers"] = {**{k: v for k, v in signed.items() if k.lower() not in taken}, **own}

    get: Callable[..., Any] = _sending("GET")
    options: Callable[..., Any] = _sending("OPTIONS")
    head: Callable[..., Any] = _sending("HEAD")
    post: Callable[..., Any] = _sending("POST")
    put: Callable[..., Any] = _sending("PUT")
    patch: Callable[..., Any] = _sending("PATCH")
    delete: Callable[..., Any] = _sending("DELETE")


class SigningClient(_Signing, TestClient):
    """Websockets are signed as well."""

    def websocket_connect(self, url: str, subprotocols: Any = None, **options: Any) -> WebSocketTestSession:
        self.sign(options)
        return super().websocket_connect(url, subprotocols, **options)


class SigningAsyncClient(_Signing, httpx2.AsyncClient):
    """For tests that are coroutines. Runs no lifespan."""


@contextmanager
def signing_client(app: Any, issuer: Issuer | None = None, **claims: Any) -> Iterator[SigningClient]:
    """A test client whose tokens the application trusts; the lifespan runs meanwhile.

    Raises `NotProtected`.
    """
    issuer = issuer or Provider()
    client = SigningClient(app, BASE_URL)
    client.issuer, client.claims = issuer, claims
    with trusting(app, issuer), client:
        yield client


@contextmanager
def signing_async_client(
    app: Any, issuer: Issuer | None = None, **claims: Any
) -> Iterator[SigningAsyncClient]:
    """The same for tests that are coroutines; there is no connection that would have to be closed."""
    issuer = issuer or Provider()
    client = SigningAsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE_URL)
    client.issuer, client.claims = issuer, claims
    with trusting(app, issuer):
        yield client
