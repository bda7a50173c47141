"""Pages with a body, for the debug toolbar to stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from debug_toolbar.toolbar import debug_toolbar_urls
from django.http import HttpResponse
from django.urls import path

from django_jwt_signer.decorators import jwt_signer_exempt, jwt_signer_scopes

if TYPE_CHECKING:
    from django.http import HttpRequest

    from django_jwt_signer.http import SignedRequest

PAGE = "<!doctype html><html><head><title>Orders</title></head><body><h1>Orders of {}</h1></body></html>"


def show_toolbar(request: HttpRequest) -> bool:
    return "hidden" not in request.GET


def orders(request: SignedRequest) -> HttpResponse:
    token = request.jwt_signer.access_token
    return HttpResponse(PAGE.format(token.claims.get("sub") if token else "nobody"))


async def aorders(request: SignedRequest) -> HttpResponse:
    return orders(request)


@jwt_signer_scopes("orders:write")
def new_order(request: SignedRequest) -> HttpResponse:
    return orders(request)


urlpatterns = [
    path("orders/", orders),
    path("orders/async/", aorders),
    path("orders/new/", new_order),
    path("health/", jwt_signer_exempt(orders)),
    path("open/", orders),
    *debug_toolbar_urls(),
]
