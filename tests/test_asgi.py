"""The ASGI adapter: scopes, headers, websockets, lifespan, mounts, key set endpoints."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from asgi_client import Application, bearer, call, http_scope, websocket_scope
from conformance.case import NOW
from conformance.keys import jwks
from conformance.tokens import render_bytes, token
from jwt_signer_mw.asgi import (
    MAX_REMEMBERED_NAME,
    SETTINGS,
    STATE,
    JWTSignerMiddleware,
    UnknownScope,
    inner_path,
)
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.messages import IDENTITY
from jwt_signer_mw.request.endpoints import MAX_BODY
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jwt_signer_mw.asgi import Message, Receive, Scope, Send

    Build = Callable[..., JWTSignerMiddleware]

pytestmark = pytest.mark.anyio

KEYS = MemoryStore()  # shared, so that keys are made once
ADMIN = {"admin_token": "admin-secret-of-32-characters-00"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def build(tmp_path: Path, application: Application) -> Build:
    """A middleware that trusts the key `rsa1` and signs with a quick algorithm."""
    (tmp_path / "jwks.json").write_bytes(render_bytes(jwks("rsa1")))
    base: dict[str, object] = {
        "access_token_jwks_uri": f"file://{tmp_path}/jwks.json",
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }

    def build(settings: dict[str, object] | None = None, **services: Any) -> JWTSignerMiddleware:
        services = {"keyset_store": KEYS, "clock": lambda: NOW, **services}
        return JWTSignerMiddleware(application, base | (settings or {}), **services)

    return build


async def test_the_application_gets_the_new_token_and_the_identity(
    build: Build, application: Application
) -> None:
    middleware = build()
    for _ in range(2):  # decided, then remembered
        application.scopes.clear()
        answer = await call(middleware, http_scope(headers=bearer(token())))
        assert (answer.status, answer.body) == (200, b"yes")
        (value,) = application.values(b"authorization")
        new = jwt.decode(value.decode().removeprefix("Bearer "), options={"verify_signature": False})
        assert (new["iss"], new["original_iss"]) == ("kong", "https://issuer.example")
        assert application.identity.access_token.claims["sub"] == "alice"
        assert application.identity.access_token.upstream_claims == new
        assert application.scope["state"] == {STATE: application.identity}
        assert application.scope[SETTINGS] is middleware.pipeline.settings


async def test_the_scope_of_the_server_stays_as_it_is(build: Build, application: Application) -> None:
    """SPF-25"""
    scope = http_scope(headers=(*bearer(token()), ("x-consumer-id", "evil")))
    before = deepcopy(scope)
    await call(build(), scope)
    assert scope == before
    assert application.scope is not scope
    assert application.scope["headers"] is not scope["headers"]


async def test_streams_pass_untouched(build: Build) -> None:
    """Bodies, server-sent events, disconnects: the application gets the server's own callables."""
    seen: list[object] = []

    async def streaming(_scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    middleware = build()
    middleware.app = streaming
    await middleware(http_scope(headers=bearer(token())), receive, send)
    assert seen == [receive, send]


async def test_a_head_request_is_refused_without_a_body(build: Build, application: Application) -> None:
    answer = await call(build(), http_scope(method="HEAD"))
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["content-length"] == str(len(b'{"message":"Unauthorized"}'))
    assert answer.headers["www-authenticate"] == 'Bearer realm="api.example"'
    assert application.scopes == []


async def test_headers_may_be_any_iterable(build: Build, application: Application) -> None:
    scope = http_scope(headers=bearer(token()))
    scope["headers"] = iter(scope["headers"])
    assert (await call(build(), scope)).status == 200
    assert application.values(b"host") == [b"api.example:8443"]


# Header names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "aUTHORIZATION"])
async def test_names_in_any_case_are_read_and_replaced(
    build: Build, application: Application, name: str
) -> None:
    """HTP-29"""
    assert (await call(build(), http_scope(headers=[(name, f"Bearer {token()}")]))).status == 200
    assert len(application.values(b"authorization")) == 1
    assert name == "authorization" or application.values(name.encode()) == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "x-consumer-id",
            "X-Consumer-ID",
            "x_consumer_id",
            "x-consumer_id",
            "X.Consumer.Id",
            "x-consumer-groups",
        ),
        *("x-credential-identifier", "X_Anonymous_Consumer", "x-original", "x_original", "X.Original"),
    ],
)
@pytest.mark.parametrize("path", ["/orders", "/health"])
async def test_every_spelling_of_a_managed_name_is_removed(
    build: Build, application: Application, name: str, path: str
) -> None:
    """SPF-01, SPF-02, SPF-04, SPF-08, SPF-11, SPF-13, SPF-14"""
    middleware = build({"original_access_token_upstream_header": "X-Original", "exempt_paths": ["/health"]})
    for _ in range(2):
        application.scopes.clear()
        headers = [(name, "evil"), *bearer(token()), (name, "evil"), ("x-harmless", "kept")]
        assert (await call(middleware, http_scope(path, headers))).status == 200
        assert b"evil" not in {value for _, value in application.scope["headers"]}
        assert application.values(b"x-harmless") == [b"kept"]


@pytest.mark.parametrize("second", ["authorization", "Authorization", "AUTHORIZATION"])
async def test_a_token_header_that_occurs_twice_is_refused(
    build: Build, application: Application, second: str
) -> None:
    """S18: also where one of the two is remembered, or both are the same."""
    middleware = build()
    assert (await call(middleware, http_scope(headers=bearer(token())))).status == 200
    application.scopes.clear()
    for value in (f"Bearer {token()}", "Bearer other"):
        answer = await call(middleware, http_scope(headers=(*bearer(token()), (second, value))))
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert application.scopes == []


async def test_spellings_of_one_token_header_count_together(build: Build, application: Application) -> None:
    middleware = build({"access_token_request_header": "X-Token"})
    assert (await call(middleware, http_scope(headers=[("x_token", str(token()))]))).status == 200
    assert application.values(b"x_token") == []
    two = [("x-token", str(token())), ("x.token", str(token()))]
    assert (await call(middleware, http_scope(headers=two))).status == 401


@pytest.mark.parametrize("name", ["x_authorization", "authorization_", "http-authorization"])
async def test_an_alias_is_no_token_header(build: Build, name: str) -> None:
    """HTP-17"""
    assert (await call(build(), http_scope(headers=[(name, f"Bearer {token()}")]))).status == 401


async def test_bytes_that_are_no_text_are_refused(build: Build) -> None:
    """HTP-13"""
    scope = http_scope()
    scope["headers"].append((b"authorization", b"Bearer \xe9\xff"))
    assert (await call(build({"access_token_optional": True}), scope)).status == 401


async def test_the_memory_for_names_is_bounded(build: Build, application: Application) -> None:
    middleware = build()
    for start in range(0, 5 * MAX_REMEMBERED_NAMES, 500):
        names = [(f"x-{number}", "") for number in range(start, start + 500)]
        await call(middleware, http_scope(headers=[*names, ("x" * 10_000, ""), ("x_consumer_id", "evil")]))
    assert len(middleware._roles) <= MAX_REMEMBERED_NAMES
    assert max(map(len, middleware._roles)) <= MAX_REMEMBERED_NAME
    await call(middleware, http_scope(headers=[*bearer(token()), ("x_consumer_id", "evil")]))
    assert application.values(b"x_consumer_id") == []


async def test_five_hundred_headers_are_sorted_in_no_time(build: Build) -> None:
    """HTP-22"""
    middleware = build()
    headers = [*((f"x-{number}", "value") for number in range(500)), *bearer(token())]
    await call(middleware, http_scope(headers=bearer(token())))
    start = time.process_time()
    assert (await call(middleware, http_scope(headers=headers))).status == 200
    assert time.process_time() - start < 0.02


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


# Key set endpoints --------------------------------------------------------------------------------


async def test_a_key_set_is_served(build: Build) -> None:
    admin = build().admin
    answer = await call(admin, http_scope("/jwt-signer/jwks/kong"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    head = await call(admin, http_scope("/jwt-signer/jwks/kong", method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    tag = [("if-none-match", answer.headers["etag"])]
    assert (await call(admin, http_scope("/jwt-signer/jwks/kong", tag))).status == 304


async def test_a_set_is_rotated_with_the_admin_token_alone(build: Build) -> None:
    admin = build(ADMIN, keyset_store=MemoryStore()).admin
    path, own = "/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"])
    pieces: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}"},
    ]
    assert (await call(admin, http_scope(path, own, "POST"), pieces)).status == 200
    for headers in (bearer("wrong"), (*own, *own), ()):
        assert (await call(admin, http_scope(path, headers, "POST"), pieces)).status == 401
    there = (*own, ("origin", "https://api.example:8443"))
    assert (await call(admin, http_scope(path, there, "POST"), pieces)).status == 200
    elsewhere = (*own, ("origin", "https://evil.example"))
    assert (await call(admin, http_scope(path, elsewhere, "POST"), pieces)).status == 403


async def test_a_body_is_read_to_its_limit_only(build: Build) -> None:
    left = [b" " * 1024] * 1000
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope("/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"]), "POST")
    await build(ADMIN).admin(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (1000 - len(left)) * 1024 <= MAX_BODY + 1024


async def test_nothing_happens_for_a_client_that_left(build: Build) -> None:
    store = MemoryStore()
    admin = build(ADMIN, keyset_store=store).admin
    before = store.load("kong")
    scope = http_scope("/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"]), "POST")
    half: list[Message] = [{"type": "http.request", "body": b"", "more_body": True}]
    assert (await call(admin, scope, half)).messages == []
    assert store.load("kong") == before


async def test_the_path_as_sent_names_a_set_with_slashes(build: Build) -> None:
    """Decision 18a"""
    admin = build({"access_token_keyset": "team/one"}, keyset_store=MemoryStore()).admin
    for raw in (None, b"/jwt-signer/jwks/team%2Fone"):
        scope = http_scope("/jwt-signer/jwks/team/one", raw_path=raw)
        assert (await call(admin, scope)).status == 200


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_key_sets_are_served_over_http_alone(build: Build, kind: str) -> None:
    with pytest.raises(UnknownScope):
        await call(build().admin, http_scope("/jwt-signer/jwks/kong") | {"type": kind})


def test_the_key_of_the_identity_is_the_contract() -> None:
    assert IDENTITY == "jwt_signer_mw.identity"
