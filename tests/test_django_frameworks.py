"""Django REST framework and Django Ninja on top of the middleware."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("django", "rest_framework", "ninja")

import django_project  # noqa: E402

django_project.start()

from django.contrib.auth.models import User  # noqa: E402
from django.http import HttpRequest  # noqa: E402, TC002  Ninja reads annotations at run time
from django.test import override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from django_jwt_signer.decorators import jwt_signer_exempt, jwt_signer_policy, jwt_signer_scopes  # noqa: E402
from django_jwt_signer.ninja import JWTSignerAuth  # noqa: E402
from django_jwt_signer.rest_framework import HasScopes, JWTSignerAuthentication  # noqa: E402
from django_jwt_signer.test import SigningClient, trust_issuer  # noqa: E402
from django_jwt_signer.users import TokenUser  # noqa: E402
from jwt_signer_mw.messages import Consumer, Identity  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"
OPTIONS = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_optional": True,
    "channel_token_optional": True,
    "keyset_store": "memory://",
    "consumers": "django://auth",
}


class Me(APIView):  # type: ignore[misc]
    authentication_classes = (JWTSignerAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Any) -> Response:
        return Response({"user": str(request.user), "pk": request.user.pk, "claims": request.auth})


class Orders(Me):
    permission_classes = (HasScopes,)
    required_scopes = ("orders:read orders:write", "admin")


class Forgotten(Me):
    permission_classes = (HasScopes,)


class Decorated(Me):
    @jwt_signer_scopes("orders:read")
    def _never(self, request: Any) -> Response:  # pragma: no cover
        return Response()


def ninja_api() -> NinjaAPI:
    api = NinjaAPI(auth=JWTSignerAuth(), urls_namespace=uuid.uuid4().hex)

    @api.get("/me")
    def me(request: HttpRequest) -> dict[str, Any]:
        identity: Any = request.auth  # type: ignore[attr-defined]
        return {"sub": identity.access_token.claims["sub"]}

    @api.get("/orders", auth=JWTSignerAuth("orders:read"))
    def orders(request: HttpRequest) -> dict[str, Any]:
        return {}

    return api


class Urls:
    def __init__(self) -> None:
        self.api = ninja_api()
        self.urlpatterns = [
            path("me", Me.as_view()),
            path("orders", Orders.as_view()),
            path("forgotten", Forgotten.as_view()),
            path("exempt", jwt_signer_exempt(Me.as_view())),
            path("partners", jwt_signer_policy("partners")(Me.as_view())),
            path("scoped", jwt_signer_scopes("orders:read")(Me.as_view())),
            path("ninja/", self.api.urls),
        ]


URLS = Urls()


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    partners = {**OPTIONS, "access_token_issuers_allowed": ["https://partner.example"]}
    mapped = {**OPTIONS, "access_token_consumer_claim": ["sub"]}
    policies = {"default": OPTIONS, "partners": partners, "mapped": mapped}
    with override_settings(JWT_SIGNER=policies, MIDDLEWARE=[OURS], ROOT_URLCONF=URLS), trust_issuer():
        yield


def get(path: str, **options: Any) -> Any:
    return SigningClient().get(path, **options)


class TestRestFramework:
    def test_claims_and_somebody_without_a_row(self) -> None:
        seen = get("/me", claims={"sub": "alice", "iss": "https://issuer.example"}).json()
        assert (seen["user"], seen["pk"]) == ("alice", "alice https://issuer.example")
        assert seen["claims"]["sub"] == "alice"

    def test_somebody_without_a_row_may_nothing(self) -> None:
        user = TokenUser(Identity(consumer=Consumer("7", "shop", None)), {"sub": "alice"})
        assert (user.pk, user.get_username(), user.is_authenticated) == ("7", "shop", True)
        assert [user.has_perm("x"), user.has_perms(["x"]), user.has_module_perms("x")] == [False] * 3

    def test_a_user_of_the_project(self) -> None:
        user = User.objects.create(username=f"alice-{uuid.uuid4().hex[:8]}")
        mapped = {**OPTIONS, "access_token_consumer_claim": ["sub"]}
        with override_settings(JWT_SIGNER=mapped), trust_issuer():
            seen = get("/me", claims={"sub": user.username}).json()
        user.delete()
        assert (seen["user"], seen["pk"]) == (user.username, seen["pk"])
        assert isinstance(seen["pk"], int)

    def test_no_token(self) -> None:
        for url in ("/me", "/exempt"):
            response = get(url, claims=None)
            assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="testserver"')

    @pytest.mark.parametrize("scope", ["orders:read orders:write", "admin"])
    def test_scopes(self, scope: str) -> None:
        assert get("/orders", claims={"sub": "alice", "scope": scope}).status_code == 200

    def test_a_scope_is_missing(self) -> None:
        for url in ("/orders", "/scoped"):
            response = get(url, claims={"sub": "alice", "scope": "orders:write"})
            assert response.status_code == 403
            assert 'error="insufficient_scope"' in response["WWW-Authenticate"]

    def test_a_permission_without_scopes_is_a_mistake(self) -> None:
        response = SigningClient(raise_request_exception=False).get("/forgotten")
        assert response.status_code == 500

    def test_a_policy(self) -> None:
        assert get("/partners", policy="partners", claims={"sub": "alice"}).status_code == 200
        assert get("/partners", claims={"sub": "alice"}).status_code == 401


class TestNinja:
    def test_the_identity(self) -> None:
        assert get("/ninja/me", claims={"sub": "alice"}).json() == {"sub": "alice"}

    def test_no_token(self) -> None:
        response = get("/ninja/me", claims=None)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="testserver"')

    def test_scopes(self) -> None:
        assert get("/ninja/orders", claims={"scope": "orders:read"}).status_code == 200
        response = get("/ninja/orders", claims={"scope": "orders:write"})
        assert response.status_code == 403
        assert 'error="insufficient_scope"' in response["WWW-Authenticate"]

    def test_openapi_shows_it(self) -> None:
        schema = URLS.api.get_openapi_schema()
        assert {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"} in schema["components"][
            "securitySchemes"
        ].values()
