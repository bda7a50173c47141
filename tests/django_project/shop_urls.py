"""Beside the URLs of the example: its views by each policy of the tests."""

from __future__ import annotations

from django.conf import settings
from django.contrib.staticfiles.views import serve
from django.urls import include, path
from orders import views  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from django_jwt_signer.decorators import jwt_signer_policy

urlpatterns = [
    *(path(f"{name}/", jwt_signer_policy(name)(views.list_orders)) for name in settings.JWT_SIGNER),
    *(path(f"{name}/async/", jwt_signer_policy(name)(views.alist_orders)) for name in settings.JWT_SIGNER),
    path("static/<path:path>", serve, {"insecure": True}),
    path("", include("shop.urls")),
]
