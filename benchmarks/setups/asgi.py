"""ASGI: a scope as a server makes it, on an event loop of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from benchmarks.provider import services, settings
from jwt_signer_mw.asgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"en-GB,en;q=0.7"),
    (b"connection", b"keep-alive"),
    (b"user-agent", b"benchmark/1.0"),
    (b"x-request-id", b"3f1e6a34-9ef1-4f0e-9a43-0f7a2d1a55aa"),
]


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


def wrapped(**more: Any) -> JWTSignerMiddleware:
    return JWTSignerMiddleware(application, settings(**more), **services())


def scope(token: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [*HEADERS, (b"authorization", f"Bearer {token}".encode())],
    }


class Loop:
    """One event loop for all cases of a section."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def passes(self, app: Any, scopes: Callable[[], dict[str, Any]]) -> Callable[[int], None]:
        """Sends the next request, as often as asked."""

        async def run(times: int) -> None:
            for _ in range(times):
                await app(scopes(), _receive, _send)

        return lambda times: self._runner.run(run(times))

    def close(self) -> None:
        self._runner.close()


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def _send(_message: dict[str, Any]) -> None:
    """A server that listens and does nothing."""
