"""The example project, end to end: gunicorn and uvicorn, SQLite and PostgreSQL, and a real provider."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import jwt
import pytest

from django_shop import csrf_token, running_shop
from parts import ROOT, require_module

require_module("django")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_shop import Shop
    from providers.oidc import OidcProvider

COMBINATIONS = [
    (server, database) for server in ("gunicorn", "uvicorn") for database in ("sqlite", "postgresql")
]
CHANNEL = {"channel_token_request_header": "X-Channel-Client", "channel_token_upstream_header": "X-Channel"}


def policies(provider: OidcProvider) -> dict[str, Any]:
    """The five scenarios as policies; fresh keys of the provider are noticed at once."""
    common = {"jwks_reload_interval": 0, "http_timeout": 3000}
    one = {**common, "access_token_jwks_uri": provider.jwks_uri, "channel_token_optional": True}
    two = {
        **common,
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
        "channel_token_optional": True,
    }
    return {
        "default": {**one, "exempt_paths": ["/admin/*", "/static/*"]},
        "partners": one,
        "one": one,
        "two": two,
        "three": {
            **two,
            **CHANNEL,
            "channel_token_optional": False,
            "channel_token_jwks_uri": provider.jwks_uri,
        },
        "four": {
            **common,
            "channel_token_optional": True,
            "verify_access_token_signature": False,
            "verify_access_token_expiry": False,
        },
        "five": {
            **one,
            "access_token_scopes_claim": ["employee", "favourites", "beverage"],
            "access_token_scopes_required": ["coffee"],
        },
    }


class Shops:
    """Each combination is started once, when it is asked for."""

    def __init__(self, factory: pytest.TempPathFactory, cleanup: ExitStack) -> None:
        self._factory = factory
        self._cleanup = cleanup
        self._running: dict[tuple[str, str], Shop] = {}

    def open(self, server: str, database: str, provider: OidcProvider) -> Shop:
        if (server, database) not in self._running:
            folder = self._factory.mktemp(f"shop-{server}-{database}")
            shop = self._cleanup.enter_context(running_shop(server, database, folder, policies(provider)))
            self._running[server, database] = shop
        return self._running[server, database]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    with ExitStack() as cleanup:
        yield Shops(tmp_path_factory, cleanup)


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def shop(request: pytest.FixtureRequest, shops: Shops, oidc_provider: OidcProvider) -> Shop:
    server, database = request.param
    return shops.open(server, database, oidc_provider)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_scenario_1_one_jwt(shop: Shop, oidc_provider: OidcProvider) -> None:
    token = oidc_provider.mint()
    seen = shop.get("one", token).json()
    assert seen["customer"] == claims_of(token)["sub"]
    assert shop.stock.faults == []
    assert seen["stock"] == {
        "Authorization": {**claims_of(token), "iss": "kong", "original_iss": oidc_provider.issuer}
    }
    head, _, signature = token.rpartition(".")
    assert [shop.get("one", bad).status_code for bad in (None, f"{head}.{'A' * len(signature)}")] == [
        401,
        401,
    ]
    expired = oidc_provider.mint(headers={"X-Token-Lifetime": "1"})
    time.sleep(2)
    assert shop.get("one", expired).status_code == 401


def test_scenario_2_one_opaque_token(shop: Shop, oidc_provider: OidcProvider) -> None:
    token = oidc_provider.mint(jwt=False, claims={"drink": "coffee"})
    claims = shop.get("two", token).json()["stock"]["Authorization"]
    assert (claims["iss"], claims["active"], claims["drink"]) == ("kong", True, "coffee")
    assert shop.get("two", "unknown-to-the-provider").status_code == 401


def test_scenario_3_two_tokens(shop: Shop, oidc_provider: OidcProvider) -> None:
    access, channel = oidc_provider.mint(jwt=False), oidc_provider.mint()
    stock = shop.get("three", access, **{"X-Channel-Client": channel}).json()["stock"]
    assert stock["Authorization"]["active"] is True
    assert stock["X-Channel"]["original_iss"] == oidc_provider.issuer
    assert shop.get("three", access).status_code == 401
    assert shop.get("three", **{"X-Channel-Client": channel}).status_code == 401


def test_scenario_4_signed_without_a_check(shop: Shop) -> None:
    seen = shop.get("four", jwt.encode({"sub": "anybody"}, "x" * 32)).json()
    assert seen["stock"]["Authorization"] == {"sub": "anybody", "iss": "kong"}


def test_scenario_5_a_claim_is_required(shop: Shop, oidc_provider: OidcProvider) -> None:
    def status(drink: str) -> int:
        claims = {"employee": {"favourites": {"beverage": drink}}}
        return shop.get("five", oidc_provider.mint(claims=claims)).status_code

    assert [status(drink) for drink in ("coffee", "tea", "Coffee")] == [200, 403, 403]


def test_the_providers_keys_rotate(shop: Shop, oidc_provider: OidcProvider) -> None:
    assert shop.get("one", oidc_provider.mint()).status_code == 200
    oidc_provider.rotate_keys()
    assert shop.get("one", oidc_provider.mint()).status_code == 200


def test_the_provider_is_down(shop: Shop, oidc_provider: OidcProvider) -> None:
    token = oidc_provider.mint(jwt=False)
    oidc_provider.fail(oidc_provider.introspection_path, status=503)
    down = shop.get("two", token)
    assert (down.status_code, "Retry-After" in down.headers) == (503, True)


class Crowd:
    """Clients that keep asking, each with one token, until they are told to stop."""

    def __init__(self, shop: Shop, provider: OidcProvider, size: int = 4) -> None:
        self.statuses: list[int] = []
        self._shop, self._done = shop, threading.Event()
        tokens = [provider.mint() for _ in range(size)]
        self._threads = [threading.Thread(target=self._ask, args=(token,)) for token in tokens]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, token: str) -> None:
        while not self._done.is_set():
            self.statuses.append(self._shop.get("one", token).status_code)


def test_rotations_from_the_admin_while_requests_run(shop: Shop, oidc_provider: OidcProvider) -> None:
    """No request fails, no token is unknown to the service behind, and new keys are in use at the end."""
    shop.stock.kids.clear()
    browser = shop.log_in()
    rotation = f"{shop.url}/admin/jwt_signer/keyset/rotate/?name=kong"
    with Crowd(shop, oidc_provider) as crowd:
        for _ in range(3):
            form = {"csrfmiddlewaretoken": csrf_token(browser.get(rotation, timeout=10).text)}
            answer = browser.post(rotation, form, timeout=10)
            assert "Key set kong: Rotated." in answer.text, re.findall(
                r'<li class="(?:error|success|warning).*', answer.text
            )
            time.sleep(1.5)
    assert shop.stock.faults == []
    assert set(crowd.statuses) == {200}
    assert len(set(shop.stock.kids)) >= 2, "the key set has changed its signing key"
    history = browser.get(f"{shop.url}/admin/jwt_signer/keyset/kong/history/", timeout=10).text
    assert history.count("Rotated. Current:") >= 3


def test_the_projects_own_tests(tmp_path: Any) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # of a test that ran before
    command = [sys.executable, "-W", "error", "manage.py", "test"]
    done = subprocess.run(
        command,
        env=environment,
        cwd=ROOT / "examples" / "django",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK" in done.stderr
