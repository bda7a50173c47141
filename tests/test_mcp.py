"""The example of an MCP server: its client finds the provider, gets a token there, and calls a tool."""

# ruff: noqa: E402
from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from asgi_serving import SERVERS, free_port, serving
from conformance.judge import read_challenge
from parts import ROOT, require_module

require_module("mcp", "uvicorn")

from providers.identity import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from providers.oidc import OidcProvider

EXAMPLES = ROOT / "examples" / "mcp"
SECONDS = 60


@pytest.fixture
def resource(oidc_provider: OidcProvider, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    environment = {"RESOURCE": url, "ISSUER": oidc_provider.issuer, "JWT_SIGNER_KEYSET_STORE": "memory://"}
    log = tmp_path / "mcp.log"
    uvicorn = SERVERS["uvicorn-h11"]
    uvicorn = uvicorn._replace(command=uvicorn.command.replace("{port}", str(port)))
    with serving(uvicorn, "orders_server:app", EXAMPLES, log, **environment):
        yield url


def call_tool(resource: str, issuer: str, secret: str = SERVICE[1]) -> subprocess.CompletedProcess[str]:
    arguments = [str(EXAMPLES / "orders_client.py"), resource, SERVICE[0], secret, issuer]
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def ask(resource: str, token: str | None = None) -> httpx2.Response:
    headers = {"Accept": "application/json, text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    return httpx2.post(resource, json=message, headers=headers, trust_env=False)


def test_the_client_finds_its_way(resource: str, oidc_provider: OidcProvider) -> None:
    done = call_tool(resource, oidc_provider.issuer)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"orders": ["coffee for service"], "signed_by": "kong"}
    paths = oidc_provider.stats()
    assert paths["/token"] == 1
    assert paths["/jwks"] == 1


def test_what_it_found(resource: str, oidc_provider: OidcProvider) -> None:
    refused = ask(resource)
    assert refused.status_code == 401
    challenge = read_challenge(refused.headers["www-authenticate"])
    assert challenge["scope"] == "read"
    shown: dict[str, Any] = httpx2.get(challenge["resource_metadata"], trust_env=False).json()
    assert shown == {
        "resource": resource,
        "authorization_servers": [oidc_provider.issuer],
        "scopes_supported": ["read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Orders",
    }


def test_a_token_for_another_resource_is_refused(resource: str, oidc_provider: OidcProvider) -> None:
    """RFC 9728 section 7.4, and what MCP calls a confused deputy."""
    refused = ask(resource, oidc_provider.mint())
    assert refused.status_code == 403
    assert "resource_metadata" in read_challenge(refused.headers["www-authenticate"])


def test_a_client_that_the_provider_does_not_know(resource: str, oidc_provider: OidcProvider) -> None:
    done = call_tool(resource, oidc_provider.issuer, secret="another secret")
    assert done.returncode != 0
    assert done.stdout == ""
