"""The ASGI adapter under real servers, from real clients: HTTP/1.1, HTTP/2, websockets, streams."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from asgi_serving import SERVERS, Running, bearer, free_port, serving, talk
from conformance.case import Answer, Provider
from conformance.keys import jwks
from conformance.provider import Providers
from parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.certificates import Certificates

TESTS = Path(__file__).parent
TARGET = "asgi_service:app"
OPAQUE = "an-opaque-token-of-alice"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Whom the service trusts: a provider whose introspection takes its time."""
    with Providers(tmp_path_factory.mktemp("provider")) as providers:
        slow = {
            f"{OPAQUE}-{number}": Answer({"active": True, "sub": "alice"}, delay=0.8) for number in range(20)
        }
        _, places = providers.open_site(Provider({"/jwks": Answer(jwks("rsa1"))}, slow))
        yield {
            "JWT_SIGNER_ACCESS_TOKEN_JWKS_URI": f"{places['$IDP']}/jwks",
            "JWT_SIGNER_ACCESS_TOKEN_INTROSPECTION_ENDPOINT": f"{places['$IDP']}/introspect",
        }


@pytest.fixture(scope="module", params=SERVERS)
def running(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    log = tmp_path_factory.mktemp("server") / f"{request.param}.log"
    with serving(SERVERS[request.param], TARGET, TESTS, log, **environment) as started:
        yield started


@pytest.fixture
def client(running: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=running.url, trust_env=False) as client:
        yield client


def test_a_good_token_passes_and_is_signed_anew(client: httpx2.Client) -> None:
    for _ in range(2):
        answer = client.get("/orders", headers=bearer())
        assert answer.status_code == 200
        seen = answer.json()
        assert (seen["subject"], seen["started"]) == ("alice", True)
        (value,) = [value for name, value in seen["headers"] if name == "authorization"]
        assert value != bearer()["authorization"]


def test_a_request_without_a_token_is_refused(client: httpx2.Client) -> None:
    answer = client.get("/orders")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"] == 'Bearer realm="127.0.0.1"'
    assert client.head("/orders").status_code == 401
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("name", ["X-Consumer-Id", "X_Consumer_Id", "X-Consumer_Id", "X.Consumer.Id"])
@pytest.mark.parametrize("path", ["/orders", "/health"])
def test_no_spelling_of_an_identity_header_comes_through(client: httpx2.Client, name: str, path: str) -> None:
    """SPF-01, SPF-04, SPF-08: whatever the server makes of the name."""
    seen = client.get(path, headers={**bearer(), name: "evil"}).json()
    assert "evil" not in {value for _, value in seen["headers"]}


def raw(port: int, request: bytes) -> int:
    """The status of an answer to bytes that no decent client sends."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        line = connection.makefile("rb").readline()
    return int(line.split()[1])


@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: {good}", "Authorization: {good}"],
        ["Authorization: {good}", "authorization: Basic eDp5"],
        ["Authorization: {good},{good}"],
        ["Authorization: Bearer\t{good}"],
        ["Authorization: {good}\r\n folded"],
        ["X_Authorization: {good}"],
        ["Cookie: access_token={good}"],
    ],
)
def test_twisted_token_headers_are_refused(running: Running, lines: list[str]) -> None:
    """HTP-07, HTP-10, HTP-11, HTP-16, HTP-17"""
    good = bearer()["authorization"]
    fields = [line.format(good=good) for line in lines]
    head = "\r\n".join(["GET /orders HTTP/1.1", "Host: x", *fields, "Connection: close", "", ""])
    assert raw(running.port, head.encode()) in {400, 401}


@pytest.mark.parametrize(
    "target", ["//health", "/./health", "/x/../health", "/health%00", "/health%0a", "/health;x", "/health%23"]
)
def test_no_way_of_writing_a_path_opens_another_one(running: Running, target: str) -> None:
    """PTH-01, PTH-06, PTH-07, PTH-13"""
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(running.port, head.encode()) in {400, 401, 404}


def test_events_arrive_one_by_one(client: httpx2.Client) -> None:
    with client.stream("GET", "/stream", headers=bearer()) as answer:
        arrived = [(time.monotonic(), line) for line in answer.iter_lines() if line]
    assert [line for _, line in arrived] == ["data: 0", "data: 1", "data: 2"]
    assert arrived[-1][0] - arrived[0][0] > 0.3  # the first was not held back until the last


def test_large_bodies_reach_the_application(client: httpx2.Client) -> None:
    answer = client.post("/upload", headers=bearer(), content=(b"x" * 65536 for _ in range(32)))
    assert answer.json() == 32 * 65536


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the platform has no /proc")
def test_clients_that_hang_up_leave_no_socket_behind(running: Running) -> None:
    """They leave while the provider thinks: no connection to them or to it stays, and the service goes on."""

    def sockets() -> int:
        headers = {"connection": "close"}  # hypercorn keeps the others for some seconds
        return int(httpx2.get(f"{running.url}/sockets", headers=headers, trust_env=False).text)

    before = sockets()
    for number in range(20):
        head = f"GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPAQUE}-{number}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
            connection.sendall(head.encode())
            time.sleep(0.01)
    deadline = time.monotonic() + 20
    while (now := sockets()) > before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert now <= before
    assert httpx2.get(f"{running.url}/orders", headers=bearer(), trust_env=False).status_code == 200


@pytest.mark.parametrize("running", ["hypercorn", "hypercorn-trio", "granian"], indirect=True)
def test_http_2(running: Running) -> None:
    require(find_spec("h2"), "h2 is not installed")
    transport = httpx2.HTTPTransport(http1=False, http2=True)
    with httpx2.Client(base_url=running.url, transport=transport) as client:
        answer = client.get("/orders", headers={**bearer(), "X-Consumer-Id": "evil"})
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        assert "evil" not in {value for _, value in answer.json()["headers"]}
        refused = client.get("/orders")
        assert refused.headers["www-authenticate"] == 'Bearer realm="127.0.0.1"'


def test_http_3(environment: dict[str, str], certificates: Certificates, tmp_path: Path) -> None:
    require(find_spec("aioquic"), "aioquic is not installed")
    from quic_client import get

    quic, own = free_port(), certificates.server
    options = [f"--quic-bind=127.0.0.1:{quic}", f"--certfile={own.certificate}", f"--keyfile={own.key}"]
    requests = [{**bearer(), "x-consumer-id": "evil"}, {}]
    with serving(SERVERS["hypercorn"], TARGET, TESTS, tmp_path / "http3.log", *options, **environment):
        passed, refused = asyncio.run(get(quic, certificates.authority, "/orders", requests))
    seen = json.loads(passed.body)
    assert (passed.headers[":status"], seen["subject"], seen["version"]) == ("200", "alice", "3")
    assert "evil" not in {value for _, value in seen["headers"]}
    assert refused.headers[":status"] == "401"
    assert refused.headers["www-authenticate"] == 'Bearer realm="localhost"'


# Websockets ---------------------------------------------------------------------------------------


def test_a_websocket_with_a_token(running: Running) -> None:
    require(find_spec("websockets"), "websockets is not installed")
    seen = asyncio.run(talk(f"ws://127.0.0.1:{running.port}/feed", {**bearer(), "X_Consumer_Id": "evil"}))
    assert seen["subject"] == "alice"
    values = [value for name, value in seen["headers"] if name.lower() == "authorization"]
    assert values != [bearer()["authorization"]]
    assert len(values) == 1
    assert "evil" not in {value for _, value in seen["headers"]}


def test_a_websocket_without_a_token(running: Running) -> None:
    """PTH-22: 401 with its challenge where the server can say so, 403 elsewhere."""
    require(find_spec("websockets"), "websockets is not installed")
    refused = asyncio.run(talk(f"ws://127.0.0.1:{running.port}/feed", {}))
    assert refused.status_code in {401, 403}
    if refused.status_code == 401:
        assert refused.headers["www-authenticate"] == 'Bearer realm="127.0.0.1"'
        assert refused.body == b'{"message":"Unauthorized"}'
