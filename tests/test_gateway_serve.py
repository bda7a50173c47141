"""`jwt-signer serve` as a process: scenarios, smuggling, streams, reloads, health and its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import pytest

from gatewaying import (
    ADMIN_TOKEN,
    Published,
    Running,
    ask,
    bearer,
    echo,
    play_scenarios,
    providers,
    running,
    scenarios,
    smuggle,
)
from jwt_signer_mw.gateway.writing import write_toml
from jwt_signer_mw.messages import claims_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.demo.stage import Providers

OPEN = {
    "channel_token_optional": True,
    "verify_access_token_signature": False,
    "verify_access_token_expiry": False,
    "access_token_signing_algorithm": "ES256",
}


@pytest.fixture(scope="module")
def known() -> Iterator[Providers]:
    with providers() as opened:
        yield opened


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with echo() as origin:
        yield origin


@pytest.fixture(scope="module")
def gateway(known: Providers, service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    content = {**scenarios(known), "gateway": {"upstream": service}}
    with running(tmp_path_factory.mktemp("gateway"), content) as opened:
        yield opened


def test_the_five_scenarios(gateway: Running, known: Providers) -> None:
    play_scenarios(gateway.origin, gateway.origin, known)


def test_nothing_is_smuggled_in(gateway: Running, known: Providers) -> None:
    smuggle(gateway.origin, known)


@pytest.mark.parametrize(
    "path", ["/open/../jwt/orders", "/open/%2e%2e/jwt", "//jwt/orders", "/open;x/../jwt"]
)
def test_no_way_around_a_policy(path: str, gateway: Running) -> None:
    assert ask(gateway.origin, path).status == 400


def test_no_route(gateway: Running) -> None:
    assert ask(gateway.origin, "/nowhere").status == 404


def test_bodies_and_answers_pass_as_they_are(gateway: Running, known: Providers) -> None:
    headers = {
        **bearer(known.access.mint()),
        "X-Forwarded-For": "192.0.2.7",
        "Connection": "X-Gone",
        "X-Gone": "1",
    }
    answer = ask(gateway.origin, "/jwt/a%2Fb?q=%20x", headers, method="POST", body=b"a body")
    assert (answer.seen["method"], answer.seen["body"]) == ("POST", "a body")
    assert answer.seen["target"] == "/jwt/a%2Fb?q=%20x"
    assert answer.sent("X-Forwarded-For") == ["127.0.0.1"]
    assert "x-gone" not in answer.names
    assert answer.headers["x-service"] == "echo"
    head = ask(gateway.origin, "/jwt/a", bearer(known.access.mint()), method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 100


def test_a_new_token_is_for_the_request_that_the_service_sees(
    tmp_path: Path, known: Providers, service: str
) -> None:
    parts = ["method", "path", "query", "body"]
    content = {
        "channel_token_optional": True,
        "access_token_jwks_uri": known.access.jwks_uri,
        "access_token_signing_algorithm": "ES256",
        "access_token_upstream_request": parts,
        "max_bound_body_bytes": 1000,
        "gateway": {"upstream": f"{service}/base"},
        "routes": [{"path": "/shop/*", "strip_path": True}],
    }
    with running(tmp_path, content) as gateway:
        headers = bearer(known.access.mint())
        answer = ask(gateway.origin, "/shop/caf%C3%A9?q=%20x", headers, method="POST", body=b"a body" * 100)
        assert (answer.seen["target"], answer.seen["body"]) == ("/base/caf%C3%A9?q=%20x", "a body" * 100)
        (value,) = answer.sent("Authorization")
        said = claims_in(value)["request"]
        digest = b64encode(sha256(b"a body" * 100).digest()).decode()
        assert said == {
            "method": "POST",
            "path": "/base/café",
            "query": "q=%20x",
            "content-digest": f"sha-256=:{digest}:",
        }
        assert ask(gateway.origin, "/shop/", headers, method="POST", body=b"x" * 1001).status == 413
        assert ask(gateway.origin, "/shop/", headers).status == 200


def test_chunked_bodies_are_streamed(gateway: Running, known: Providers) -> None:
    host, port = gateway.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = f"POST /jwt/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {known.access.mint()}\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        client.sendall(b"5\r\nhello\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'["transfer-encoding", "chunked"]' in answer


def test_health_and_readiness(gateway: Running, known: Providers) -> None:
    assert ask(gateway.origin, "/jwt-signer/health").status == 200
    ask(gateway.origin, "/jwt/orders", bearer(known.access.mint()))
    ready = ask(gateway.origin, "/jwt-signer/ready")
    state = json.loads(ready.body)
    assert (ready.status, state["ready"]) == (200, True)
    ours, theirs = state["keysets"]["jwt"]
    assert (ours["name"], ours["state"]) == ("kong", "ready")
    assert (theirs["name"], theirs["state"]) == (known.access.jwks_uri, "ready")
    assert state["providers"][known.access.jwks_uri]["state"] == "answering"


def test_key_set_endpoints(gateway: Running) -> None:
    admin = bearer(ADMIN_TOKEN)
    listed = json.loads(ask(gateway.origin, "/jwt-signer/jwks", admin).body)
    assert [one["name"] for one in listed["data"]].count("kong") == 1
    assert ask(gateway.origin, "/jwt-signer/jwks").status == 401
    why = json.dumps({"headers": {}}).encode()
    told = json.loads(ask(gateway.origin, "/jwt-signer/explain", admin, method="POST", body=why).body)
    assert told["outcome"] == "refused"


def test_access_log(gateway: Running) -> None:
    ask(gateway.origin, "/jwt/logged?secret=1", {"Authorization": "Bearer a.b.c"})
    line = json.loads(gateway.process.wait_for(r"^\{.*/jwt/logged.*$")[0])
    assert (line["path"], line["status"], line["policy"]) == ("/jwt/logged", 401, "jwt")
    assert line["reason"] == "introspection_endpoint_missing"
    assert "secret" not in str(line)


# The service behind


def test_a_service_that_is_down(tmp_path: Path, known: Providers) -> None:
    with running(tmp_path, {**OPEN, "gateway": {"upstream": "http://127.0.0.1:9"}}) as gateway:
        assert ask(gateway.origin, "/", bearer(known.access.mint())).status == 502


def test_a_service_that_is_slow(tmp_path: Path, known: Providers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = f"http://127.0.0.1:{silent.getsockname()[1]}"
        content = {**OPEN, "gateway": {"upstream": upstream, "upstream_timeout": 0.3}}
        with running(tmp_path, content) as gateway:
            assert ask(gateway.origin, "/", bearer(known.access.mint())).status == 504


def test_answers_are_streamed(tmp_path: Path, known: Providers) -> None:
    """The first event is here before the second is made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        content = {**OPEN, "gateway": {"upstream": f"http://127.0.0.1:{listener.getsockname()[1]}"}}
        with running(tmp_path, content) as gateway:
            host, port = gateway.origin.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=10) as client:
                request = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {known.access.mint()}\r\n\r\n"
                client.sendall(request.encode())
                service, _ = listener.accept()
                with service:
                    service.recv(65536)
                    service.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                    received = b""
                    while b"first" not in received:
                        received += client.recv(65536)
                    client.close()
                    service.settimeout(10)
                    assert service.recv(1) == b"", "nobody reads any more, so the service is told"


def test_websockets(tmp_path: Path, known: Providers) -> None:
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import InvalidStatus

    async def repeat(connection: ServerConnection) -> None:
        headers = connection.request.headers if connection.request else {}
        await connection.send(json.dumps(dict(headers.items())))
        async for message in connection:
            await connection.send(message)

    async def talk(origin: str) -> list[Any]:
        url = origin.replace("http", "ws") + "/chat?room=1"
        with pytest.raises(InvalidStatus):
            async with connect(url, proxy=None):
                pass
        headers = {**bearer(known.access.mint()), "X-Consumer-ID": "smuggled"}
        async with connect(url, additional_headers=headers, proxy=None) as client:
            seen = json.loads(await client.recv())
            await client.send("text")
            await client.send(b"bytes")
            return [seen, await client.recv(), await client.recv()]

    async def run() -> list[Any]:
        async with serve(repeat, "127.0.0.1", 0) as service:
            port = next(iter(service.sockets)).getsockname()[1]
            content = {**OPEN, "gateway": {"upstream": f"http://127.0.0.1:{port}"}}
            with running(tmp_path, content) as gateway:
                return await talk(gateway.origin)

    seen, text, data = asyncio.run(run())
    assert (text, data) == ("text", b"bytes")
    assert "smuggled" not in str(seen)
    assert seen["authorization"].startswith("Bearer ")


# Reloads and the end


class Crowd:
    """Clients that ask all the time, each on a connection of its own per request."""

    def __init__(self, origin: str, headers: dict[str, str], clients: int = 4) -> None:
        self.statuses: list[int] = []
        self._stop = threading.Event()
        self._origin, self._headers = origin, headers
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.statuses.append(ask(self._origin, "/", self._headers).status)
            except OSError:
                self.statuses.append(0)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_reload_under_load_loses_no_request(tmp_path: Path, known: Providers, service: str) -> None:
    content = {**OPEN, "access_token_issuer": "first", "gateway": {"upstream": service, "access_log": False}}
    headers = bearer(known.access.mint())

    def issuer(gateway: Running) -> Any:
        return Published(gateway.origin).claims(*ask(gateway.origin, "/", headers).sent("Authorization"))[
            "iss"
        ]

    with running(tmp_path, content) as gateway, Crowd(gateway.origin, headers) as crowd:
        for name in ("second", "third"):
            gateway.file.write_text(write_toml({**content, "access_token_issuer": name}))
            gateway.process.signal(signal.SIGHUP)
            gateway.process.wait_for("is taken over")
            wait_until(lambda name=name: issuer(gateway) == name)
        gateway.file.write_text("access_token_leeway = 'soon'\n")
        gateway.process.wait_for("the old rules stay: access_token_leeway")
        state = json.loads(ask(gateway.origin, "/jwt-signer/ready").body)
        assert "access_token_leeway" in state["reload_refused"][0]
        assert issuer(gateway) == "third"
        time.sleep(0.2)
    assert len(crowd.statuses) > 20
    assert set(crowd.statuses) == {200}


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_end_waits_for_requests(tmp_path: Path, known: Providers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        content = {**OPEN, "gateway": {"upstream": f"http://127.0.0.1:{listener.getsockname()[1]}"}}
        with running(tmp_path, content) as gateway:
            answers: list[int] = []
            headers = bearer(known.access.mint())
            client = threading.Thread(target=lambda: answers.append(ask(gateway.origin, "/", headers).status))
            client.start()
            service, _ = listener.accept()
            service.recv(65536)
            gateway.process.signal(signal.SIGTERM)
            time.sleep(0.3)
            service.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            client.join()
            service.close()
            assert answers == [200]
            assert gateway.process._child.wait(10) == 0


def test_workers(tmp_path: Path, known: Providers, service: str) -> None:
    content = {**OPEN, "gateway": {"upstream": service}}
    with running(tmp_path, content, "--workers", "2") as gateway:
        wait_until(lambda: ask(gateway.origin, "/", bearer(known.access.mint())).status == 200)
        gateway.process.signal(signal.SIGTERM)
        assert gateway.process._child.wait(15) == 0


# What can't be served


@pytest.mark.parametrize(
    "content, arguments, complaint",
    [
        (OPEN, [], "routes[0].upstream is needed"),
        (OPEN, ["--upstream", "ftp://a"], "starts with http"),
        ({**OPEN, "access_token_leeway": "soon"}, [], "access_token_leeway"),
        ({**OPEN, "routes": [{"path": "/a/*"}]}, ["--forward-auth"], "can't be told apart without a style"),
        ({**OPEN, "exempt_paths": ["/a"]}, ["--forward-auth"], "exempt_paths can't be known"),
        (
            {**OPEN, "access_token_claim_templates": {"at": "{request.path}"}},
            ["--forward-auth"],
            "access_token_claim_templates can't be known",
        ),
    ],
)
def test_what_can_not_be_served(
    content: dict[str, Any], arguments: list[str], complaint: str, tmp_path: Path, capsys: Any
) -> None:
    from jwt_signer_mw.command import main

    file = tmp_path / "gateway.toml"
    file.write_text(write_toml(content))
    assert main(["serve", str(file), *arguments]) in (1, 2)
    assert complaint in capsys.readouterr().err


ENDED_AT_ONCE = """
import os, signal, sys
from jwt_signer_mw.gateway.file import GatewayFile
from jwt_signer_mw.gateway.server import bind, serve

file = GatewayFile(sys.argv[1], False, {})
configuration = file.load()
with bind(configuration.gateway.listen) as listener:
    serve(file, configuration, listener, lambda: os.kill(os.getpid(), signal.SIGTERM))
"""


def test_a_signal_as_soon_as_it_listens_ends_it(tmp_path: Path) -> None:
    """Before uvicorn has handlers of its own."""
    config = tmp_path / "gateway.json"
    gateway = {"upstream": "http://127.0.0.1:9", "listen": "127.0.0.1:0"}
    config.write_text(json.dumps({"gateway": gateway, "policies": {"default": OPEN}}))
    ran = subprocess.run(
        [sys.executable, "-c", ENDED_AT_ONCE, str(config)],
        env={**os.environ, "JWT_SIGNER_KEYSET_STORE": "memory://"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr
