"""Who we are at a real provider's introspection endpoint, over real sockets, and its signed answers."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import requests

from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.events import decisions
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from providers.oidc import OidcProvider

NUMBERS = itertools.count()


def hello(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


async def hello_later(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def gateway(settings: dict[str, object]) -> Iterator[tuple[WSGIMiddleware, Waitress]]:
    """A middleware under a real server, which publishes its key sets."""
    middleware = WSGIMiddleware(hello, settings)
    server = Waitress(
        lambda *call: (middleware.admin if "jwks" in call[0]["PATH_INFO"] else middleware)(*call)
    )
    try:
        yield middleware, server
    finally:
        server.close()
        middleware.close()


def settings_for(provider: OidcProvider, **client: object) -> dict[str, object]:
    return {
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "keyset_store": "memory://",
        "verdict_cache_size": 0,
    } | {f"access_token_introspection_{name}": value for name, value in client.items()}


def status(server: Waitress, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(server.url, headers=headers, timeout=20).status_code


def asgi_status(settings: dict[str, object], token: str) -> int:
    """The same through the asynchronous driver."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        middleware = ASGIMiddleware(hello_later, settings)
        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "query_string": b""}
        await middleware(scope, receive, send)
        await middleware.driver.aclose()

    anyio.run(ask)
    return int(sent[0]["status"])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_secret(oidc_provider: OidcProvider, method: str) -> None:
    name = f"middleware-{next(NUMBERS)}"
    oidc_provider.add_client(name, token_endpoint_auth_method=method)
    token = oidc_provider.mint(jwt=False)
    good = settings_for(oidc_provider, client_auth=method, client_id=name, client_secret=f"{name}-secret")
    bad = good | {"access_token_introspection_client_secret": "another"}
    for settings, expected in ((good, 200), (bad, 401)):
        with gateway(settings) as (_, server):
            assert status(server, token) == expected
        assert asgi_status(settings, token) == expected


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_an_assertion_by_a_key_set_of_ours_that_rotates(oidc_provider: OidcProvider, algorithm: str) -> None:
    """The provider fetches our key set, and finds each new key there."""
    name = f"middleware-{next(NUMBERS)}"
    options = {"client_auth": "private_key_jwt", "client_id": name, "client_keyset": "idp"}
    settings = settings_for(oidc_provider, client_algorithm=algorithm, **options)
    settings |= {"admin_token": "an-admin-token-of-tests", "cache_access_token_introspection": False}
    with gateway(settings) as (_, server):
        url = f"{server.url}/jwt-signer/jwks/idp"
        oidc_provider.add_client(
            name,
            token_endpoint_auth_method="private_key_jwt",
            token_endpoint_auth_signing_alg=algorithm,
            jwks_uri=url,
        )
        token = oidc_provider.mint(jwt=False)
        assert status(server, token) == 200
        rotation = requests.post(
            f"{url}/rotate", headers={"Authorization": "Bearer an-admin-token-of-tests"}, timeout=20
        )
        assert rotation.status_code == 200
        assert [status(server, token) for _ in range(3)] == [200, 200, 200]


def test_a_signed_answer(oidc_provider: OidcProvider, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 9701: the provider signs for the client that asks, and with the keys of its JWKS."""
    settings = settings_for(
        oidc_provider,
        client_auth="client_secret_basic",
        client_id="middleware",
        client_secret="middleware-secret",
        signed="required",
        signed_issuer=oidc_provider.issuer,
    ) | {"access_token_jwks_uri": oidc_provider.jwks_uri}
    token = oidc_provider.mint(jwt=False)
    elsewhere = settings | {"access_token_introspection_signed_issuer": "https://other.example"}
    for chosen, expected in ((settings, 200), (elsewhere, 401)):
        with gateway(chosen) as (_, server), caplog.at_level("INFO", decisions.name):
            assert status(server, token) == expected
        assert asgi_status(chosen, token) == expected
    assert "another issuer" in caplog.text
    oidc_provider.revoke(token)
    with gateway(settings) as (_, server):
        assert status(server, token) == 401
