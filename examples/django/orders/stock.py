"""The service behind: it knows nothing of identity providers, only of tokens that the shop signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import requests
from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest

SECONDS = 5.0


def headers_for_stock(request: HttpRequest) -> dict[str, str]:
    """The new tokens, as the middleware wrote them."""
    return {name: request.headers[name] for name in settings.STOCK_HEADERS if name in request.headers}


def ask_stock(request: HttpRequest) -> Any:
    if not settings.STOCK_URL:
        return sorted(headers_for_stock(request))
    return requests.get(settings.STOCK_URL, headers=headers_for_stock(request), timeout=SECONDS).json()


async def aask_stock(request: HttpRequest) -> Any:
    if not settings.STOCK_URL:
        return sorted(headers_for_stock(request))
    async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        return (await client.get(settings.STOCK_URL, headers=headers_for_stock(request))).json()
