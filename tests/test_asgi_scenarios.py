"""The five scenarios: a FastAPI application behind the middleware, and a real provider."""

# No `from __future__ import annotations`: FastAPI reads them at run time.

from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from conformance.tokens import signed
from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.keysets.memory import MemoryStore
from providers.oidc import OidcProvider

KEYS = MemoryStore()

Open = Callable[[dict[str, object]], TestClient]


@pytest.fixture
def open_service() -> Iterator[Open]:
    """A FastAPI application that shows its headers, behind the middleware with these settings."""
    app = FastAPI()
    opened: list[TestClient] = []

    @app.get("/headers")
    async def headers(request: Request) -> dict[str, str]:
        return dict(request.headers)

    def open_service(settings: dict[str, object]) -> TestClient:
        browser = TestClient(JWTSignerMiddleware(app, settings, keyset_store=KEYS))
        browser.__enter__()
        opened.append(browser)
        return browser

    yield open_service
    for browser in opened:
        browser.__exit__()


def claims_of(value: str) -> dict[str, Any]:
    """The claims of a token that our published key set verifies."""
    text = value.removeprefix("Bearer ")
    stored = KEYS.load("kong")
    assert stored is not None
    (jwk,) = [key.jwk for key in stored.keys if key.kid == jwt.get_unverified_header(text)["kid"]]
    options: Any = {"verify_aud": False}
    claims: dict[str, Any] = jwt.decode(
        text, jwt.PyJWK(dict(jwk)).key.public_key(), ["RS256"], options=options
    )
    return claims


def sent(value: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}", **more}


def test_scenario_1_one_jwt(open_service: Open, oidc_provider: OidcProvider) -> None:
    browser = open_service({"access_token_jwks_uri": oidc_provider.jwks_uri, "channel_token_optional": True})
    value = oidc_provider.mint(scope="read")
    seen = browser.get("/headers", headers=sent(value)).json()
    claims = claims_of(seen["authorization"])
    assert (claims["iss"], claims["original_iss"]) == ("kong", oidc_provider.issuer)
    before = jwt.decode(value, options={"verify_signature": False})
    assert {**claims, "iss": before["iss"]} == {**before, "original_iss": oidc_provider.issuer}
    head, _, signature = value.rpartition(".")
    forged = f"{head}.{'A' * len(signature)}"
    assert [browser.get("/headers", headers=h).status_code for h in ({}, sent(forged))] == [401, 401]


def test_scenario_1_the_keys_of_the_provider_rotate(open_service: Open, oidc_provider: OidcProvider) -> None:
    browser = open_service({"access_token_jwks_uri": oidc_provider.jwks_uri, "channel_token_optional": True})
    assert browser.get("/headers", headers=sent(oidc_provider.mint())).status_code == 200
    oidc_provider.rotate_keys()
    assert browser.get("/headers", headers=sent(oidc_provider.mint())).status_code == 200
    assert oidc_provider.stats()["/jwks"] == 2


def introspection(provider: OidcProvider) -> dict[str, object]:
    return {
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
    }


def test_scenario_2_one_opaque_token(open_service: Open, oidc_provider: OidcProvider) -> None:
    browser = open_service(introspection(oidc_provider) | {"channel_token_optional": True})
    value = oidc_provider.mint(jwt=False, scope="read")
    claims = claims_of(browser.get("/headers", headers=sent(value)).json()["authorization"])
    assert (claims["iss"], claims["active"], claims["scope"]) == ("kong", True, "read")
    assert browser.get("/headers", headers=sent("unknown-to-the-provider")).status_code == 401
    oidc_provider.fail(oidc_provider.introspection_path, status=503)
    down = browser.get("/headers", headers=sent(oidc_provider.mint(jwt=False)))
    assert (down.status_code, "retry-after" in down.headers) == (503, True)


def test_scenario_3_two_tokens(open_service: Open, oidc_provider: OidcProvider) -> None:
    browser = open_service(
        introspection(oidc_provider)
        | {
            "channel_token_jwks_uri": oidc_provider.jwks_uri,
            "channel_token_request_header": "X-JWT-channel-client",
            "channel_token_upstream_header": "X-JWT-channel-upstream",
        }
    )
    access, channel = sent(oidc_provider.mint(jwt=False)), {"X-JWT-channel-client": oidc_provider.mint()}
    seen = browser.get("/headers", headers=access | channel).json()
    assert claims_of(seen["authorization"])["active"] is True
    assert claims_of(seen["x-jwt-channel-upstream"])["original_iss"] == oidc_provider.issuer
    assert "x-jwt-channel-client" not in seen
    assert [browser.get("/headers", headers=one).status_code for one in (access, channel)] == [401, 401]


def test_scenario_4_signed_anew_without_a_check(open_service: Open) -> None:
    browser = open_service(
        {
            "channel_token_optional": True,
            "verify_access_token_signature": False,
            "verify_access_token_expiry": False,
        }
    )
    value = str(signed({"sub": "anyone"}, key="rsa-of-nobody"))
    seen = browser.get("/headers", headers=sent(value)).json()
    assert claims_of(seen["authorization"]) == {"sub": "anyone", "iss": "kong"}


def test_scenario_5_a_claim_is_required(open_service: Open, oidc_provider: OidcProvider) -> None:
    browser = open_service(
        {
            "access_token_jwks_uri": oidc_provider.jwks_uri,
            "channel_token_optional": True,
            "access_token_scopes_claim": ["employee", "favourites", "beverage"],
            "access_token_scopes_required": ["coffee"],
        }
    )

    def status(drink: str) -> int:
        claims = {"employee": {"favourites": {"beverage": drink}}}
        return browser.get("/headers", headers=sent(oidc_provider.mint(claims=claims))).status_code

    assert [status(drink) for drink in ("coffee", "tea", "Coffee")] == [200, 403, 403]
