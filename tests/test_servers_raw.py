"""Bytes that no decent client sends, against real WSGI and ASGI servers with the middleware in front.

What a server refuses itself is fine. What it hands on must not pass, must not hide a client's copy of a
managed header, and must not end the server.
"""

from __future__ import annotations

import json
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from asgi_serving import SERVERS as ASGI_SERVERS
from asgi_serving import bearer, free_port
from conformance.case import Answer, Provider
from conformance.keys import jwks
from conformance.provider import Providers
from jwt_signer_mw.request.names import fold
from parts import require
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
SCRIPT = f"{sys.executable} {TESTS / 'wsgi_service.py'}"
# By name: the module that has to be there, the command, and what it says when it listens.
WSGI_SERVERS = {
    "wsgiref": ("json", SCRIPT + " wsgiref {port}", "serving"),
    "django": ("django", SCRIPT + " django {port}", "serving"),
    "gunicorn": ("gunicorn", "gunicorn wsgi_service:app --bind=127.0.0.1:{port}", "Booting worker"),
    "gunicorn-threads": (
        "gunicorn",
        "gunicorn wsgi_service:app --bind=127.0.0.1:{port} --worker-class=gthread --threads=4",
        "Booting worker",
    ),
    "waitress": ("waitress", "waitress-serve --listen=127.0.0.1:{port} wsgi_service:app", "Serving on"),
    "granian-wsgi": (
        "granian",
        "granian --interface=wsgi --port={port} wsgi_service:app",
        "Started worker-1",
    ),
}
ALL = {
    **WSGI_SERVERS,
    **{
        name: (one.module, one.command.replace("{target}", "asgi_service:app"), one.ready)
        for name, one in ASGI_SERVERS.items()
    },
}


class Server(NamedTuple):
    name: str
    port: int


class Reply(NamedTuple):
    """Every status on the connection, in order, and everything that came."""

    statuses: list[int]
    data: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the application says it saw."""
        found: dict[str, Any]
        found, _ = json.JSONDecoder().raw_decode(self.data[self.data.index(b'{"') :].decode("latin-1"))
        return found


@pytest.fixture(scope="module")
def jwks_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Providers(tmp_path_factory.mktemp("provider")) as providers:
        _, places = providers.open_site(Provider({"/jwks": Answer(jwks("rsa1"))}))
        yield f"{places['$IDP']}/jwks"


@pytest.fixture(scope="module", params=ALL)
def server(
    request: pytest.FixtureRequest, jwks_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    module, command, ready = ALL[request.param]
    require(find_spec(module), f"{module} is not installed")
    port = free_port()
    program, *options = command.format(port=port).split()
    if not program.startswith("/"):
        program = str(Path(sys.executable).with_name(program))
    log = tmp_path_factory.mktemp("raw") / f"{request.param}.log"
    environment = {"JWT_SIGNER_ACCESS_TOKEN_JWKS_URI": jwks_uri, "PYTHONPATH": str(TESTS)}
    process = ServerProcess([program, *options], log, environment=environment, folder=TESTS)
    try:
        process.wait_for(ready)
        yield Server(request.param, port)
    finally:
        process.stop()


def talk(server: Server, data: bytes, seconds: float = 3.0) -> Reply:
    """Sends the bytes as they are; reads until the server closes, or has nothing to say for a while."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                received += chunk
        except OSError:
            pass
    lines = received.split(b"HTTP/1.")[1:]
    statuses = [int(line[2:5]) for line in lines if line[2:5].isdigit()]
    return Reply([status for status in statuses if status != 100], received)


def request(*lines: str, path: str = "/orders", method: str = "GET", close: bool = True) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: x", *lines, *(["Connection: close"] if close else [])]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


def good() -> str:
    return f"Authorization: {bearer()['authorization']}"


def passes(server: Server) -> None:
    """The server lives, and a good token is accepted."""
    assert talk(server, request(good())).statuses == [200]


def managed(reply: Reply) -> list[tuple[str, str]]:
    """What the application saw under names that are ours, folded as some language might."""
    return [
        (fold(name), value)
        for name, value in reply.seen["headers"]
        if fold(name).startswith(("x-consumer-", "x-credential-", "x-anonymous-", "authorization"))
    ]


NAMES = [
    "X-Consumer-Id",
    "x-consumer-id",
    "X_Consumer_Id",
    "X-Consumer_Id",
    "X.Consumer.Id",
    "x.consumer_username",
]


@pytest.mark.rule("S19")
@pytest.mark.attack("SPF-08", "SPF-10")
@pytest.mark.parametrize("path", ["/orders", "/health"])
def test_no_spelling_of_an_identity_header_comes_through(server: Server, path: str) -> None:
    for name in NAMES:
        lines = [good(), f"{name}: evil", f"{name.lower()}: evil2", f"{name.upper()}: evil3"]
        reply = talk(server, request(*lines, path=path))
        assert reply.statuses in ([200], [400])
        if reply.statuses == [200]:
            assert "evil" not in repr(managed(reply))
            names = [found for found, _ in managed(reply)]
            assert names == (["authorization"] if path == "/orders" else [])


TOKEN_LINES = {
    "twice": ["{good}", "{good}"],
    "twice, Basic first": ["Authorization: Basic eDp5", "{good}"],
    "twice in other cases": ["{good}", "authorization: Basic eDp5"],
    "comma": ["{good},{bare}"],
    "comma and Basic": ["{good}, Basic eDp5"],
    "folded": ["{good}\r\n folded"],
    "tab": ["Authorization: Bearer\t{bare}"],
    "NUL": ["{good}\0"],
    "latin": ["{good}\xe9\xff"],
    "latin alone": ["Authorization: \xe9\xff"],
    "alias": ["Authorization_: Bearer {bare}"],
    "another": ["X_Authorization: Bearer {bare}"],
    "HTTP prefix": ["HTTP_AUTHORIZATION: Bearer {bare}"],
    "blank before the colon": ["Authorization : Bearer {bare}"],
    "cookie": ["Cookie: access_token={bare}"],
    "empty": ["Authorization:"],
    "none": [],
    "huge": ["Authorization: Bearer " + "a" * 100_000],
    "bare CR": ["X: a\rX_Authorization: Bearer {bare}"],
}


@pytest.mark.rule("S1", "S18", "S22")
@pytest.mark.attack("HTP-10", "HTP-11", "HTP-13", "HTP-17")
def test_twisted_token_headers_never_pass(server: Server) -> None:
    for lines in TOKEN_LINES.values():
        line = good()
        bare = line.rpartition(" ")[2]
        reply = talk(server, request(*(one.format(good=line, bare=bare) for one in lines)))
        assert not set(reply.statuses) - {400, 401, 413, 431}, lines
        assert 401 not in reply.statuses or bare.encode() not in reply.data
    passes(server)


PATHS = [
    "//health",
    "/./health",
    "/x/../health",
    "/health/../orders",
    "/health%00",
    "/health%0a",
    "/health%0d%0a",
    "/health;x",
    "/health%23",
    "/health%3f",
    "/%2e/health",
    "/public/../orders",
    "/public/%2e%2e/orders",
    "/public%2f..%2forders",
    "/public/..%5corders",
    "/public/%252e%252e/orders",
    "/public//orders",
    "/HEALTH",
    "/health.json",
    "/healthz",
    "/health/",
    "/public",
    "/health%20",
    "http://x/health",
    "http://x/orders",
    "http://health//orders",
    "/orders#/health",
    "/orders?/health",
    "*",
    "/public/a\\..\\..\\orders",
    "/public/%ff",
]


@pytest.mark.rule("S21")
@pytest.mark.attack("PTH-01", "PTH-03", "PTH-10", "PTH-15")
def test_no_way_of_writing_a_path_opens_another_one(server: Server) -> None:
    """Some servers join slashes or take an absolute form apart: the application sees that path, too."""
    for path in PATHS:
        for method in ("GET", "get", "OPTIONS"):
            hints = ["X-Original-URL: /health", "X-Forwarded-Uri: /health", "X-Forwarded-Prefix: /health"]
            reply = talk(server, request(*hints, path=path, method=method), seconds=2.0)
            if 200 in reply.statuses:
                assert reply.seen["path"] == "/health", path
            assert not set(reply.statuses) - {200, 301, 400, 401, 404, 405, 501}, (path, reply.statuses)
    assert talk(server, request(path="/health")).statuses == [200]
    passes(server)


SMUGGLED = "GET /orders HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n"
TWO_LENGTHS = {
    "CL and TE": ["Content-Length: {n}", "Transfer-Encoding: chunked"],
    "TE in disguise": ["Content-Length: {n}", "Transfer-Encoding : chunked"],
    "TE xchunked": ["Content-Length: {n}", "Transfer-Encoding: xchunked"],
    "TE twice": ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 0", "Content-Length: {n}"],
    "a signed length": ["Content-Length: +{n}"],
}


@pytest.mark.rule("S22")
@pytest.mark.advisory("CVE-2024-1135", "CVE-2024-6827")
def test_a_smuggled_request_has_no_token_either(server: Server) -> None:
    """Whatever two parties make of the lengths: each request is checked for itself."""
    for lines in TWO_LENGTHS.values():
        body = "0\r\n\r\n" + SMUGGLED
        head = request(good(), *(line.format(n=len(body)) for line in lines), method="POST", close=False)
        reply = talk(server, head + body.encode(), seconds=0.7)
        assert reply.statuses.count(200) <= 1, lines
        assert not set(reply.statuses) - {200, 400, 401, 405, 411, 413, 501}, (lines, reply.statuses)
        assert b"X-Smuggled" not in reply.data
        assert b"X_SMUGGLED" not in reply.data
    passes(server)


@pytest.mark.rule("S22", "S27")
@pytest.mark.advisory("CVE-2024-49768", "CVE-2024-49769")
def test_requests_of_one_connection_are_checked_one_by_one(server: Server) -> None:
    mixed = [
        request(good(), close=False),
        request(close=False),
        request("Authorization: Bearer bad", close=False),
    ]
    reply = talk(server, b"".join([*mixed, request(good())]), seconds=2.0)
    wanted = [200, 401, 401, 200]
    assert reply.statuses == wanted[: len(reply.statuses)]
    assert reply.statuses


@pytest.mark.rule("S2", "S33")
@pytest.mark.attack("HTP-22", "DOS-07")
def test_large_and_slow_heads(server: Server) -> None:
    many = [f"X-{n}: {'x' * 100}" for n in range(500)]
    assert set(talk(server, request(good(), *many)).statuses) <= {200, 400, 413, 431}
    assert set(talk(server, request(good(), "X: " + "y" * 1_000_000)).statuses) <= {200, 400, 413, 431, 500}
    expecting = request(
        "Authorization: Bearer bad", "Expect: 100-continue", "Content-Length: 10", method="POST"
    )
    assert set(talk(server, expecting, seconds=1.0).statuses) <= {401, 417}
    for part in (b"GET", b"GET /orders HTTP/1.1\r\nAuth", b"\0" * 100, b"\x16\x03\x01", b"\r\n\r\n"):
        reply = talk(server, part, seconds=0.3)
        assert 200 not in reply.statuses
    passes(server)
