"""TLS of both transports: whom they trust, how they show themselves, what they refuse."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange
from transports import AsyncFromHere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from providers.certificates import Certificate, Certificates
    from transports import Closing


class Handler(BaseHTTPRequestHandler):
    """Answers with the common or alternative name of the client's certificate."""

    def do_GET(self) -> None:
        connection: Any = self.connection
        names = (connection.getpeercert() or {}).get("subjectAltName", ())
        body = names[0][1].encode() if names else b"nobody"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  inherited
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients that refuse us are the point."""


@pytest.fixture
def serve(certificates: Certificates) -> Iterator[Callable[..., str]]:
    """A server with this certificate; clients may show one of the authority, or must."""
    opened: list[Server] = []

    def serve(own: Certificate, verify: ssl.VerifyMode = ssl.CERT_OPTIONAL) -> str:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.authority))
        context.load_cert_chain(own.certificate, own.key)
        context.verify_mode = verify
        server = Server(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        opened.append(server)
        return f"https://localhost:{server.server_port}/"

    yield serve
    for server in opened:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=[RequestsTransport, AsyncFromHere], ids=["blocking", "asynchronous"])
def transport(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> Iterator[Closing]:
    """It trusts our authority by way of the environment."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    transport = request.param()
    yield transport
    transport.close()


def test_an_authority_of_our_own(
    transport: Closing, serve: Callable[..., str], certificates: Certificates
) -> None:
    assert transport.send(Exchange(serve(certificates.server))).body == b"nobody"


@pytest.mark.parametrize("name", ["expired", "wrong_host", "untrusted"])
def test_a_bad_certificate_is_refused_unless_told_otherwise(
    transport: Closing, serve: Callable[..., str], certificates: Certificates, name: str
) -> None:
    """NET-11, `{token}_endpoints_ssl_verify`"""
    url = serve(getattr(certificates, name))
    with pytest.raises(TransportError):
        transport.send(Exchange(url))
    assert transport.send(Exchange(url, verify=False)).status == 200
    with pytest.raises(TransportError):
        transport.send(Exchange(url))


def test_a_client_certificate(
    transport: Closing, serve: Callable[..., str], certificates: Certificates
) -> None:
    """`{token}_jwks_uri_client_certificate`; a connection made with it serves no request without it."""
    url = serve(certificates.server)
    own = (str(certificates.client.certificate), str(certificates.client.key))
    assert transport.send(Exchange(url, certificate=own)).body == b"client.localhost"
    assert transport.send(Exchange(url, certificate=own, verify=False)).body == b"client.localhost"
    assert transport.send(Exchange(url)).body == b"nobody"
    demanding = serve(certificates.server, ssl.CERT_REQUIRED)
    with pytest.raises(TransportError):
        transport.send(Exchange(demanding))
    assert transport.send(Exchange(demanding, certificate=own)).body == b"client.localhost"


@pytest.mark.parametrize("broken", ["absent", "no PEM", "encrypted"])
def test_a_client_certificate_that_cannot_be_used(
    transport: Closing, serve: Callable[..., str], certificates: Certificates, tmp_path: Path, broken: str
) -> None:
    """Never a question for a password at the terminal of the server."""
    key = tmp_path / "key.pem"
    if broken == "no PEM":
        key.write_text("no PEM")
    elif broken == "encrypted":
        plain = serialization.load_pem_private_key(certificates.client.key.read_bytes(), None)
        secret = serialization.BestAvailableEncryption(b"secret")
        form = serialization.PrivateFormat.TraditionalOpenSSL
        key.write_bytes(plain.private_bytes(serialization.Encoding.PEM, form, secret))
    own = (str(certificates.client.certificate), str(key))
    with pytest.raises(TransportError):
        transport.send(Exchange(serve(certificates.server), certificate=own))
