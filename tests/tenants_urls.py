"""The URLs of a Django project for tests of tenants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import include, path

if TYPE_CHECKING:
    from django.http import HttpRequest


def orders(request: HttpRequest) -> HttpResponse:
    return HttpResponse(json.dumps(request.headers["Authorization"]))


urlpatterns = [path("orders", orders), path("jwt-signer/", include("django_jwt_signer.urls"))]
