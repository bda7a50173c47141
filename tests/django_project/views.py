"""Views that tests put behind URLs of their own. Each tells in JSON what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views import View

from django_jwt_signer.decorators import jwt_signer_exempt, jwt_signer_policy, jwt_signer_scopes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def seen_by(request: HttpRequest, user: object = None, **more: object) -> JsonResponse:
    identity: Any = getattr(request, "jwt_signer", None)
    access = None if identity is None else identity.access_token
    scope: Any = getattr(request, "scope", None)
    shown = {
        "meta": request.META.get("HTTP_AUTHORIZATION"),
        "header": request.headers.get("Authorization"),
        "scope": None
        if scope is None
        else dict(scope["headers"]).get(b"authorization", b"").decode() or None,
        "consumer": request.headers.get("X-Consumer-Username"),
        "claims": None if access is None else access.claims,
        "user": str(user),
    }
    return JsonResponse({**shown, **more})


def plain(request: HttpRequest) -> HttpResponse:
    return seen_by(request, getattr(request, "user", None))


async def aplain(request: HttpRequest) -> HttpResponse:
    find_user = getattr(request, "auser", None)  # Django's own came with 5.0
    return seen_by(request, None if find_user is None else await find_user())


@jwt_signer_exempt
def exempt(request: HttpRequest) -> HttpResponse:
    return seen_by(request, getattr(request, "user", None))


@jwt_signer_policy("partners")
def partners(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_policy("partners")
async def apartners(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_policy("nobody")
def unknown_policy(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_scopes("orders:read orders:write", "admin")
def scoped(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_scopes("orders:read")
async def ascoped(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_exempt
@jwt_signer_scopes("orders:read")
def exempt_but_scoped(request: HttpRequest) -> HttpResponse:
    return seen_by(request)


@jwt_signer_policy("partners")
@jwt_signer_scopes("orders:read")
class ClassBased(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return seen_by(request)


@jwt_signer_scopes("orders:read")
class AsyncClassBased(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return seen_by(request)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[str]:
        yield "one "
        yield request.headers["Authorization"][:7]

    return StreamingHttpResponse(pieces())


async def astream(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "one "
        yield request.headers["Authorization"][:7]

    return StreamingHttpResponse(pieces())


def upload(request: HttpRequest) -> HttpResponse:
    file: Any = request.FILES["file"]
    return seen_by(request, size=file.size, name=file.name, field=request.POST["field"])
