"""Both transports, against real sockets that misbehave in every way they must withstand."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import pytest

from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange
from transports import AsyncFromHere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transports import Closing


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.seen.append((self.command, self.path, dict(self.headers), body))
        status, headers, answer = ANSWERS.get(self.path, (200, {}, b"hello"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815  the names are the library's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
        pass


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/302": (302, {"Location": "/elsewhere"}, b""),
    "/500": (500, {}, b"broken"),
    "/cookie": (200, {"Set-Cookie": "a=b"}, b"ok"),
    "/gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1000)),
    "/bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 50_000_000)),
    "/large": (200, {}, b"x" * 5000),
}


@pytest.fixture
def seen() -> list[tuple[str, str, dict[str, str], bytes]]:
    return []


@pytest.fixture
def server(seen: list[tuple[str, str, dict[str, str], bytes]]) -> Iterator[str]:
    handler = type("Handler", (Recorder,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture(params=[RequestsTransport, AsyncFromHere], ids=["blocking", "asynchronous"])
def transport(request: pytest.FixtureRequest) -> Iterator[Closing]:
    transport = request.param()
    yield transport
    transport.close()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that accepts one connection and does with it what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                with suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_a_reply_has_status_headers_and_body(transport: Closing, server: str) -> None:
    reply = transport.send(Exchange(server + "/"))
    assert (reply.status, reply.body) == (200, b"hello")
    assert reply.headers["content-length"] == "5"


def test_a_post_sends_its_body_headers_and_credentials(
    transport: Closing, server: str, seen: list[tuple[str, str, dict[str, str], bytes]]
) -> None:
    transport.send(Exchange(server + "/p", "POST", (("Accept", "a/b"),), b"token=x", basic=("Jörg", "p:w")))
    method, path, headers, body = seen[0]
    assert (method, path, body) == ("POST", "/p", b"token=x")
    assert headers["Accept"] == "a/b"
    assert headers["Authorization"] == "Basic SsO2cmc6cDp3"


@pytest.mark.parametrize("path", ["/302", "/500"])
def test_other_statuses_are_replies_and_redirects_are_not_followed(
    transport: Closing, server: str, path: str, seen: list[tuple[str, str, dict[str, str], bytes]]
) -> None:
    """NET-01, NET-02, NET-04"""
    assert transport.send(Exchange(server + path)).status == int(path[1:])
    assert [entry[1] for entry in seen] == [path]


def test_cookies_are_not_sent_back(
    transport: Closing, server: str, seen: list[tuple[str, str, dict[str, str], bytes]]
) -> None:
    """NET-25"""
    transport.send(Exchange(server + "/cookie"))
    transport.send(Exchange(server + "/cookie"))
    assert "Cookie" not in seen[1][2]


def test_proxies_and_passwords_of_the_environment_are_ignored(
    transport: Closing, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NET-16"""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert transport.send(Exchange(server + "/")).status == 200


def test_the_cap_counts_after_decompression(transport: Closing, server: str) -> None:
    """NET-07, NET-08"""
    assert transport.send(Exchange(server + "/gzip", max_bytes=1000)).body == b"x" * 1000
    for path in ("/gzip", "/large", "/bomb"):
        start = time.process_time()
        with pytest.raises(TransportError, match="more than 999 bytes"):
            transport.send(Exchange(server + path, max_bytes=999))
        assert time.process_time() - start < 1


def test_one_connection_serves_many_exchanges(transport: Closing, server: str) -> None:
    with ThreadCounter() as counter:
        for _ in range(5):
            transport.send(Exchange(server + "/"))
    assert counter.started <= 1


class ThreadCounter:
    """The test server starts one thread per connection."""

    def __enter__(self) -> Self:
        self._before = threading.active_count()
        return self

    def __exit__(self, *_: object) -> None:
        self.started = threading.active_count() - self._before


def test_nobody_listening(transport: Closing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransportError, match=r"Connect(ion)?Error") as caught:
        transport.send(Exchange(f"http://127.0.0.1:{port}/keys?secret=1"))
    assert "secret" not in caught.value.detail


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X")
        time.sleep(0.05)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def say_nothing(connection: socket.socket) -> None:
    time.sleep(2)


@pytest.mark.parametrize("talk", [drip_headers, drip_body, say_nothing])
def test_the_time_limit_is_for_the_whole_exchange(
    transport: Closing, talk: Callable[[socket.socket], None]
) -> None:
    with raw_server(talk) as url:
        start = time.monotonic()
        with pytest.raises(TransportError):
            transport.send(Exchange(url, timeout=0.4))
        assert time.monotonic() - start < 0.9


def test_a_truncated_body_is_an_error(transport: Closing) -> None:
    def truncate(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")

    with raw_server(truncate) as url, pytest.raises(TransportError):
        transport.send(Exchange(url))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_worker_opens_its_own_connections(server: str) -> None:
    transport = RequestsTransport()
    transport.send(Exchange(server + "/"))
    session = transport._open()
    child = os.fork()
    if child == 0:  # pragma: no cover  the child's coverage is not collected
        os._exit(0 if transport._open() is not session else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert transport._open() is session
    transport.close()
