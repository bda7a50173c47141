"""A client that knows the server, and its own name and secret, but not where to get a token.

python orders_client.py http://127.0.0.1:8000/mcp service service-secret https://login.example
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class Memory(TokenStorage):
    """Keeps the token for as long as the process lives."""

    tokens: OAuthToken | None = None
    information: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.information

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.information = client_info


async def main(url: str, name: str, secret: str, issuer: str) -> None:
    """`issuer`: who gave us name and secret, and the only one who is sent them. The server says the rest."""
    login = ClientCredentialsOAuthProvider(url, Memory(), name, secret, issuer=issuer)
    async with (
        httpx2.AsyncClient(auth=login, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        result = await client.call_tool("list_orders")
    print(json.dumps(result.structured_content))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
