"""Starlette with two policies: one for the whole service, another one for a mounted part.

export JWT_SIGNER_ACCESS_TOKEN_JWKS_URI=https://idp.example/jwks
uvicorn with_starlette:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.starlette import EXCEPTION_HANDLERS, check_scopes, identity

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.websockets import WebSocket


async def health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "up"})


async def me(request: Request) -> JSONResponse:
    """`request.state.jwt_signer` is the same as `identity(request)`."""
    token = request.state.jwt_signer.access_token
    return JSONResponse({"subject": token.claims["sub"], "signed_by": token.upstream_claims["iss"]})


async def orders(request: Request) -> JSONResponse:
    check_scopes(request, "orders:read")
    return JSONResponse([])


async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"subject": identity(websocket).access_token.claims["sub"]})
    await websocket.close()


# Partners bring their token in a header of their own, and it is signed by another key set.
partners = JWTSignerMiddleware(
    Starlette(routes=[Route("/me", me)]),
    {
        "access_token_request_header": "X-Partner-Token",
        "access_token_keyset": "partners",
        "channel_token_optional": True,
        "access_token_issuer": "partners",
    },
)
service = JWTSignerMiddleware(
    Starlette(
        routes=[
            Route("/health", health),
            Route("/me", me),
            Route("/orders", orders),
            WebSocketRoute("/feed", feed),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    ),
    {"channel_token_optional": True, "exempt_paths": ["/health"]},
)
app = Starlette(
    routes=[
        Mount("/jwt-signer", service.admin),
        Mount("/partners", partners),
        Mount("/", service),
    ]
)
