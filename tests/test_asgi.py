"""The ASGI adapter: what the application gets of a request, and what becomes of header names."""

from __future__ import annotations

import subprocess
import sys
import time
from copy import deepcopy
from typing import TYPE_CHECKING

import jwt
import pytest

from asgi_client import Application, bearer, builder, call, http_scope
from conformance.tokens import token
from jwt_signer_mw.asgi import IDENTITY, SETTINGS, STATE
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAME, MAX_REMEMBERED_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_client import Build
    from jwt_signer_mw.asgi import Message, Receive, Scope, Send


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


def test_the_key_of_the_identity_is_the_contract() -> None:
    assert IDENTITY == "jwt_signer_mw.identity"


def test_without_the_extra_the_error_names_it() -> None:
    code = "import sys; sys.modules['httpx2'] = None; import jwt_signer_mw.asgi"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'jwt-signer-mw[asgi]'" in outcome.stderr


def test_the_http_client_is_loaded_before_there_is_a_loop_to_hold_up() -> None:
    code = """
import sys
from jwt_signer_mw.drivers.async_transport import HttpxTransport
HttpxTransport()
print("httpcore2" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "True\n"
