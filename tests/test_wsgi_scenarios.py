"""The five scenarios over real sockets: a WSGI service under waitress, and two real providers.

The key set is fetched from the service's own endpoints; PyJWT and joserfc verify the new tokens.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet as JoserfcKeySet

from conformance.tokens import signed
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from providers.oidc import OidcProvider
    from providers.toolkit import OAuthToolkit

KEYS = MemoryStore()
ADMIN_TOKEN = "an-admin-token-of-tests"


def show_headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application: what it sees."""
    start_response("200 OK", [("Content-Type", "application/json")])
    names = {name[5:].lower().replace("_", "-"): v for name, v in environ.items() if name.startswith("HTTP_")}
    return [json.dumps(names).encode()]


class Service:
    """The middleware around the application, with the key set endpoints beside it."""

    def __init__(self, settings: dict[str, object]) -> None:
        from wsgi_serving import Waitress

        self._protected = JWTSignerMiddleware(
            show_headers, {"admin_token": ADMIN_TOKEN, **settings}, keyset_store=KEYS
        )
        self._server = Waitress(self._route)

    def _route(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_admin = environ["PATH_INFO"].startswith("/jwt-signer/")
        application = self._protected.admin if is_admin else self._protected
        return application(environ, start_response)

    def send(self, token: str = "", **headers: str) -> requests.Response:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return requests.get(self._server.url + "/orders", headers=headers, timeout=20)

    def rotate(self) -> None:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(self._server.url + "/jwt-signer/jwks/kong/rotate", headers=headers, timeout=20)
        assert answer.status_code == 200

    def claims_of(self, value: str) -> dict[str, Any]:
        """The claims of a new token, verified by two libraries with our published key set."""
        token = value.removeprefix("Bearer ")
        document = requests.get(self._server.url + "/jwt-signer/jwks/kong", timeout=20).json()
        key = jwt.PyJWKSet.from_dict(document)[jwt.get_unverified_header(token)["kid"]]
        options: Any = {"verify_aud": False}
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options=options)
        keys = JoserfcKeySet.import_key_set({"keys": document["keys"]})
        assert joserfc_jwt.decode(token, keys, algorithms=["RS256"]).claims == claims
        return claims

    def close(self) -> None:
        self._server.close()
        self._protected.close()


@pytest.fixture
def open_service() -> Iterator[Callable[[dict[str, object]], Service]]:
    require_module("waitress")
    opened: list[Service] = []

    def open_service(settings: dict[str, object]) -> Service:
        opened.append(Service(settings))
        return opened[-1]

    yield open_service
    for service in opened:
        service.close()


@pytest.fixture(params=["oidc_provider", "oauth_toolkit"])
def provider(request: pytest.FixtureRequest) -> OidcProvider | OAuthToolkit:
    found: OidcProvider | OAuthToolkit = request.getfixturevalue(request.param)
    return found


def by_introspection(provider: OidcProvider | OAuthToolkit) -> dict[str, object]:
    return {
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": provider.introspection_authorization,
    }


def test_scenario_1_one_jwt(
    open_service: Callable[[dict[str, object]], Service], provider: OidcProvider | OAuthToolkit
) -> None:
    service = open_service({"access_token_jwks_uri": provider.jwks_uri, "channel_token_optional": True})
    value = provider.mint(scope="read")
    claims = service.claims_of(service.send(value).json()["authorization"])
    before = jwt.decode(value, options={"verify_signature": False})
    assert claims == {**before, "iss": "kong", "original_iss": provider.issuer}
    head, _, signature = value.rpartition(".")
    assert service.send(f"{head}.{'A' * len(signature)}").status_code == 401
    assert service.send().status_code == 401


def test_scenario_1_the_keys_of_the_provider_rotate(
    open_service: Callable[[dict[str, object]], Service], oidc_provider: OidcProvider
) -> None:
    """With one reload. The other provider restarts to rotate, and its old worker answers for a while."""
    service = open_service({"access_token_jwks_uri": oidc_provider.jwks_uri, "channel_token_optional": True})
    assert service.send(oidc_provider.mint()).status_code == 200
    oidc_provider.rotate_keys()
    assert service.send(oidc_provider.mint()).status_code == 200
    assert oidc_provider.stats()["/jwks"] == 2


def test_scenario_1_our_keys_rotate(
    open_service: Callable[[dict[str, object]], Service], provider: OidcProvider | OAuthToolkit
) -> None:
    service = open_service({"access_token_jwks_uri": provider.jwks_uri, "channel_token_optional": True})
    value = provider.mint()
    before = service.send(value).json()["authorization"]
    service.rotate()
    after = service.send(value).json()["authorization"]
    assert before != after
    assert service.claims_of(before) == service.claims_of(after)


def test_scenario_2_one_opaque_token(
    open_service: Callable[[dict[str, object]], Service], provider: OidcProvider | OAuthToolkit
) -> None:
    service = open_service(by_introspection(provider) | {"channel_token_optional": True})
    value = provider.mint(jwt=False, scope="read")
    claims = service.claims_of(service.send(value).json()["authorization"])
    assert (claims["iss"], claims["active"], claims["scope"]) == ("kong", True, "read")
    assert service.send("unknown-to-the-provider").status_code == 401


def test_scenario_3_two_tokens_of_two_providers(
    open_service: Callable[[dict[str, object]], Service],
    oidc_provider: OidcProvider,
    oauth_toolkit: OAuthToolkit,
) -> None:
    service = open_service(
        by_introspection(oauth_toolkit)
        | {
            "channel_token_jwks_uri": oidc_provider.jwks_uri,
            "channel_token_request_header": "X-JWT-channel-client",
            "channel_token_upstream_header": "X-JWT-channel-upstream",
        }
    )
    access, channel = oauth_toolkit.mint(jwt=False), {"X-JWT-channel-client": oidc_provider.mint()}
    seen = service.send(access, **channel).json()
    assert service.claims_of(seen["authorization"])["active"] is True
    assert service.claims_of(seen["x-jwt-channel-upstream"])["original_iss"] == oidc_provider.issuer
    assert "x-jwt-channel-client" not in seen
    assert service.send(access).status_code == 401
    assert service.send(**channel).status_code == 401


def test_scenario_4_signed_anew_without_a_check(
    open_service: Callable[[dict[str, object]], Service], provider: OidcProvider | OAuthToolkit
) -> None:
    service = open_service(
        {
            "channel_token_optional": True,
            "verify_access_token_signature": False,
            "verify_access_token_expiry": False,
        }
    )
    seen = service.send(str(signed({"sub": "anyone"}, key="rsa-of-nobody"))).json()
    assert service.claims_of(seen["authorization"]) == {"sub": "anyone", "iss": "kong"}
    assert service.send(provider.mint()).status_code == 200


def test_scenario_5_a_claim_is_required(
    open_service: Callable[[dict[str, object]], Service], provider: OidcProvider | OAuthToolkit
) -> None:
    service = open_service(
        {
            "access_token_jwks_uri": provider.jwks_uri,
            "channel_token_optional": True,
            "access_token_scopes_claim": ["employee", "favourites", "beverage"],
            "access_token_scopes_required": ["coffee"],
        }
    )

    def status(drink: str) -> int:
        claims = {"employee": {"favourites": {"beverage": drink}}}
        return service.send(provider.mint(claims=claims)).status_code

    assert [status(drink) for drink in ("coffee", "tea", "Coffee")] == [200, 403, 403]
