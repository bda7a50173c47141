"""A small identity provider on loopback, over http and https: it serves what a case says and counts.

Every case gets a path prefix of its own, so that a request that comes late from another case counts nowhere.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from conformance.case import Answer
from conformance.keys import Pem, private_key
from conformance.tokens import render_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from cryptography.hazmat.primitives.asymmetric import ec

    from conformance.case import Provider, Route

INTROSPECT: Final = "/introspect"
CLIENT_NAME: Final = "gateway"  # common name of the client certificate in `$DIR`
AUDIENCE: Final = "https://issuer.example/introspect"  # that an assertion has to name
_SERVER_KEY, _CLIENT_KEY = "p256-server", "p256-client"
_INACTIVE: Final = Answer({"active": False})


class Call(NamedTuple):
    """One request that came in: header names in lower case, the form in the order it was sent."""

    method: str
    headers: dict[str, str]
    form: tuple[tuple[str, str], ...]


class Site:
    """The provider of one case."""

    def __init__(self, provider: Provider) -> None:
        self.lock = threading.Lock()
        self.origin = ""  # the `$IDP` of its case
        self.calls: dict[str, list[Call]] = {}
        self._routes: dict[str, Route] = {}
        self._tokens: dict[str, Route] = {}
        self._given: Counter[tuple[str, str]] = Counter()
        self.provide(provider)

    def provide(self, provider: Provider) -> None:
        with self.lock:
            tokens = {str(token): route for token, route in provider.tokens.items()}
            self._routes |= provider.routes
            self._tokens |= tokens
            for key in [
                *(("route", path) for path in provider.routes),
                *(("token", text) for text in tokens),
            ]:
                del self._given[key]

    def counts(self) -> dict[str, int]:
        with self.lock:
            return {path: len(calls) for path, calls in self.calls.items()}

    def answer(self, path: str, call: Call) -> Answer:
        with self.lock:
            self.calls.setdefault(path, []).append(call)
            if path in self._routes:
                return self._next("route", path, self._routes[path])
            text = dict(call.form).get("token", "")
            if path == INTROSPECT and text in self._tokens:
                return self._next("token", text, self._tokens[text])
            return _INACTIVE if path == INTROSPECT else Answer(status=404)

    def _next(self, kind: str, name: str, route: Route) -> Answer:
        if isinstance(route, Answer):
            return route
        turn = self._given[kind, name]
        self._given[kind, name] += 1
        return route[min(turn, len(route) - 1)]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  inherited
        """Nothing: the calls are recorded."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = tuple(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        prefix, _, path = self.path.lstrip("/").partition("/")
        if prefix == ".well-known":  # RFC 8414 section 3.1 inserts it before the path
            name, _, prefix = path.partition("/")
            path = f".well-known/{name}"
        site = cast("_Server", self.server).sites.get(prefix)
        if site is not None:
            self._origin = site.origin
            self._give(site.answer(f"/{path}", Call(self.command, headers, form)), dict(form))

    def _give(self, answer: Answer, form: Mapping[str, str]) -> None:
        time.sleep(answer.delay)
        if answer.hang_up:
            return
        denied = (
            (answer.basic is not None and self.headers.get("Authorization") != answer.basic)
            or (answer.certificate is not None and answer.certificate != self._client_name())
            or (answer.assertion is not None and not _asserts(form, answer.assertion))
        )
        body = b"" if denied else render_bytes(answer.body).replace(b"$IDP", self._origin.encode())
        try:
            self.send_response(401 if denied else answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client's time was up

    def _client_name(self) -> str | None:
        if not isinstance(self.connection, ssl.SSLSocket):
            return None
        certificate: Any = self.connection.getpeercert() or {}
        names = {key: value for ((key, value),) in certificate.get("subject", ())}
        return names.get("commonName")


def _asserts(form: Mapping[str, str], key: str) -> bool:
    """RFC 7523 section 3, with the key of that name; the time of a case is not ours."""
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    try:
        claims = jwt.decode(
            form.get("client_assertion", ""), private_key(key).public_key(), ["ES256", "RS256"], options
        )
    except jwt.InvalidTokenError:
        return False
    names = {claims["iss"], claims["sub"], form.get("client_id")}
    lives = claims["exp"] - claims["iat"]
    is_bearer = form.get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return names == {"gateway"} and claims["aud"] == AUDIENCE and lives <= 60 and is_bearer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # many connect at once
    sites: dict[str, Site]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that refuses our certificate is a part of the play."""


class Providers:
    """The two servers, and one `Site` per case. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sites: dict[str, Site] = {}
        self._plain, self._tls = self._serve(None), self._serve(self._context())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self._plain, self._tls):
            server.shutdown()
            server.server_close()

    def open_site(self, provider: Provider) -> tuple[Site, dict[str, str]]:
        """A new site, and the places where it is found."""
        site, prefix = Site(provider), f"case{len(self._sites)}"
        site.origin = f"http://127.0.0.1:{self._plain.server_port}/{prefix}"
        self._sites[prefix] = site
        places = {
            "$IDP": site.origin,
            "$TLS": f"https://127.0.0.1:{self._tls.server_port}/{prefix}",
        }
        return site, places

    def _serve(self, context: ssl.SSLContext | None) -> _Server:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.sites = self._sites
        if context is not None:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def _context(self) -> ssl.SSLContext:
        """TLS with a certificate that nobody trusts; client certificates are asked for, not demanded."""
        server, client = self.folder / "server.pem", self.folder / "client.pem"
        server.write_bytes(_certificate("127.0.0.1", _SERVER_KEY) + Pem(_SERVER_KEY).as_bytes())
        client.write_bytes(_certificate(CLIENT_NAME, _CLIENT_KEY) + Pem(_CLIENT_KEY).as_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(client)
        return context


def _certificate(common_name: str, key_name: str) -> bytes:
    """A self-signed certificate, PEM."""
    key: ec.EllipticCurvePrivateKey = private_key(key_name)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    today = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if key_name == _SERVER_KEY:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
