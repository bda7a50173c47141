"""The examples as they stand, and Django, each under a real server."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from asgi_serving import SERVERS, Running, bearer, serving, talk
from conformance.case import Answer, Provider
from conformance.keys import jwks
from conformance.provider import Providers
from parts import ROOT, require

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = ROOT / "examples" / "asgi"
SERVICES = {  # the framework: where its service stands, and what serves it
    "fastapi": (EXAMPLES, "with_fastapi:app", "uvicorn-httptools"),
    "starlette": (EXAMPLES, "with_starlette:app", "uvicorn-h11"),
    "litestar": (EXAMPLES, "with_litestar:app", "granian"),
    "quart": (EXAMPLES, "with_quart:app", "hypercorn"),
    "django": (Path(__file__).parent, "asgi_django:app", "uvicorn-httptools"),
}


@pytest.fixture(scope="module")
def jwks_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Providers(tmp_path_factory.mktemp("provider")) as providers:
        _, places = providers.open_site(Provider({"/jwks": Answer(jwks("rsa1"))}))
        yield f"{places['$IDP']}/jwks"


@pytest.fixture(scope="module", params=SERVICES)
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    require(find_spec(name), f"{name} is not installed")
    return name


@pytest.fixture(scope="module")
def running(framework: str, jwks_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, target, server = SERVICES[framework]
    log = tmp_path_factory.mktemp("service") / f"{framework}.log"
    environment = {
        "JWT_SIGNER_ACCESS_TOKEN_JWKS_URI": jwks_uri,
        "JWT_SIGNER_KEYSET_STORE": "memory://",
    }
    with serving(SERVERS[server], target, folder, log, **environment) as started:
        yield started


@pytest.fixture
def client(running: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=running.url, trust_env=False, follow_redirects=True) as client:
        yield client


def test_a_view_knows_who_asks(client: httpx2.Client) -> None:
    answer = client.get("/me", headers={**bearer(), "X-Consumer-Id": "evil", "X_Consumer_Id": "evil"})
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert (seen["subject"], seen["signed_by"]) == ("alice", "kong")
    assert seen.get("consumer") is None


def test_nobody_comes_in_without_a_token(client: httpx2.Client) -> None:
    for path in ("/me", "/nowhere"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
        assert answer.headers["www-authenticate"] == 'Bearer realm="127.0.0.1"'
    assert client.get("/health").json() == {"status": "up"}


@pytest.mark.parametrize("framework", sorted(SERVICES.keys() - {"django"}), indirect=True)
def test_websockets(running: Running) -> None:
    url = f"ws://127.0.0.1:{running.port}/feed"
    assert asyncio.run(talk(url, bearer())) == {"subject": "alice"}
    assert asyncio.run(talk(url, {})).status_code in {401, 403}


@pytest.mark.parametrize("framework", ["fastapi", "starlette"], indirect=True)
def test_key_sets_beside_the_service(client: httpx2.Client) -> None:
    answer = client.get("/jwt-signer/jwks/kong")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert all("d" not in key for key in answer.json()["keys"])


@pytest.mark.parametrize("framework", ["fastapi", "starlette"], indirect=True)
def test_scopes_of_a_route(client: httpx2.Client) -> None:
    assert client.get("/orders", headers=bearer(scope="orders:read")).status_code == 200
    refused = client.get("/orders", headers=bearer(scope="orders:write"))
    assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})
    assert 'scope="orders:read"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize("framework", ["starlette"], indirect=True)
def test_a_mounted_part_with_its_own_policy(client: httpx2.Client) -> None:
    assert client.get("/partners/me", headers=bearer()).status_code == 401
    token = bearer()["authorization"].removeprefix("Bearer ")
    assert client.get("/partners/me", headers={"X-Partner-Token": token}).json()["signed_by"] == "partners"
