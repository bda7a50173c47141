"""The pytest plugin: what it finds, what it says when it finds nothing, and that it is free when unused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require_module
from test_testing_page import run_pytest

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """{
    "access_token_jwks_uri": "https://login.example/jwks", "channel_token_optional": True,
    "keyset_store": "memory://",
}"""

UNUSED = """
import sys

def test_nothing_is_loaded():
    assert "pytest_jwt_signer" in sys.modules
    assert [name for name in sys.modules if name.startswith(("jwt_signer_mw", "django", "flask"))] == []
"""

NO_APPLICATION = """
def test_it(signed_client):
    pass
"""

NO_MIDDLEWARE = """
import pytest

@pytest.fixture
def jwt_app():
    return lambda environ, start_response: []

def test_it(signed_client):
    pass
"""

WRAPPED_IN_MANY_WAYS = f"""
from functools import partial

import pytest
from jwt_signer_mw.wsgi import JWTSignerMiddleware

def application(environ, start_response):
    start_response("200 OK", [])
    return [environ["jwt_signer_mw.identity"].access_token.claims["sub"].encode()]

class Attribute:
    def __init__(self, app):
        self.inner = app

    def __call__(self, environ, start_response):
        return self.inner(environ, start_response)

class Mounts(Attribute):
    def __init__(self, app):
        self.inner = lambda *_: []
        self.mounts = {{"/": [app]}}

    def __call__(self, *given):
        return self.mounts["/"][0](*given)

def closure(app):
    later = None
    def call(environ, start_response):
        return app(environ, start_response) if later is None else later
    return call

def bound(app):
    return Attribute(app).__call__

def part(app):
    return partial(lambda app, *given: app(*given), app)

@pytest.fixture(params=[Attribute, Mounts, closure, bound, part])
def jwt_app(request):
    return request.param(closure(JWTSignerMiddleware(application, {SETTINGS})))

def test_it(signed_client):
    assert signed_client.get("/", claims={{"sub": "alice"}}).text == "alice"
"""

PUT_BACK = f"""
from jwt_signer_mw.testing import Provider
from jwt_signer_mw.testing.wsgi import signing_client
from jwt_signer_mw.wsgi import JWTSignerMiddleware

def application(_, start_response):
    start_response("200 OK", [])
    return [b""]

def test_it():
    app = JWTSignerMiddleware(application, {SETTINGS})
    before = dict(vars(app))
    with signing_client(app) as client:
        assert client.get("/").status_code == 200
    assert vars(app) == before
"""

FASTAPI = """
import pytest
from fastapi import FastAPI, WebSocket
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware

events = []

async def started(app):
    events.append("started")
    yield
    events.append("ended")

def settings(header):
    return {
        "access_token_request_header": header, "access_token_jwks_uri": "https://login.example/jwks",
        "channel_token_optional": True, "keyset_store": "memory://",
    }

from contextlib import asynccontextmanager

app = FastAPI(lifespan=asynccontextmanager(started))
inner = FastAPI()
app.add_middleware(JWTSignerMiddleware, settings=settings("authorization:bearer"))
app.add_middleware(GZipMiddleware)
app.mount("/partners", JWTSignerMiddleware(inner, settings("X-Partner")))

@app.websocket("/feed")
async def feed(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text(websocket.scope[IDENTITY].access_token.claims["sub"])
    await websocket.close()

@inner.get("/")
async def index():
    return "partners"

@pytest.fixture
def jwt_app():
    return app

def test_websockets_and_lifespan(signed_client):
    with signed_client.websocket_connect("/feed", claims={"sub": "alice"}) as feed:
        assert feed.receive_text() == "alice"
    assert events[-1] == "started"

def test_a_second_middleware_is_a_policy_of_its_own(signed_client, jwt_provider):
    headers = jwt_provider.headers({"sub": "alice"}, policy="2")
    assert list(headers) == ["X-Partner"]
    assert signed_client.get("/partners/", headers=headers).json() == "partners"
    assert signed_client.get("/partners/").status_code == 401

def test_it_has_ended():
    assert events.count("ended") == events.count("started") == 2
"""

MARKERS = f"""
import pytest
from jwt_signer_mw.wsgi import JWTSignerMiddleware

def application(_, start_response):
    start_response("200 OK", [])
    return [b""]

@pytest.fixture
def jwt_app():
    return JWTSignerMiddleware(application, {SETTINGS})

@pytest.mark.jwt_time(1_800_000_000)
def test_time(signed_client, jwt_clock):
    assert jwt_clock() == 1_800_000_000
    assert signed_client.get("/").status_code == 200
    assert signed_client.get("/", claims={{"exp": 1_799_999_999}}).status_code == 401

@pytest.mark.jwt_outage(of="introspect")
def test_an_outage_of_what_is_not_asked(signed_client):
    assert signed_client.get("/").status_code == 200

@pytest.mark.jwt_outage
@pytest.mark.jwt_slow(1)
def test_two(signed_client):
    assert signed_client.get("/").status_code in (200, 503)
"""


NO_ASGI = f"""
import pytest
from jwt_signer_mw.wsgi import JWTSignerMiddleware

@pytest.fixture
def jwt_app():
    return JWTSignerMiddleware(lambda *_: [], {SETTINGS})

def test_it(signed_async_client):
    pass
"""


def run(folder: Path, text: str, *options: str) -> str:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    return run_pytest(folder, *options)


def test_it_is_free_when_unused(tmp_path: Path) -> None:
    run(tmp_path, UNUSED, "-p", "no:anyio")


@pytest.mark.parametrize(
    "text", [WRAPPED_IN_MANY_WAYS, PUT_BACK, MARKERS], ids=["wrapped", "back", "markers"]
)
def test_wsgi(text: str, tmp_path: Path) -> None:
    require_module("werkzeug")
    run(tmp_path, text)


def test_fastapi(tmp_path: Path) -> None:
    require_module("fastapi", "httpx2")
    run(tmp_path, FASTAPI)


@pytest.mark.parametrize(
    "text, told",
    [
        (NO_APPLICATION, "define a fixture `jwt_app`"),
        (NO_MIDDLEWARE, "no JWTSignerMiddleware is found"),
        (NO_ASGI, "signed_async_client is for Django and ASGI"),
    ],
    ids=["application", "middleware", "asgi"],
)
def test_what_is_missing_is_said(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=told):
        run(tmp_path, text)


def test_markers_are_told(tmp_path: Path) -> None:
    assert "@pytest.mark.jwt_slow(seconds, of=None)" in run_pytest(tmp_path, "--markers")
