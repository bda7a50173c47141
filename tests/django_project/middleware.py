"""Middlewares that tests put above and below the suite's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


def reads_headers_early(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Sync only. Fills the cache of `request.headers`, and tells what it read."""

    def middleware(request: HttpRequest) -> Any:
        read = request.headers.get("Authorization", "")
        response = get_response(request)
        response["X-Read-Early"] = read
        return response

    return middleware


class ReadsHeaders:
    """Sync and async. Tells what it read."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        read = request.headers.get("Authorization", "")
        if iscoroutinefunction(self):
            return self._acall(request, read)
        response = self.get_response(request)
        response["X-Read-Below"] = read
        return response

    async def _acall(self, request: HttpRequest, read: str) -> Any:
        response = await self.get_response(request)
        response["X-Read-Below"] = read
        return response


class LeadsToPartners:
    """Sync only. Chooses the URLs after the suite has looked at them."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        request.urlconf = "django_project.urls_of_partners"
        return self.get_response(request)
