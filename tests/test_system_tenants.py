"""Two real providers as two tenants, rules that only report, and requests that name two hosts."""

# ruff: noqa: E402
from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("anyio", "httpx2", "waitress", "uvicorn")

from asgi_serving import SERVERS, serving
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.tenants import Tenants
from test_tenants import ASGIHouse, WSGIHouse
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from pathlib import Path

    from jwt_signer_mw.events import Decided
    from providers.identity import IdentityProvider
    from providers.oidc import OidcProvider
    from providers.toolkit import OAuthToolkit

A, B = "a.example", "b.example"


def settings_of(provider: IdentityProvider, **more: Any) -> dict[str, Any]:
    return {
        "access_token_jwks_uri": provider.jwks_uri,
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        **more,
    }


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),)


@pytest.mark.parametrize("kind", [WSGIHouse, ASGIHouse], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("jwt", [True, False], ids=["jwt", "opaque"])
def test_two_providers(
    kind: Any, jwt: bool, oidc_provider: OidcProvider, oauth_toolkit: OAuthToolkit
) -> None:
    providers = {A: oidc_provider, B: oauth_toolkit}
    tenants = {name: settings_of(provider) for name, provider in providers.items()}
    house = kind(tenants, keyset_store=MemoryStore())
    sent = {name: bearer(provider.mint(jwt=jwt)) for name, provider in providers.items()}
    for _ in range(2):
        assert house.send(A, sent[A]).status == 200
        assert house.send(B, sent[B]).status == 200
        assert house.send(A, sent[B]).status == 401
        assert house.send(B, sent[A]).status == 401


@pytest.mark.parametrize("kind", [WSGIHouse, ASGIHouse], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("jwt", [True, False], ids=["jwt", "opaque"])
def test_stricter_rules_report_first(kind: Any, jwt: bool, oidc_provider: OidcProvider) -> None:
    heard: list[Decided] = []
    rule = "access_token_scopes_required" if jwt else "access_token_introspection_scopes_required"
    settings = settings_of(
        oidc_provider,
        access_token_audiences_allowed=["urn:api:others"],
        access_token_introspection_audiences_allowed=["urn:api:others"],
        access_token_report_only=["audience"],
        shadow={rule: ["admin"]},
    )
    house = kind({A: settings}, keyset_store=MemoryStore(), observers=[heard.append])
    sent = bearer(oidc_provider.mint(jwt=jwt, scope="read"))
    assert [house.send(A, sent).status for _ in range(2)] == [200, 200]
    told = [[(one.by, one.reason) for one in event.would_refuse] for event in heard]
    assert told == [[("report_only", "audience_not_allowed"), ("shadow", "audience_not_allowed")]] * 2
    counts = oidc_provider.stats()
    assert counts.get("/jwks", 0) + counts.get("/token/introspection", 0) == 1, "a shadow fetches nothing"
    assert house.send(A, bearer(oidc_provider.mint(jwt=jwt) + "x")).status == 401


def status_of(port: int, *lines: str) -> int:
    """Of one raw request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode())
        return int(connection.makefile("rb").readline().split()[1])


LINES = {
    "its own": (("GET /x HTTP/1.1", "Host: a.example"), 200),
    "with a port": (("GET /x HTTP/1.1", "Host: A.example:8080"), 200),
    "a stranger": (("GET /x HTTP/1.1", "Host: c.example"), 200),  # the default's, who takes any token here
    "two in one": (("GET /x HTTP/1.1", "Host: a.example,b.example"), 421),
    "another in the target": (("GET http://b.example/x HTTP/1.1", "Host: a.example"), 421),
    "the same in the target": (("GET http://a.example/x HTTP/1.1", "Host: a.example"), 200),
    "with a user": (("GET /x HTTP/1.1", "Host: b.example@a.example"), 421),
}


@pytest.mark.parametrize("name", LINES)
def test_over_a_socket(name: str, oidc_provider: OidcProvider) -> None:
    lines, expected = LINES[name]
    house = WSGIHouse(Tenants(trusting(oidc_provider), default=B), keyset_store=MemoryStore())
    server = Waitress(house.middleware)
    try:
        token = oidc_provider.mint()
        assert status_of(server.port, *lines, f"Authorization: Bearer {token}") == expected
    finally:
        server.close()


def trusting(provider: OidcProvider) -> dict[str, dict[str, Any]]:
    return {A: settings_of(provider), B: settings_of(provider)}


def test_over_a_socket_of_asgi(oidc_provider: OidcProvider, tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(
        "import json, os\n"
        "from jwt_signer_mw.keysets.memory import MemoryStore\n"
        "from jwt_signer_mw.tenants import Tenants\n"
        "from test_tenants import ASGIHouse\n"
        "tenants = Tenants(json.loads(os.environ['TENANTS']), default='b.example')\n"
        "app = ASGIHouse(tenants, keyset_store=MemoryStore()).middleware\n"
    )
    tenants = json.dumps(trusting(oidc_provider))
    log, options = tmp_path / "server.log", ("--lifespan=off", f"--app-dir={tmp_path}")
    folder = __file__.rpartition("/")[0]
    from pathlib import Path as Folder

    with serving(
        SERVERS["uvicorn-h11"], "many:app", Folder(folder), log, *options, TENANTS=tenants
    ) as running:
        token = oidc_provider.mint()
        for lines, expected in LINES.values():
            assert status_of(running.port, *lines, f"Authorization: Bearer {token}") == expected, lines
