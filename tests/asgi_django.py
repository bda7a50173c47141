"""A Django project in one module, under ASGI and behind the ASGI middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path

from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of-a-test", MIDDLEWARE=[])
django.setup()


async def me(request: HttpRequest) -> JsonResponse:
    token = request.scope[IDENTITY].access_token  # type: ignore[attr-defined]
    forwarded = request.headers["Authorization"]
    return JsonResponse(
        {
            "subject": token.claims["sub"],
            "signed_by": token.upstream_claims["iss"],
            "forwarded": forwarded.count("."),
            "consumer": request.headers.get("X-Consumer-Id"),
        }
    )


async def health(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "up"})


urlpatterns = [path("me", me), path("health", health)]
app = JWTSignerMiddleware(
    get_asgi_application(), {"channel_token_optional": True, "exempt_paths": ["/health"]}
)
