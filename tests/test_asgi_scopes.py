"""The ASGI adapter: websockets and other kinds of connections, paths, lifespan, services."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from asgi_client import Application, bearer, builder, call, http_scope, websocket_scope
from conformance.keys import jwks
from conformance.tokens import render_bytes, token
from jwt_signer_mw.asgi import UnknownScope, inner_path
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.keysets.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_client import Build
    from jwt_signer_mw.asgi import Receive, Scope, Send


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def build(application: Application, tmp_path: Path) -> Build:
    return builder(application, tmp_path)


# Websockets and other scopes ----------------------------------------------------------------------


async def test_a_websocket_with_a_token_is_passed_on(build: Build, application: Application) -> None:
    answer = await call(build(), websocket_scope(headers=bearer(token())))
    assert answer.messages == [{"type": "websocket.accept"}]
    assert application.identity.access_token.claims["sub"] == "alice"
    assert len(application.values(b"authorization")) == 1


async def test_a_refused_websocket_gets_the_answer_where_the_server_can_send_it(
    build: Build, application: Application
) -> None:
    """PTH-22"""
    scope = websocket_scope(extensions={"websocket.http.response": {}})
    answer = await call(build(), scope)
    assert [message["type"] for message in answer.messages] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (answer.status, answer.body) == (401, b'{"message":"Unauthorized"}')
    assert "www-authenticate" in answer.headers
    assert application.scopes == []


@pytest.mark.parametrize("more", [{}, {"extensions": None}, {"extensions": {}}])
async def test_another_server_closes_a_refused_websocket_before_it_is_accepted(
    build: Build, application: Application, more: dict[str, Any]
) -> None:
    """PTH-22, PTH-24"""
    scope = websocket_scope(headers=[("sec-websocket-protocol", f"bearer, {token()}")], **more)
    answer = await call(build(), scope)
    assert answer.messages == [{"type": "websocket.close", "code": 1008}]
    assert application.scopes == []


@pytest.mark.parametrize("kind", ["webtransport", "telnet", ""])
async def test_an_unknown_kind_of_connection_is_an_error(
    build: Build, application: Application, kind: str
) -> None:
    """PTH-25"""
    with pytest.raises(UnknownScope, match="can't be protected"):
        await call(build({"exempt_paths": ["/orders"]}), http_scope() | {"type": kind})
    assert application.scopes == []


# Paths --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, root, inner",
    [
        ("/health", "", "/health"),
        ("/api/health", "/api", "/health"),
        ("/api/health", "/api/", "/health"),
        ("/health", "/api", "/health"),
        ("/apihealth", "/api", "/apihealth"),
        ("/api", "/api", ""),
        ("/api//health", "/api", "//health"),
        ("/health", None, "/health"),
    ],
)
def test_the_path_inside_the_mount(path: str, root: str | None, inner: str) -> None:
    """PTH-16"""
    assert inner_path({"path": path, "root_path": root}) == inner


@pytest.mark.parametrize(
    "path, root, status",
    [
        ("/health", "", 200),
        ("/api/health", "/api", 200),
        ("/api/health", "", 401),
        ("/public/x", "", 200),
        ("/public/../orders", "", 401),
        ("/health/", "", 401),
        ("/healthz", "", 401),
        ("/health\n", "", 401),
        ("//health", "", 401),
        ("http://other/health", "", 401),
    ],
)
async def test_exempt_paths_are_those_of_the_application(
    build: Build, path: str, root: str, status: int
) -> None:
    """PTH-01, PTH-07, PTH-10, PTH-12, PTH-16"""
    middleware = build({"exempt_paths": ["/health", "/public/*"]})
    assert (await call(middleware, http_scope(path, root_path=root))).status == status


async def test_an_exempt_path_takes_the_token_away_and_knows_nobody(
    build: Build, application: Application
) -> None:
    middleware = build({"exempt_paths": ["/health"]})
    await call(middleware, http_scope("/health", bearer(token())))
    assert application.values(b"authorization") == []
    assert application.identity.access_token is None


@pytest.mark.parametrize("method", ["OPTIONS", "options", "TRACE", "PROPFIND"])
async def test_every_method_is_protected(build: Build, method: str) -> None:
    """PTH-18, PTH-21, PTH-30"""
    headers = [
        *(("origin", "https://a.example"), ("access-control-request-method", "GET")),
        *(("x-http-method-override", "OPTIONS"), ("upgrade", "h2c"), ("http2-settings", "AAMA")),
    ]
    assert (await call(build(), http_scope(headers=headers, method=method))).status == 401


# Lifespan and services ----------------------------------------------------------------------------

STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


class Lifespan:
    """An application that takes part in the lifespan protocol, or does not."""

    def __init__(self, *, takes_part: bool = True) -> None:
        self.takes_part = takes_part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.takes_part
        assert scope["type"] == "lifespan"
        for name in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{name}"
            await send({"type": f"lifespan.{name}.complete"})


class Closing:
    """An asynchronous transport that tells when it was closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.urls: list[str] = []

    async def send(self, exchange: Exchange) -> Reply:
        self.urls.append(exchange.url)
        return Reply(200, {}, render_bytes(jwks("rsa1")))

    async def aclose(self) -> None:
        self.closed += 1


async def test_the_lifespan_passes_and_closes_the_connections(build: Build) -> None:
    transport = Closing()
    middleware = build(transport=transport)
    middleware.app = Lifespan()
    answer = await call(middleware, {"type": "lifespan"}, [STARTUP, SHUTDOWN])
    assert [message["type"] for message in answer.messages] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert transport.closed >= 1


async def test_an_application_without_lifespan_says_so_to_the_server(build: Build) -> None:
    middleware = build(transport=Closing())
    middleware.app = Lifespan(takes_part=False)
    with pytest.raises(AssertionError):
        await call(middleware, {"type": "lifespan"}, [STARTUP])


async def test_keys_that_could_not_be_had_at_build_are_there_after_startup(
    build: Build, application: Application
) -> None:
    """Decision 32"""
    store = Moody()
    middleware = build(keyset_store=store)
    assert (await call(middleware, http_scope(headers=bearer(token())))).status == 503
    store.down = False
    middleware.app = Lifespan()
    await call(middleware, {"type": "lifespan"}, [STARTUP, SHUTDOWN])
    middleware.app = application
    loads = store.loads
    assert (await call(middleware, http_scope(headers=bearer(token())))).status == 200
    assert store.loads == loads, "the request found them in memory"


class Moody(MemoryStore):
    """A store that is down at first."""

    down = True
    loads = 0

    def load(self, name: str) -> Any:
        self.loads += 1
        if self.down:
            raise StoreError("down")
        return super().load(name)


async def test_an_asynchronous_transport_can_be_given(build: Build) -> None:
    transport = Closing()
    middleware = build({"access_token_jwks_uri": "https://idp.example/jwks"}, transport=transport)
    assert (await call(middleware, http_scope(headers=bearer(token())))).status == 200
    assert transport.urls == ["https://idp.example/jwks"]


async def test_the_transport_of_the_other_adapter_can_be_given(build: Build) -> None:
    class Blocking:
        def send(self, exchange: Exchange) -> Reply:
            assert exchange.method == "GET"
            time.sleep(0.01)
            return Reply(200, {}, render_bytes(jwks("rsa1")))

    middleware = build({"access_token_jwks_uri": "https://idp.example/jwks"}, transport=Blocking())
    assert (await call(middleware, http_scope(headers=bearer(token())))).status == 200
    await middleware.driver.aclose()  # it has nothing to close


async def test_observers_hear_of_remembered_requests_too(build: Build) -> None:
    heard: list[Any] = []
    middleware = build(observers=[heard.append])
    for headers in (bearer(token()), bearer(token()), ()):
        await call(middleware, http_scope("/api/orders", headers, root_path="/api"))
    assert [(event.reason, event.remembered, event.path) for event in heard] == [
        ("accepted", False, "/orders"),
        ("accepted", True, "/orders"),
        ("token_missing", False, "/orders"),
    ]
