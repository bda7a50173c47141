"""FastAPI behind the middleware, and the key set endpoints beside it.

export JWT_SIGNER_ACCESS_TOKEN_JWKS_URI=https://idp.example/jwks
uvicorn with_fastapi:app
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Security, WebSocket

from jwt_signer_mw import Identity
from jwt_signer_mw.asgi import JWTSignerMiddleware, Receive, Scope, Send
from jwt_signer_mw.fastapi import EXCEPTION_HANDLERS, identity, require_scopes

service = FastAPI(title="Orders", exception_handlers=EXCEPTION_HANDLERS)
Caller = Annotated[Identity, Depends(identity)]


@service.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@service.get("/me")
async def me(caller: Caller) -> dict[str, Any]:
    token = caller.access_token
    return {"subject": token.claims["sub"], "signed_by": token.upstream_claims["iss"]}


@service.get("/orders")
async def orders(caller: Annotated[Identity, Security(require_scopes("orders:read"))]) -> list[str]:
    return [f"an order of {caller.access_token.claims['sub']}"]


@service.websocket("/feed")
async def feed(websocket: WebSocket, caller: Caller) -> None:
    await websocket.accept()
    await websocket.send_json({"subject": caller.access_token.claims["sub"]})
    await websocket.close()


signer = JWTSignerMiddleware(
    service,
    {"channel_token_optional": True, "exempt_paths": ["/health", "/docs", "/openapi.json"]},
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Key sets have a rule of their own, so they stand beside the token check, not behind it."""
    asks_for_keys = scope["type"] == "http" and scope["path"].startswith("/jwt-signer/")
    await (signer.admin if asks_for_keys else signer)(scope, receive, send)
