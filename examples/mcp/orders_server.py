"""An MCP server behind the middleware: clients find out by themselves where to get a token.

export RESOURCE=http://127.0.0.1:8000/mcp ISSUER=https://login.example
uvicorn orders_server:app
"""

import os
from typing import Any

from mcp.server.mcpserver import Context, MCPServer

from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.starlette import identity

RESOURCE = os.environ["RESOURCE"]  # the URL that clients use, letter by letter
ISSUER = os.environ["ISSUER"]

server = MCPServer("orders")


@server.tool()
async def list_orders(context: Context) -> dict[str, Any]:
    """The orders of whoever calls."""
    token = identity(context.request_context.request).access_token
    return {"orders": [f"coffee for {token.claims['client_id']}"], "signed_by": token.upstream_claims["iss"]}


app = JWTSignerMiddleware(
    server.streamable_http_app(stateless_http=True),
    {
        "resource": RESOURCE,
        "resource_metadata": {"resource_name": "Orders"},
        "access_token_jwks_uri": os.environ.get("JWKS_URI", f"{ISSUER}/jwks"),
        "access_token_issuers_allowed": [ISSUER],
        "access_token_audiences_allowed": [RESOURCE],
        "access_token_scopes_required": ["read"],
        "channel_token_optional": True,
    },
)
