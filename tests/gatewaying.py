"""A gateway of its own process, with real providers and a service behind; and what every gateway must do.

The five scenarios, as five policies chosen by the first segment of the path, and attempts to smuggle headers
in. The same attempts go through `jwt-signer serve` and through every proxy that asks it.
"""

# ruff: noqa: E402
from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from parts import require_module

require_module("uvicorn", "httpx2", "werkzeug", "jwt")  # before what needs them

import jwt

from jwt_signer_mw.demo.provider import IdentityProvider
from jwt_signer_mw.demo.scenarios import CHANNEL_CLIENT, CHANNEL_UPSTREAM, SCENARIOS, drinking
from jwt_signer_mw.demo.stage import Providers
from jwt_signer_mw.gateway.writing import write_toml
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ADMIN_TOKEN = "an-admin-token-of-more-than-32-characters"
SECONDS = 15.0
READY = r"listens on (http://\S+|unix:\S+)"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the service behind saw."""
        seen: dict[str, Any] = json.loads(self.body)
        return seen

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.seen["headers"]}

    def sent(self, header: str) -> list[str]:
        """The values of a header that reached the service."""
        return [value for name, value in self.seen["headers"] if name.lower() == header.lower()]


def ask(
    origin: str,
    path: str = "/",
    headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
    *,
    method: str = "GET",
    body: bytes = b"",
) -> Answer:
    """One request; names and targets go over the wire as they are."""
    parts = urlsplit(origin)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        pairs = list(headers) if isinstance(headers, list | tuple) else list(headers.items())
        for name, value in pairs:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = {
            "method": self.command,
            "target": self.path,
            "headers": self.headers.items(),
            "body": body.decode(),
        }
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Service", "echo")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  as the library spells them

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Quiet."""


@contextmanager
def echo() -> Iterator[str]:
    """The service behind: it answers with what it saw."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Running(NamedTuple):
    """A gateway that runs. `origin` is where it listens."""

    process: ServerProcess
    origin: str
    file: Path


@contextmanager
def running(
    folder: Path, content: Mapping[str, Any], *arguments: str, **environment: str
) -> Iterator[Running]:
    """`jwt-signer serve` with this gateway file, on a free port."""
    file = folder / "gateway.toml"
    file.write_text(write_toml(content))
    command = [
        sys.executable,
        "-m",
        "jwt_signer_mw",
        "serve",
        str(file),
        "--listen",
        "127.0.0.1:0",
        *arguments,
    ]
    store = f"sqlite:///{folder / 'keysets.sqlite3'}"
    process = ServerProcess(
        command, folder / "gateway.log", environment={"JWT_SIGNER_KEYSET_STORE": store, **environment}
    )
    try:
        origin = process.wait_for(READY)[1]
        yield Running(process, origin, file)
    finally:
        process.stop()


@contextmanager
def providers() -> Iterator[Providers]:
    with IdentityProvider("access").served() as access, IdentityProvider("channel").served() as channel:
        yield Providers(access, channel)


def scenarios(known: Providers) -> dict[str, Any]:
    """A gateway file with one policy per scenario: the first segment of the path chooses it."""
    policies = {one.name: dict(one.settings(known)) for one in SCENARIOS}
    routes: list[dict[str, Any]] = [{"path": f"/{name}/*", "policy": name} for name in policies]
    routes.append({"path": "/open/*", "exempt": True})
    shared = {
        "admin_token": ADMIN_TOKEN,
        "jwks_reload_interval": 1,
        "access_token_signing_algorithm": "ES256",
    }
    return {**shared, "policies": {"default": {}, **policies}, "routes": routes}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Published:
    """The public keys of the gateway, with which services behind verify."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway

    def claims(self, value: str) -> dict[str, Any]:
        """Of a header with a token that our published set verifies."""
        token = value.removeprefix("Bearer ")
        document = json.loads(ask(self._gateway, "/jwt-signer/jwks/kong").body)
        kid = jwt.get_unverified_header(token)["kid"]
        (key,) = [jwt.PyJWK(one) for one in document["keys"] if one["kid"] == kid]
        options: Any = {"verify_aud": False}
        claims: dict[str, Any] = jwt.decode(token, key, ["ES256", "RS256"], options=options)
        return claims


def play_scenarios(front: str, gateway: str, known: Providers) -> None:
    """All five, with their refusals, through `front`; keys are published by `gateway`."""
    published, access, channel = Published(gateway), known.access, known.channel
    for play in (_play_jwt, _play_opaque, _play_two, _play_resign, _play_claim):
        play(front, published, access, channel)


def _status(front: str, path: str, headers: Mapping[str, str]) -> int:
    answer = ask(front, path, headers)
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer realm="), answer
    return answer.status


def _play_jwt(front: str, published: Published, access: IdentityProvider, _channel: IdentityProvider) -> None:
    answer = ask(front, "/jwt/orders?a=1", bearer(access.mint()))
    assert answer.status == 200, answer
    assert answer.seen["target"] == "/jwt/orders?a=1"
    claims = published.claims(*answer.sent("Authorization"))
    assert (claims["iss"], claims["original_iss"], claims["sub"]) == ("kong", access.origin, "alice")
    assert _status(front, "/jwt/orders", {}) == 401
    assert _status(front, "/jwt/orders", bearer(access.forge())) == 401
    assert _status(front, "/jwt/orders", bearer(access.unsigned())) == 401
    assert _status(front, "/jwt/orders", bearer(access.mint(exp=1))) == 401


def _play_opaque(
    front: str, published: Published, access: IdentityProvider, _channel: IdentityProvider
) -> None:
    answer = ask(front, "/opaque/orders", bearer(access.issue(scope="read")))
    assert answer.status == 200, answer
    claims = published.claims(*answer.sent("Authorization"))
    assert (claims["active"], claims["scope"], claims["iss"]) == (True, "read", "kong")
    assert _status(front, "/opaque/orders", bearer("made-up-by-somebody")) == 401


def _play_two(front: str, published: Published, access: IdentityProvider, channel: IdentityProvider) -> None:
    opaque, jwt_ = bearer(access.issue()), {CHANNEL_CLIENT: channel.mint(sub="branch")}
    answer = ask(front, "/two-tokens/orders", {**opaque, **jwt_})
    assert answer.status == 200, answer
    assert published.claims(*answer.sent("Authorization"))["original_iss"] == access.origin
    assert published.claims(*answer.sent(CHANNEL_UPSTREAM))["sub"] == "branch"
    assert CHANNEL_CLIENT.lower() not in answer.names
    assert [_status(front, "/two-tokens/orders", one) for one in (opaque, jwt_)] == [401, 401]


def _play_resign(
    front: str, published: Published, access: IdentityProvider, _channel: IdentityProvider
) -> None:
    answer = ask(front, "/resign-only/orders", bearer(access.forge(sub="mallory")))
    assert published.claims(*answer.sent("Authorization"))["sub"] == "mallory"


def _play_claim(
    front: str, published: Published, access: IdentityProvider, _channel: IdentityProvider
) -> None:
    coffee = ask(front, "/claim/orders", bearer(access.mint(**drinking("coffee"))))
    assert "employee" in published.claims(*coffee.sent("Authorization"))
    assert _status(front, "/claim/orders", bearer(access.mint(**drinking("tea")))) == 403


MANAGED = (
    *("X-Consumer-ID", "X-Consumer-Username", "X-Consumer-Custom-ID", "X-Credential-Identifier"),
    *("X-Anonymous-Consumer", CHANNEL_UPSTREAM),
)


def spellings(name: str) -> list[str]:
    return [name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", "_", 1)]


def smuggle(front: str, known: Providers, *, more: tuple[str, ...] = ()) -> None:
    """No client's copy of a header that a policy writes reaches the service, on any path, in any spelling."""
    forged = "smuggled"
    for path, headers in (("/jwt/orders", bearer(known.access.mint())), ("/open/orders", {})):
        for name in (*MANAGED, *more):
            pairs = [*headers.items(), *((spelt, forged) for spelt in spellings(name))]
            answer = ask(front, path, pairs)
            assert answer.status == 200, (name, answer)
            assert forged not in answer.body.decode(), (name, answer.seen)
    for name in ("Authorization", CHANNEL_UPSTREAM):  # a client must not take away what is written, either
        tokens = {**bearer(known.access.issue()), CHANNEL_CLIENT: known.channel.mint()}
        answer = ask(front, "/two-tokens/orders", {**tokens, "Connection": f"keep-alive, {name}"})
        assert answer.status in (400, 401) or answer.sent(name), (name, answer)
    exempt = ask(front, "/open/orders", bearer("somebody-elses"))
    assert "authorization" not in exempt.names, exempt.seen
