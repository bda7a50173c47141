"""`docs/upstream.md`: its code runs as it stands there, against a gateway with real sockets."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from asgi_serving import free_port
from parts import ROOT, require, require_module
from providers.process import ServerProcess
from upstreams import ALGORITHM, Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

PAGE = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")
URL = "https://gateway.example/jwt-signer/jwks/kong"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    opened = Gateway(tmp_path)
    yield opened
    opened.close()


def block(language: str, wanted: str) -> str:
    """The one piece of code on the page that contains `wanted`."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if wanted in code]
    return str(found)


def recipe(gateway: Gateway, wanted: str, folder: Path) -> ModuleType:
    """The code as a module, with this gateway's address and algorithm."""
    text = block("python", wanted).replace(URL, gateway.jwks).replace("RS256", ALGORITHM)
    assert gateway.jwks in text
    file = folder / "recipe.py"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("recipe", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_plain(gateway: Gateway, tmp_path: Path) -> None:
    verifier = recipe(gateway, 'audience="orders",  # or leave it out', tmp_path).verifier
    assert verifier.verify(gateway.token(sub="ada", aud="orders"))["sub"] == "ada"


def test_flask(gateway: Gateway, tmp_path: Path) -> None:
    require_module("flask")
    client = recipe(gateway, "import Flask", tmp_path).app.test_client()
    answer = client.get("/orders", headers=bearer(gateway.token(sub="ada")))
    assert (answer.status_code, answer.json) == (200, {"for": "ada"})
    for headers in ({}, bearer(gateway.forged(iss="kong"))):
        answer = client.get("/orders", headers=headers)
        assert (answer.status_code, answer.json) == (401, {"message": "Unauthorized"})
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="orders"')


def test_django(gateway: Gateway, tmp_path: Path) -> None:
    require_module("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    from django.http import HttpResponse
    from django.test import RequestFactory

    module, seen = recipe(gateway, "class UpstreamToken", tmp_path), list[str]()

    def view(request: Any) -> HttpResponse:
        seen.append(request.claims["sub"])
        return HttpResponse("fine")

    async def async_view(request: Any) -> HttpResponse:
        return view(request)

    asynchronous = module.UpstreamToken(async_view)
    for call in (module.UpstreamToken(view), lambda request: asyncio.run(asynchronous(request))):
        requests_of = RequestFactory(headers=bearer(gateway.token(sub="ada")), SERVER_NAME="localhost")
        assert call(requests_of.get("/")).status_code == 200
        refused = call(RequestFactory(SERVER_NAME="localhost").get("/"))
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="orders"'
    assert seen == ["ada", "ada"]


def test_pyjwt(gateway: Gateway, tmp_path: Path) -> None:
    require_module("jwt")
    import jwt

    verify = recipe(gateway, "PyJWKClient", tmp_path).verify
    for n in range(3):
        assert verify(gateway.token(sub=f"s{n}"))["sub"] == f"s{n}"
        gateway.rotate()
        assert verify(gateway.token(sub=f"t{n}"))["sub"] == f"t{n}"
    for bad in (gateway.forged(iss="kong"), gateway.signed({"iss": "kong"}), gateway.signed({"iss": "x"})):
        with pytest.raises((jwt.InvalidTokenError, jwt.PyJWKClientError)):
            verify(bad)


# Envoy --------------------------------------------------------------------------------------------


def envoy_program() -> str | None:
    """On the path, or where JWT_SIGNER_TEST_PROXIES says."""
    folders = (os.environ.get("JWT_SIGNER_TEST_PROXIES", ""), os.environ.get("PATH", ""))
    return shutil.which("envoy", path=os.pathsep.join(folders))


def envoy_configuration(gateway: Gateway, port: int) -> dict[str, Any]:
    """The filter of the page in front of an answer of Envoy's own."""
    jwt_filter = yaml.safe_load(block("yaml", "jwt_authn").replace(URL, gateway.jwks))
    gateway_port = int(gateway.url.rpartition(":")[2])
    connections = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = {
        "@type": f"{connections}.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            jwt_filter,
            {"name": "envoy.filters.http.router", "typed_config": {"@type": router}},
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"name": "in", "address": address(port), "filter_chains": [{"filters": filters}]}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(gateway_port)}}]}]
    cluster = {
        "name": "gateway",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "gateway", "endpoints": endpoints},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@pytest.fixture
def envoy(gateway: Gateway, tmp_path: Path) -> Iterator[str]:
    """Its URL."""
    program = envoy_program()
    require(program, "envoy is not installed")
    assert program is not None
    port, file = free_port(), tmp_path / "envoy.yaml"
    file.write_text(yaml.safe_dump(envoy_configuration(gateway, port)), encoding="utf-8")
    options = ["--concurrency", "1", "--disable-hot-restart", "-l", "info"]
    process = ServerProcess([program, "-c", file, *options], tmp_path / "envoy.log")
    try:
        process.wait_for("starting workers")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.stop()


def test_envoy(gateway: Gateway, envoy: str) -> None:
    def status(token: str | None) -> int:
        headers = {} if token is None else bearer(token)
        return requests.get(envoy, headers=headers, timeout=5).status_code

    assert gateway.fetches == 1, "ahead of the first request"
    assert status(gateway.token(sub="ada")) == 200
    gateway.rotate()
    assert status(gateway.token(sub="bob")) == 200, "the next key was in the document it has"
    assert gateway.fetches == 1
    for refused in (None, gateway.forged(iss="kong"), gateway.signed({"iss": "kong"})):
        assert status(refused) == 401
    assert status(gateway.signed({"iss": "other", "exp": 4_000_000_000})) == 401
