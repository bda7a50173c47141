"""Questions of proxies: who may ask, what tells of the request, which policy decides, what is answered."""

# ruff: noqa: E402

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from conformance.keys import jwks
from conformance.tokens import signed
from parts import require_module

require_module("uvicorn", "httpx2")  # before what needs them

from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.gateway.application import Gateway
from jwt_signer_mw.gateway.configuration import read_configuration
from jwt_signer_mw.gateway.forward_auth import Unasked, read_question
from jwt_signer_mw.gateway.health import WatchedTransport
from jwt_signer_mw.gateway.policies import Workshop
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED: Mapping[str, Any] = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}
CONTENT: Mapping[str, Any] = {
    **SHARED,
    "policies": {
        "default": {"consumers": [{"id": "1", "username": "alice"}], "access_token_consumer_claim": ["sub"]},
        "strict": {"access_token_scopes_required": ["never"]},
    },
}
ROUTES = [
    {"path": "/*"},
    {"path": "/strict/*", "policy": "strict"},
    {"path": "/open/*", "exempt": True},
    {"path": "/b/*", "hosts": ["strict.example"], "policy": "strict"},
]


class Provider:
    async def send(self, exchange: Exchange) -> Reply:
        assert exchange.url == "https://idp.example/jwks"
        return Reply(200, {}, dump_json(jwks("p256").as_json()))


class Told(NamedTuple):
    status: int
    headers: dict[str, str]

    @property
    def removed(self) -> set[str]:
        return set(self.headers["x-jwt-signer-remove"].split(", "))


def token() -> str:
    return str(signed({"sub": "alice", "exp": 4_000_000_000}, alg="ES256", key="p256"))


def ask(
    content: Mapping[str, Any],
    target: str = "/auth",
    headers: Mapping[str, str] | None = None,
    *more: tuple[str, str],
    client: tuple[str, int] | None = ("127.0.0.1", 1),
    method: str = "GET",
) -> Told:
    """One question, put to the application that the server runs."""

    async def run() -> Told:
        transport = WatchedTransport(Provider())
        workshop = Workshop(AsynchronousDriver(transport))
        gateway = Gateway(await workshop.build(read_configuration(content, {})), workshop, transport, None)
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request"}

        pairs = [*(headers or {}).items(), *more]
        scope = {
            "type": "http",
            "method": method,
            "path": target.partition("?")[0],
            "raw_path": target.partition("?")[0].encode(),
            "query_string": target.partition("?")[2].encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in pairs],
            "client": client,
        }
        await gateway(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Told(sent[0]["status"], found)

    return asyncio.run(run())


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {token()}", "Host": "api.example"}


def about(uri: str, host: str = "api.example") -> dict[str, str]:
    """What our examples for nginx and HAProxy set."""
    return {"X-Original-Method": "GET", "X-Original-URI": uri, "X-Original-Host": host}


STYLED = {**CONTENT, "routes": ROUTES, "gateway": {"style": "nginx"}}


def test_the_answer_has_what_is_written_and_what_goes() -> None:
    told = ask(CONTENT, headers={**bearer(), "X_Consumer_ID": "forged", "X-Consumer-Groups": "admins"})
    assert told.status == 200
    assert told.headers["authorization"].startswith("Bearer ")
    assert told.headers["authorization"] != f"Bearer {token()}"
    assert (told.headers["x-consumer-id"], told.headers["x-consumer-username"]) == ("1", "alice")
    assert {"x_consumer_id", "x-consumer-groups", "x-consumer-custom-id"} <= told.removed
    assert not told.removed & {"authorization", "x-consumer-id", "x-consumer-username"}
    assert told.headers["cache-control"] == "no-store"
    assert "x-envoy-auth-headers-to-remove" not in told.headers


def test_a_refusal_is_what_the_client_gets() -> None:
    told = ask(CONTENT, headers={"Host": "api.example:8443"})
    assert told.status == 401
    assert told.headers["www-authenticate"] == 'Bearer realm="api.example"'
    assert "x-jwt-signer-remove" not in told.headers


# Which policy


def test_the_url_names_the_policy() -> None:
    assert ask(CONTENT, "/auth/strict", bearer()).status == 403
    assert ask(CONTENT, "/auth/default", bearer()).status == 200
    assert ask(CONTENT, "/auth/nobody", bearer()).status == 403
    assert ask(CONTENT, "/auth/default/x", bearer()).status == 403


@pytest.mark.parametrize(
    "uri, host, status",
    [
        ("/orders?x=/open/", "api.example", 200),
        ("/strict/a", "api.example", 403),
        ("/b/a", "strict.example:443", 403),
        ("/b/a", "api.example", 200),
        ("/open/../strict/a", "api.example", 403),
        ("/%73trict/a", "api.example", 403),
        ("http://api.example/open/a", "api.example", 403),
    ],
)
def test_the_routes_choose_the_policy(uri: str, host: str, status: int) -> None:
    assert ask(STYLED, headers={**bearer(), **about(uri, host)}).status == status


def test_exempt_route_loses_what_policies_write() -> None:
    told = ask(STYLED, headers={**bearer(), **about("/open/a")})
    assert told.status == 200
    assert {"authorization", "x-consumer-id"} <= told.removed
    assert "authorization" not in told.headers


@pytest.mark.parametrize("style", ["nginx", "haproxy", "traefik", "caddy"])
def test_a_style_believes_its_own_headers_only(style: str) -> None:
    ours, theirs = about("/strict/a"), {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/open/a"}
    theirs |= {"X-Forwarded-Host": "api.example"}
    content = {**STYLED, "gateway": {"style": style}}
    wanted = 403 if style in ("nginx", "haproxy") else 200
    assert ask(content, headers={**bearer(), **ours, **theirs}).status == wanted
    alone = theirs if style in ("nginx", "haproxy") else ours
    assert ask(content, headers={**bearer(), **alone}).status == 403


def test_a_header_that_tells_twice_tells_nothing() -> None:
    told = ask(STYLED, "/auth", {**bearer(), **about("/orders")}, ("X-Original-URI", "/open/a"))
    assert told.status == 403


def test_without_a_style_nothing_is_believed() -> None:
    exempt = {**SHARED, "exempt_paths": ["/open/*"]}
    for lies in (about("/open/a"), {"X-Forwarded-Uri": "/open/a", "X-Forwarded-Method": "GET"}):
        assert ask(exempt, headers={"Host": "a", **lies}).status == 401
    assert ask(exempt, "/open/a").status == 404


def test_envoy_asks_about_its_own_path() -> None:
    content = {**STYLED, "gateway": {"style": "envoy"}}
    told = ask(content, "/auth/orders?x=1", bearer())
    assert told.status == 200
    removed = told.headers["x-envoy-auth-headers-to-remove"].split(",")
    assert "x-consumer-custom-id" in removed
    assert "authorization" not in removed
    assert ask(content, "/auth/strict/a", bearer()).status == 403
    assert ask(content, "/auth/open/a").status == 200
    assert ask(content, "/orders", bearer()).status == 404
    assert ask(content, "/auth", bearer()).status == 200


def test_what_envoy_asks_about() -> None:
    scope = {"method": "POST", "raw_path": b"/auth/a%2Fb", "headers": [(b"host", b"h")]}
    assert read_question(scope, "envoy") == ("POST", "/a/b", "h", "/a%2Fb")
    with pytest.raises(Unasked, match="x-forwarded-method"):
        read_question(scope, "caddy")


# Who may ask


@pytest.mark.parametrize(
    "client, networks, status",
    [
        (("127.0.0.1", 1), None, 401),
        (("::1", 1), None, 401),
        (None, None, 401),
        (("10.1.2.3", 1), None, 403),
        (("192.0.2.1", 1), ["10.0.0.0/8"], 403),
        (("10.1.2.3", 1), ["10.0.0.0/8"], 401),
        (("::ffff:10.1.2.3", 1), ["10.0.0.0/8"], 401),
        (("fe80::1%eth0", 1), ["fe80::/10"], 401),
        (("not-an-address", 1), ["0.0.0.0/0", "::/0"], 403),
    ],
)
def test_who_may_ask(client: tuple[str, int] | None, networks: list[str] | None, status: int) -> None:
    gateway = {} if networks is None else {"trusted_proxies": networks}
    told = ask({**CONTENT, "gateway": gateway}, client=client)
    assert told.status == status
    assert ("www-authenticate" in told.headers) is (status == 401)


def test_a_forwarded_address_is_not_believed() -> None:
    lies = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert ask(CONTENT, headers={**bearer(), **lies}, client=("192.0.2.1", 1)).status == 403


def test_a_secret_is_asked_for() -> None:
    content = {**CONTENT, "gateway": {"secret": "open sesame"}}
    name = "X-JWT-Signer-Secret"
    assert ask(content, headers=bearer()).status == 403
    assert ask(content, headers={**bearer(), name: "open sesam"}).status == 403
    assert ask(content, "/auth", {**bearer(), name: "open sesame"}, (name, "guess")).status == 403
    assert ask(content, headers={**bearer(), name: "open sesame"}).status == 200


def test_nothing_else_is_served() -> None:
    assert ask(CONTENT, "/").status == 404
    assert ask(CONTENT, "/authors").status == 404
    assert ask(CONTENT, "/jwt-signer/health").status == 200
