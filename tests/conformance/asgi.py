"""The ASGI adapter of the suite, under the conformance table."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from conformance.adapter import BODY, Outcome, Plain, Seen, fold_name
from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.messages import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.asgi import ASGIApplication, Message, Receive, Scope, Send


def scope_of(request: Plain) -> dict[str, Any]:
    """What a server makes of a request: names in lower case, repeated headers kept apart."""
    path, _, query = request.target.partition("?")
    pairs = (("host", request.host), *request.headers)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        "client": ("192.0.2.1", 1024),
        "server": ("server.example", 80),
    }


async def call(application: ASGIApplication, request: Plain, body: bytes = b"") -> Outcome:
    """One call, as a server makes it; the scope it passed is not changed by the application."""
    scope = scope_of(request)
    before, sent = deepcopy(scope), []

    async def receive() -> Message:
        return {"type": "http.request", "body": body or request.body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await application(scope, receive, send)
    assert scope == before
    start, *rest = sent
    assert start["type"] == "http.response.start"
    assert all(name == name.lower() for name, _ in start["headers"])
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Outcome(start["status"], headers, b"".join(message["body"] for message in rest))


class ASGIRunner:
    """The middleware, called directly."""

    def __init__(self, settings: Mapping[str, object], services: Mapping[str, Any]) -> None:
        self.calls: list[Seen] = []
        self.middleware = JWTSignerMiddleware(self._application, settings, **services)
        self.loop = asyncio.Runner()

    def send(self, request: Plain) -> Outcome:
        self.calls.clear()
        outcome = self.loop.run(call(self.middleware, request))
        return Outcome(outcome.status, outcome.headers, outcome.body, tuple(self.calls))

    def ask(self, request: Plain) -> Outcome:
        return self.loop.run(call(self.middleware.admin, request))

    def close(self) -> None:
        self.loop.close()

    async def _application(self, scope: Scope, _receive: Receive, send: Send) -> None:
        seen = sorted(
            (fold_name(name.decode("latin-1")), value.decode("latin-1")) for name, value in scope["headers"]
        )
        self.calls.append(Seen(tuple(pair for pair in seen if pair[0] != "host"), scope.get(IDENTITY)))
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


class ASGIAdapter:
    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> ASGIRunner:
        return ASGIRunner(settings, services)
