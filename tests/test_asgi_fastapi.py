"""FastAPI and Starlette behind the middleware: dependencies, scopes, challenges, several policies."""

# No `from __future__ import annotations`: FastAPI reads them at run time.

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Security, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import WebSocketDenialResponse

from conformance.case import NOW
from conformance.keys import jwks
from conformance.tokens import render_bytes, token
from jwt_signer_mw import Identity, Settings
from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.fastapi import (
    ACCESS_TOKEN,
    EXCEPTION_HANDLERS,
    TokenScheme,
    identity,
    require_scopes,
)
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.messages import TokenIdentity
from jwt_signer_mw.starlette import check_scopes
from jwt_signer_mw.starlette import identity as starlette_identity

KEYS = MemoryStore()
MISSING = 'Bearer realm="testserver"'
LACKING = (
    'Bearer realm="testserver", error="insufficient_scope", error_description="The token lacks a scope", '
    'scope="orders:read orders:write"'
)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "jwks.json").write_bytes(render_bytes(jwks("rsa1")))
    return {
        "access_token_jwks_uri": f"file://{tmp_path}/jwks.json",
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "exempt_paths": ["/health", "/openapi.json"],
    }


def client(application: Any, settings: dict[str, object]) -> TestClient:
    """Without a lifespan every request runs on an event loop of its own."""
    middleware = JWTSignerMiddleware(application, settings, keyset_store=KEYS, clock=lambda: NOW)
    return TestClient(middleware)


def bearer(claims: Mapping[str, object] | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(claims)}"}


def orders_service(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/me")
    async def me(who: Annotated[Identity, Depends(identity)], request: Request) -> Any:
        assert request.state.jwt_signer is who
        return None if who.access_token is None else who.access_token.claims["sub"]

    @app.get("/health")
    async def health(who: Annotated[Identity, Depends(identity)]) -> bool:
        return who.access_token is None

    @app.get("/token")
    async def own_token(token: Annotated[TokenIdentity, Depends(ACCESS_TOKEN)]) -> Any:
        return token.source

    @app.get("/orders")
    async def orders(
        who: Annotated[Identity, Security(require_scopes("orders:read", "orders:write"))],
    ) -> Any:
        assert who.access_token is not None
        return who.access_token.claims["scope"]

    @app.get("/invoices", dependencies=[Security(require_scopes("orders:read"), scopes=["invoices"])])
    async def invoices() -> str:
        return "invoices"

    @app.websocket("/feed")
    async def feed(
        websocket: WebSocket, who: Annotated[Identity, Security(require_scopes("orders:read"))]
    ) -> None:
        await websocket.accept()
        assert who.access_token is not None
        await websocket.send_json(who.access_token.claims["sub"])
        await websocket.close()

    return app


# Dependencies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifespan", [False, True])
def test_dependencies_give_the_identity(settings: dict[str, object], lifespan: bool) -> None:
    browser = client(orders_service(), settings)
    with browser if lifespan else nullcontext():
        assert browser.get("/me", headers=bearer()).json() == "alice"
        assert browser.get("/me", headers=bearer()).json() == "alice"
        assert browser.get("/token", headers=bearer()).json() == "jwt"
        assert browser.get("/health").json() is True
        assert browser.get("/me").status_code == 401


def test_scopes_of_a_route_are_demanded_all(settings: dict[str, object]) -> None:
    browser = client(orders_service(exception_handlers=EXCEPTION_HANDLERS), settings)
    both = {"scope": "openid orders:write orders:read"}
    assert browser.get("/orders", headers=bearer(both)).json() == both["scope"]
    for scope in ("orders:read", "orders:read orders:writes", "ORDERS:READ orders:write", ""):
        refused = browser.get("/orders", headers=bearer({"scope": scope}))
        assert (refused.status_code, refused.content) == (403, b'{"message":"Forbidden"}')
        assert refused.headers["www-authenticate"] == LACKING
        assert refused.headers["cache-control"] == "no-store"


def test_scopes_of_the_dependency_and_of_security_add_up(settings: dict[str, object]) -> None:
    browser = client(orders_service(), settings)
    assert browser.get("/invoices", headers=bearer({"scope": "orders:read"})).status_code == 403
    assert browser.get("/invoices", headers=bearer({"scope": "invoices"})).status_code == 403
    assert browser.get("/invoices", headers=bearer({"scope": "orders:read invoices"})).status_code == 200


def test_scopes_are_read_where_the_settings_say(settings: dict[str, object]) -> None:
    settings |= {"access_token_scopes_claim": ["realm", "roles"]}
    browser = client(orders_service(), settings)
    roles = {"realm": {"roles": ["orders:read", "invoices"]}, "scope": ""}
    assert browser.get("/invoices", headers=bearer(roles)).status_code == 200
    assert browser.get("/invoices", headers=bearer({"scope": "orders:read invoices"})).status_code == 403


def test_an_absent_optional_token_has_no_scopes(settings: dict[str, object]) -> None:
    browser = client(orders_service(), settings | {"access_token_optional": True})
    assert browser.get("/me").json() is None
    for path in ("/token", "/orders"):
        refused = browser.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, MISSING)


def test_the_challenge_outlives_other_exception_handlers(settings: dict[str, object]) -> None:
    async def plain(_request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        return PlainTextResponse("no", problem.status_code)

    app = orders_service(exception_handlers={HTTPException: plain, **EXCEPTION_HANDLERS})
    refused = client(app, settings).get("/orders", headers=bearer({"scope": ""}))
    assert (refused.status_code, refused.headers["www-authenticate"]) == (403, LACKING)


def test_without_our_handlers_the_framework_answers_with_the_challenge(settings: dict[str, object]) -> None:
    refused = client(orders_service(), settings).get("/orders", headers=bearer({"scope": ""}))
    assert (refused.json(), refused.headers["www-authenticate"]) == ({"detail": "Forbidden"}, LACKING)


def test_websockets_have_dependencies_too(settings: dict[str, object]) -> None:
    browser = client(orders_service(exception_handlers=EXCEPTION_HANDLERS), settings)
    with browser.websocket_connect("/feed", headers=bearer({"scope": "orders:read"})) as websocket:
        assert websocket.receive_json() == "alice"
    for headers, status in (({}, 401), (bearer({"scope": ""}), 403)):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            browser.websocket_connect("/feed", headers=headers),
        ):
            pass
        assert refused.value.status_code == status
        assert "www-authenticate" in refused.value.headers


def test_without_the_middleware_nobody_is_let_in() -> None:
    with pytest.raises(LookupError, match="not in front"):
        TestClient(orders_service()).get("/me")


# OpenAPI ------------------------------------------------------------------------------------------


def test_openapi_shows_the_scheme_and_the_scopes(settings: dict[str, object]) -> None:
    document = client(orders_service(), settings).get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert schemes == {"access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    paths = document["paths"]
    assert paths["/orders"]["get"]["security"] == [{"access_token": ["orders:read", "orders:write"]}]
    assert paths["/token"]["get"]["security"] == [{"access_token": []}]
    assert sorted(paths["/invoices"]["get"]["security"][0]["access_token"]) == ["invoices", "orders:read"]
    assert "security" not in paths["/health"]["get"]


@pytest.mark.parametrize(
    "option, model",
    [
        ("authorization:bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
        ("Authorization:Basic", {"type": "http", "scheme": "basic"}),
        ("authorization", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
        ("X-Channel", {"type": "apiKey", "in": "header", "name": "X-Channel"}),
    ],
)
def test_the_scheme_is_the_one_of_the_settings(option: str, model: dict[str, str]) -> None:
    own = Settings.load({"channel_token_request_header": option, "access_token_optional": True})
    app = FastAPI()

    @app.get("/", dependencies=[Depends(TokenScheme.of(own, "channel_token"))])
    async def index() -> None: ...

    assert app.openapi()["components"]["securitySchemes"] == {"channel_token": model}


# Several policies ---------------------------------------------------------------------------------


async def subject(request: StarletteRequest) -> Response:
    token = starlette_identity(request).access_token
    return JSONResponse(token.upstream_claims["iss"] if token and token.upstream_claims else None)


async def reports(request: StarletteRequest) -> Response:
    check_scopes(request, "reports")
    return JSONResponse("reports")


def test_mounts_and_routes_have_policies_of_their_own(settings: dict[str, object]) -> None:
    services: Any = {"keyset_store": KEYS, "clock": lambda: NOW}
    partners = settings | {"access_token_request_header": "X-Partner", "access_token_issuer": "partners"}
    strict = settings | {"access_token_scopes_required": ["admin"], "access_token_issuer": "admins"}
    app = Starlette(
        routes=[
            Mount(
                "/partners",
                JWTSignerMiddleware(Starlette(routes=[Route("/me", subject)]), partners, **services),
            ),
            Route("/admin", subject, middleware=[Middleware(JWTSignerMiddleware, strict, **services)]),
            Mount("/", JWTSignerMiddleware(Starlette(routes=[Route("/me", subject)]), settings, **services)),
        ]
    )
    browser = TestClient(app)
    assert browser.get("/me", headers=bearer()).json() == "kong"
    assert browser.get("/partners/me", headers=bearer()).status_code == 401
    assert browser.get("/partners/me", headers={"X-Partner": str(token())}).json() == "partners"
    assert browser.get("/admin", headers=bearer()).status_code == 403
    assert browser.get("/admin", headers=bearer({"scope": "admin"})).json() == "admins"


def test_exempt_paths_are_those_inside_a_mount(settings: dict[str, object]) -> None:
    """PTH-16"""
    inner = Starlette(routes=[Route("/health", subject), Route("/me", subject)])
    mounted = JWTSignerMiddleware(inner, settings, keyset_store=KEYS)
    browser = TestClient(Starlette(routes=[Mount("/api", mounted)]))
    assert browser.get("/api/health").status_code == 200
    assert browser.get("/api/me").status_code == 401


def test_middleware_can_be_added_as_starlette_does_it(settings: dict[str, object]) -> None:
    app = FastAPI(exception_handlers=EXCEPTION_HANDLERS)
    app.add_middleware(JWTSignerMiddleware, settings=settings, keyset_store=KEYS, clock=lambda: NOW)
    app.add_route("/reports", reports)
    with TestClient(app) as browser:
        assert browser.get("/reports").status_code == 401
        assert browser.get("/reports", headers=bearer({"scope": "reports"})).json() == "reports"
        refused = browser.get("/reports", headers=bearer())
        assert 'scope="reports"' in refused.headers["www-authenticate"]
