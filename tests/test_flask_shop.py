"""The example application, end to end: real providers, a real server, and a service behind that verifies."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any, cast

import jwt
import pytest
import requests

from parts import ROOT, require_module
from providers.process import ServerProcess

require_module("flask", "waitress", "gunicorn")

from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from providers.oidc import OidcProvider
    from providers.toolkit import OAuthToolkit

FOLDER = ROOT / "examples" / "flask"
CHANNEL = "X-Channel"
WAIT_SECONDS = 30.0
FAST: dict[str, Any] = {f"{token}_signing_algorithm": "ES256" for token in ("access_token", "channel_token")}


class Stock(ThreadingHTTPServer):
    """The service behind: answers with the claims of the tokens that it verified with the shop's keys."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StockHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.shop = ""
        self.kids: list[str] = []
        self._keys: dict[str, jwt.PyJWK] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def verify(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header["kid"] not in self._keys:
            document = requests.get(f"{self.shop}/jwt-signer/jwks/kong", timeout=5).json()
            self._keys = {key["kid"]: jwt.PyJWK(key) for key in document["keys"]}
        self.kids.append(header["kid"])
        options: Any = {"verify_aud": False}
        return jwt.decode(
            token, self._keys[header["kid"]], algorithms=[header["alg"]], options=options, issuer="kong"
        )

    def wait_for_keys(self, number: int) -> None:
        """Until so many keys signed. A new one does when no fresh copy of the document is without it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while len(set(self.kids)) < number:
            assert time.monotonic() < deadline, f"{len(set(self.kids))} keys signed"
            time.sleep(0.05)


class _StockHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        verify = cast("Stock", self.server).verify
        names = [name for name in ("Authorization", CHANNEL) if name in self.headers]
        claims = {name: verify(self.headers[name].removeprefix("Bearer ")) for name in names}
        body = json.dumps(claims).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has there
        """Nothing."""


@pytest.fixture
def stock() -> Iterator[Stock]:
    server = Stock()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_shop(stock: Stock) -> Iterator[Callable[..., str]]:
    """Serves the example on a thread with settings of both policies; returns its URL."""
    specification = spec_from_file_location("shop", FOLDER / "shop.py")
    assert specification is not None
    assert specification.loader is not None
    shop = module_from_spec(specification)
    specification.loader.exec_module(shop)
    servers: list[Waitress] = []

    def open_one(default: Mapping[str, Any], partners: Mapping[str, Any]) -> str:
        policies = {"default": {**FAST, **default}, "partners": {**FAST, **partners}}
        config = {"JWT_SIGNER": policies, "JWT_SIGNER_KEYSET_STORE": "memory://", "STOCK_URL": stock.url}
        servers.append(Waitress(shop.create_app(config)))
        stock.shop = servers[-1].url
        return stock.shop

    yield open_one
    for server in servers:
        server.close()


def get(url: str, token: str | None = None, **headers: str) -> requests.Response:
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.get(url, headers={**bearer, **headers}, timeout=10)


def by_signature(provider: Any) -> dict[str, Any]:
    return {"access_token_jwks_uri": provider.jwks_uri, "access_token_issuers_allowed": [provider.issuer]}


def by_introspection(provider: Any) -> dict[str, Any]:
    return {
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
    }


def test_a_jwt_and_an_opaque_token(
    oidc_provider: OidcProvider, stock: Stock, open_shop: Callable[..., str]
) -> None:
    """Scenarios 1 and 2, one in each policy."""
    shop = open_shop(by_signature(oidc_provider), by_introspection(oidc_provider))
    token = oidc_provider.mint(scope="read")
    seen = get(f"{shop}/orders/", token).json()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert seen["customer"] == claims["sub"]
    changed = {"iss": "kong", "original_iss": oidc_provider.issuer}
    assert seen["stock"] == {"Authorization": {**claims, **changed}}

    opaque = oidc_provider.mint(jwt=False, claims={"drink": "coffee"})
    seen = get(f"{shop}/partners/", opaque).json()
    assert (
        seen["stock"]["Authorization"].items() >= {"active": True, "drink": "coffee", "iss": "kong"}.items()
    )
    assert {get(f"{shop}/orders/", opaque).status_code, get(f"{shop}/partners/", token).status_code} == {401}


def test_two_tokens_of_two_providers(
    oidc_provider: OidcProvider, oauth_toolkit: OAuthToolkit, open_shop: Callable[..., str]
) -> None:
    """Scenario 3, with a consumer."""
    partners = by_introspection(oidc_provider) | {
        "access_token_introspection_consumer_claim": ["client_id"],
        "channel_token_optional": False,
        "channel_token_jwks_uri": oauth_toolkit.jwks_uri,
        "channel_token_request_header": "X-JWT-channel-client",
        "channel_token_upstream_header": CHANNEL,
    }
    url = open_shop(by_signature(oidc_provider), partners) + "/partners/"
    access, channel = oidc_provider.mint(jwt=False), oauth_toolkit.mint()
    seen = get(url, access, **{"X-JWT-channel-client": channel}).json()
    assert seen["partner"] == "service"
    assert seen["stock"]["Authorization"]["iss"] == "kong"
    assert seen["stock"][CHANNEL]["original_iss"] == oauth_toolkit.issuer
    assert get(url, access).status_code == 401
    assert get(url, **{"X-JWT-channel-client": channel}).status_code == 401


def test_no_validation_and_a_claim_that_is_required(
    oidc_provider: OidcProvider, open_shop: Callable[..., str]
) -> None:
    """Scenarios 4 and 5."""
    unverified = {"verify_access_token_signature": False, "verify_access_token_expiry": False}
    coffee = by_signature(oidc_provider) | {
        "access_token_scopes_claim": ["employee", "favourites", "beverage"],
        "access_token_scopes_required": ["coffee"],
    }
    shop = open_shop(unverified, coffee)
    made_up = jwt.encode({"sub": "anybody", "iss": "nobody"}, "k" * 32)
    assert get(f"{shop}/orders/", made_up).json()["stock"]["Authorization"]["original_iss"] == "nobody"

    def drinks(beverage: str) -> int:
        claims = {"employee": {"favourites": {"beverage": beverage}}}
        return get(f"{shop}/partners/", oidc_provider.mint(claims=claims)).status_code

    assert [drinks("coffee"), drinks("tea"), drinks("Coffee")] == [200, 403, 403]


def test_refusals(oidc_provider: OidcProvider, open_shop: Callable[..., str]) -> None:
    shop = open_shop(by_signature(oidc_provider) | {"jwks_reload_interval": 0}, {})
    token = oidc_provider.mint()
    assert get(f"{shop}/health").text == "fine"
    assert get(f"{shop}/orders/").status_code == 401
    assert get(f"{shop}/orders/", token[:-4] + "AAAA").status_code == 401
    assert (
        requests.post(f"{shop}/orders/", headers={"Authorization": f"Bearer {token}"}, timeout=5).status_code
        == 403
    )
    writer = {"Authorization": f"Bearer {oidc_provider.mint(scope='read write')}"}
    assert requests.post(f"{shop}/orders/", headers=writer, timeout=5).status_code == 201
    oidc_provider.rotate_keys()
    assert get(f"{shop}/orders/", oidc_provider.mint()).status_code == 200, "after one reload"


def test_the_provider_is_down(oidc_provider: OidcProvider, open_shop: Callable[..., str]) -> None:
    shop = open_shop(by_signature(oidc_provider), by_introspection(oidc_provider))
    token = oidc_provider.mint()
    oidc_provider.fail("/", status=500)
    answers = [get(f"{shop}/orders/", token), get(f"{shop}/partners/", "opaque-token")]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all(answer.headers["Retry-After"] for answer in answers)


def test_rotation_by_command_while_requests_run(
    oidc_provider: OidcProvider, stock: Stock, tmp_path: Path
) -> None:
    """Two workers share a store, the command is a third process: no token is ever without its key."""
    environment = {
        "FLASK_STOCK_URL": stock.url,
        "FLASK_JWT_SIGNER_KEYSET_STORE": f"sqlite:///{tmp_path / 'keys.sqlite3'}",
        "FLASK_JWT_SIGNER_ACCESS_TOKEN_SIGNING_ALGORITHM": "ES256",
        "FLASK_JWT_SIGNER_VERDICT_CACHE_SIZE": "0",
        "FLASK_JWT_SIGNER__default__access_token_jwks_uri": oidc_provider.jwks_uri,
    }
    options = [
        "--workers=2",
        "--threads=8",
        "--bind=127.0.0.1:0",
        "--chdir",
        str(FOLDER),
        "--no-control-socket",
    ]
    command = [sys.executable, "-m", "gunicorn", *options, "shop:create_app()"]
    server = ServerProcess(command, tmp_path / "gunicorn.log", environment=environment)
    try:
        stock.shop = server.wait_for(r"Listening at: (\S+)")[1]
        server.wait_for(r"Booting worker[^$]*Booting worker")
        token, stopped = oidc_provider.mint(), threading.Event()

        def ask() -> list[int]:
            statuses: list[int] = []
            while not stopped.is_set():
                statuses.append(get(f"{stock.shop}/orders/", token).status_code)
            return statuses

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                stock.wait_for_keys(1)
                for number in (2, 3):
                    rotate(environment)
                    stock.wait_for_keys(number)
            finally:
                stopped.set()
            statuses = [status for one in asking for status in one.result()]
    finally:
        server.stop()
    assert set(statuses) == {200}
    assert len(set(stock.kids)) == 3
    assert len(statuses) > 20


def rotate(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "shop", "jwt-signer", "keys", "rotate", "kong"]
    done = subprocess.run(
        command, cwd=FOLDER, env={**os.environ, **environment}, check=True, capture_output=True
    )
    assert b"current" in done.stdout
