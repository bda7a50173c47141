"""Litestar behind the middleware.

export JWT_SIGNER_ACCESS_TOKEN_JWKS_URI=https://idp.example/jwks
uvicorn with_litestar:app
"""

from typing import Any

from litestar import Litestar, WebSocket, get, websocket
from litestar.di import NamedDependency, Provide
from litestar.types import Scope

from jwt_signer_mw import Identity
from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware


async def identity_of(scope: Scope) -> Identity:
    return scope[IDENTITY]


@get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@get("/me")
async def me(identity: NamedDependency[Identity]) -> dict[str, Any]:
    token = identity.access_token
    return {"subject": token.claims["sub"], "signed_by": token.upstream_claims["iss"]}


@websocket("/feed")
async def feed(socket: WebSocket[Any, Any, Any], identity: NamedDependency[Identity]) -> None:
    await socket.accept()
    await socket.send_json({"subject": identity.access_token.claims["sub"]})
    await socket.close()


app = JWTSignerMiddleware(
    Litestar([health, me, feed], dependencies={"identity": Provide(identity_of)}),
    {"channel_token_optional": True, "exempt_paths": ["/health"]},
)
