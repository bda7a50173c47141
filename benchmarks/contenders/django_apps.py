"""Django: bare, with our middleware, with simplejwt, and with django-oauth-toolkit's row per token."""

from __future__ import annotations

import datetime
import secrets
from typing import TYPE_CHECKING, Any

import django
import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as project
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test.utils import override_settings

from benchmarks.measuring import Case
from benchmarks.provider import services, settings
from benchmarks.setups import wsgi
from benchmarks.tokens import AUDIENCE, ISSUER, PROVIDER_KEY, supply, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest

BARE = "Django, bare"
REST = "Django REST framework, bare"
OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"


def _policy(**more: Any) -> dict[str, Any]:
    return settings(keyset_store="memory://", transport=services()["transport"], **more)


def configure() -> None:
    public = jwt.PyJWK(PROVIDER_KEY.public_jwk()).key
    project.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django_jwt_signer",
            "oauth2_provider",
            "rest_framework",
        ],
        JWT_SIGNER={
            "default": _policy(),
            "new": _policy(verdict_cache_size=64),
            "swift": _policy(verdict_cache_size=64, access_token_signing_algorithm="ES256"),
        },
        MIDDLEWARE=[],
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(50),
        SIMPLE_JWT={
            "ALGORITHM": "RS256",
            "AUDIENCE": AUDIENCE,
            "ISSUER": ISSUER,
            "SIGNING_KEY": "",
            "TOKEN_TYPE_CLAIM": None,
            "USER_ID_CLAIM": "sub",
            "VERIFYING_KEY": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        },
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def view(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns: list[Any] = []


def _route() -> None:
    from django.urls import path
    from oauth2_provider.contrib.rest_framework import OAuth2Authentication
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.views import APIView
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    from django_jwt_signer.decorators import jwt_signer_policy

    class Bare(APIView):  # type: ignore[misc]
        authentication_classes: list[Any] = []

        def get(self, _request: Any) -> Response:
            return Response("hello")

    class SimpleJWT(Bare):
        authentication_classes = [JWTStatelessUserAuthentication]
        permission_classes = [IsAuthenticated]

    class Toolkit(Bare):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [IsAuthenticated]

    urlpatterns.extend(
        [
            path("", view),
            path("new", jwt_signer_policy("new")(view)),
            path("swift", jwt_signer_policy("swift")(view)),
            path("rest", Bare.as_view()),
            path("simplejwt", SimpleJWT.as_view()),
            path("toolkit", Toolkit.as_view()),
        ]
    )


def cases() -> Iterator[Case]:
    configure()
    _route()
    known = wsgi.environ(token(0))
    yield _case(BARE, handler(), lambda: known, less=None)
    ours = handler(OURS)
    yield _case("ours in Django, a known token", ours, lambda: known)
    yield _case("ours in Django, a new token, RS256", ours, _requests(), "/new")
    yield _case("ours in Django, a new token, ES256", ours, _requests(), "/swift")
    yield _case(REST, handler(), lambda: known, "/rest", None)
    yield _case("simplejwt, stateless, verify", handler(), _requests(), "/simplejwt", REST)
    row = wsgi.environ(_row())
    yield _case("django-oauth-toolkit, a row per token", handler(), lambda: row, "/toolkit", REST)


def handler(*middleware: str) -> WSGIHandler:
    with override_settings(MIDDLEWARE=list(middleware)):
        return WSGIHandler()


def _row() -> str:
    """An access token of the toolkit in the database, as its cache of introspected tokens is one."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from oauth2_provider.models import get_access_token_model, get_application_model

    user = get_user_model().objects.create(username="alice")
    client = get_application_model().objects.create(
        user=user, client_type="confidential", authorization_grant_type="client-credentials"
    )
    text = secrets.token_urlsafe(32)
    get_access_token_model().objects.create(
        user=user,
        application=client,
        token=text,
        scope="read write",
        expires=timezone.now() + datetime.timedelta(hours=6),
    )
    return text


def _requests() -> Callable[[], dict[str, Any]]:
    return supply(200, lambda i: wsgi.environ(token(i)))


def _case(
    name: str,
    app: WSGIHandler,
    environs: Callable[[], dict[str, Any]],
    path: str = "/",
    less: str | None = BARE,
) -> Case:
    def request() -> dict[str, Any]:
        return environs() | {"PATH_INFO": path, "REQUEST_METHOD": "GET"}

    if not wsgi.accepts(app, request()):
        raise RuntimeError(f"{name}: refused")
    return Case(name, wsgi.passes(app, request), less)
