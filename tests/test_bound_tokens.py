"""Bound tokens of a real provider over real servers, DPoP and mutual TLS, with what a thief can do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import pytest
import requests
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from asgi_serving import free_port
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require
from providers.process import ServerProcess
from test_forward_auth_proxies import find
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from providers.certificates import Certificate, Certificates
    from providers.oidc import OidcProvider

    Serve = Callable[..., str]  # the settings of a middleware; gives the URL of the service behind it

AS_ROOT = " user root;" if os.geteuid() == 0 else ""


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Shows the header Authorization."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("HTTP_AUTHORIZATION", "").encode()]


async def async_application(scope: Any, _receive: Any, send: Any) -> None:
    """The same."""
    body = dict(scope["headers"]).get(b"authorization", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def serve_wsgi(stack: ExitStack, settings: dict[str, Any]) -> str:
    server = Waitress(JWTSignerMiddleware(application, settings, keyset_store=MemoryStore()))
    stack.callback(server.close)
    return server.url


def serve_asgi(stack: ExitStack, settings: dict[str, Any]) -> str:
    middleware = ASGIMiddleware(async_application, settings, keyset_store=MemoryStore())
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(middleware, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(10)

    stack.callback(stop)
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(params=[serve_wsgi, serve_asgi], ids=["wsgi", "asgi"])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda **settings: request.param(stack, {"channel_token_optional": True, **settings})


class Client:
    """One with a key, as RFC 9449 has them."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.jwk: dict[str, Any] = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)

    def proof(self, method: str, url: str, token: str | None = None, nonce: str | None = None) -> str:
        claims = {"jti": secrets.token_urlsafe(), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        claims |= {} if nonce is None else {"nonce": nonce}
        return jwt.encode(claims, self._key, "ES256", headers={"typ": "dpop+jwt", "jwk": self.jwk})

    def get_token(self, provider: OidcProvider, *, is_jwt: bool) -> str:
        return provider.mint(jwt=is_jwt, headers={"DPoP": self.proof("POST", provider.token_endpoint)})

    def call(
        self, url: str, token: str, *, proof: str | None = None, scheme: str = "DPoP"
    ) -> requests.Response:
        headers = {"Authorization": f"{scheme} {token}", "DPoP": proof or self.proof("GET", url, token)}
        return requests.get(url, headers=headers, timeout=20)


def claims_of(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.headers
    found: dict[str, Any] = jwt.decode(
        response.text.removeprefix("Bearer "), options={"verify_signature": False}
    )
    return found


def error_of(response: requests.Response) -> str:
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert "DPoP " in challenge
    assert "algs=" in challenge
    return challenge.partition('error="')[2].partition('"')[0]


def sources(provider: OidcProvider) -> dict[str, Any]:
    return {
        "access_token_jwks_uri": provider.jwks_uri,
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
    }


@pytest.mark.parametrize("is_jwt", [True, False], ids=["jwt", "opaque"])
def test_dpop(oidc_provider: OidcProvider, serve: Serve, is_jwt: bool) -> None:
    url = serve(**sources(oidc_provider), access_token_dpop="allowed") + "/orders"
    owner, thief = Client(), Client()
    token = owner.get_token(oidc_provider, is_jwt=is_jwt)

    proof = owner.proof("GET", url, token)
    new = claims_of(owner.call(url, token, proof=proof))
    assert new["original_cnf"] == {"jkt": thumbprint_of(owner)}
    assert "cnf" not in new
    assert claims_of(owner.call(url, token))["original_cnf"] == new["original_cnf"], "with a second proof"

    assert error_of(thief.call(url, token, proof=proof)) == "invalid_dpop_proof", "a replay"
    assert error_of(thief.call(url, token)) == "invalid_token", "a key of the thief's own"
    assert error_of(thief.call(url, token, scheme="Bearer")) == "invalid_token"
    other = owner.proof("GET", url.replace("/orders", "/others"), token)
    assert error_of(thief.call(url, token, proof=other)) == "invalid_dpop_proof"
    assert error_of(requests.get(url, headers={"Authorization": f"DPoP {token}"}, timeout=20)) == (
        "invalid_dpop_proof"
    )
    bearer = oidc_provider.mint(jwt=is_jwt)
    response = requests.get(url, headers={"Authorization": f"Bearer {bearer}"}, timeout=20)
    assert "original_cnf" not in claims_of(response), "a token that nothing binds"


def test_dpop_is_required_with_a_nonce(oidc_provider: OidcProvider, serve: Serve) -> None:
    rules = {"access_token_dpop": "required", "access_token_dpop_nonces": True}
    url, owner = serve(**sources(oidc_provider), **rules) + "/orders", Client()
    token = owner.get_token(oidc_provider, is_jwt=True)
    refused = owner.call(url, token)
    assert error_of(refused) == "use_dpop_nonce"
    proof = owner.proof("GET", url, token, refused.headers["DPoP-Nonce"])
    assert claims_of(owner.call(url, token, proof=proof))["original_cnf"]
    bearer = {"Authorization": f"Bearer {oidc_provider.mint()}"}
    assert error_of(requests.get(url, headers=bearer, timeout=20)) == "invalid_token"


def thumbprint_of(client: Client) -> str:
    """RFC 7638, of a key on P-256."""
    required = {name: client.jwk[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# Mutual TLS

NGINX = """
events {{}}
pid {folder}/nginx.pid;
error_log stderr;
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {server.certificate};
        ssl_certificate_key {server.key};
        ssl_client_certificate {authority};
        ssl_verify_client optional;
        location / {{
            proxy_pass {service};
            proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
        }}
    }}
}}
"""


@pytest.fixture
def serve_tls(serve: Serve, tmp_path: Path, certificates: Certificates) -> Iterator[Serve]:
    """nginx ends TLS in front of the middleware."""
    program = find("nginx")
    require(program, "nginx is not installed")
    with ExitStack() as stack:

        def open_front(**settings: Any) -> str:
            port, service = free_port(), serve(**settings)
            places = {"server": certificates.server, "authority": certificates.authority, "service": service}
            (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, port=port, **places))
            command = [program or "", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
            process = ServerProcess([*command, "-g", f"daemon off;{AS_ROOT}"], tmp_path / "nginx.log")
            stack.callback(process.stop)
            url = f"https://localhost:{port}/orders"
            wait_for(url, certificates)
            return url

        yield open_front


def wait_for(url: str, certificates: Certificates) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            requests.get(url, verify=str(certificates.authority), timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("is_jwt", [True, False], ids=["jwt", "opaque"])
def test_mutual_tls(
    tls_oidc_provider: OidcProvider,
    serve_tls: Serve,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    is_jwt: bool,
) -> None:
    provider, authority = tls_oidc_provider, str(certificates.authority)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    rules = {
        "access_token_mtls": "required",
        "client_certificate_header": "X-Client-Cert",
        "client_certificate_format": "pem",
    }
    url = serve_tls(**sources(provider), **rules)

    def mint(user: str) -> str:
        form = {"grant_type": "client_credentials", "scope": "read"}
        form["resource"] = provider.resource(jwt=is_jwt)
        pair = (str(certificates.client.certificate), str(certificates.client.key))
        auth = (user, f"{user}-secret")
        response = requests.post(
            provider.token_endpoint, form, auth=auth, cert=pair, verify=authority, timeout=20
        )
        return str(response.json()["access_token"])

    def call(token: str, shown: Certificate | None, **headers: str) -> requests.Response:
        pair = None if shown is None else (str(shown.certificate), str(shown.key))
        sent = {"Authorization": f"Bearer {token}", **headers}
        return requests.get(url, headers=sent, cert=pair, verify=authority, timeout=20)

    token = mint("bound")
    new = claims_of(call(token, certificates.client))
    assert set(new["original_cnf"]) == {"x5t#S256"}
    assert "cnf" not in new
    stolen = {
        "without a certificate": call(token, None),
        "with another certificate": call(token, certificates.server),
        "with a header of the thief's": call(token, None, **{"X-Client-Cert": escaped(certificates.client)}),
        "with another spelling": call(token, None, X_Client_Cert=escaped(certificates.client)),
        "that nothing binds": call(mint("service"), certificates.client),
    }
    assert {name: response.status_code for name, response in stolen.items()} == dict.fromkeys(stolen, 401)


def escaped(certificate: Certificate) -> str:
    return quote(certificate.certificate.read_text(), safe="")
