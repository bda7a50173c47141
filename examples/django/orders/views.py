"""Views: by the default policy, with a scope of their own, by another policy, and for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View

from django_jwt_signer.decorators import jwt_signer_exempt, jwt_signer_policy, jwt_signer_scopes
from orders.stock import aask_stock, ask_stock

if TYPE_CHECKING:
    from django_jwt_signer.http import SignedRequest


def list_orders(request: SignedRequest) -> HttpResponse:
    return JsonResponse({"customer": customer_of(request), "stock": ask_stock(request)})


async def alist_orders(request: SignedRequest) -> HttpResponse:
    return JsonResponse({"customer": customer_of(request), "stock": await aask_stock(request)})


@jwt_signer_scopes("orders:write")
class NewOrder(View):
    def post(self, request: SignedRequest) -> HttpResponse:
        return JsonResponse({"customer": customer_of(request)}, status=201)


@jwt_signer_policy("partners")
def list_partners_orders(request: SignedRequest) -> HttpResponse:
    return JsonResponse({"customer": customer_of(request)})


@jwt_signer_exempt
def health(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("up")


def customer_of(request: SignedRequest) -> Any:
    token = request.jwt_signer.access_token
    return None if token is None else token.claims.get("sub")
