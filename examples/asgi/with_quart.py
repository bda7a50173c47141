"""Quart behind the middleware.

export JWT_SIGNER_ACCESS_TOKEN_JWKS_URI=https://idp.example/jwks
hypercorn with_quart:app
"""

from __future__ import annotations

from typing import Any

from quart import Quart, request, websocket

from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware

app = Quart(__name__)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@app.get("/me")
async def me() -> dict[str, Any]:
    token = request.scope[IDENTITY].access_token
    return {"subject": token.claims["sub"], "signed_by": token.upstream_claims["iss"]}


@app.websocket("/feed")
async def feed() -> None:
    await websocket.send_json({"subject": websocket.scope[IDENTITY].access_token.claims["sub"]})


app.asgi_app = JWTSignerMiddleware(
    app.asgi_app, {"channel_token_optional": True, "exempt_paths": ["/health"]}
)
