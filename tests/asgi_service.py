"""The application that the tests of real servers run behind the middleware, in a process of its own.

It tells what it sees, streams, listens to what clients send, and talks over a websocket. Whose tokens are
good is said by the environment: JWT_SIGNER_ACCESS_TOKEN_JWKS_URI and ..._INTROSPECTION_ENDPOINT.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware

if TYPE_CHECKING:
    from jwt_signer_mw.asgi import Receive, Scope, Send

PAUSE = 0.3  # seconds between two events of the stream


def what_is_seen(scope: Scope) -> bytes:
    token = scope[IDENTITY].access_token
    seen: dict[str, Any] = {
        "subject": None if token is None else token.claims["sub"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "path": scope["path"],
        "version": scope.get("http_version"),
        "started": STARTED == ["startup"],
    }
    return json.dumps(seen).encode()


STARTED: list[str] = []


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    match scope["type"], scope.get("path", ""):
        case "lifespan", _:
            await live(receive, send)
        case "websocket", _:
            await receive()
            await send({"type": "websocket.accept", "headers": []})
            await send({"type": "websocket.send", "text": what_is_seen(scope).decode()})
            await send({"type": "websocket.close", "code": 1000})
        case "http", "/stream":
            await stream(send)
        case "http", "/sockets":
            await answer(send, str(open_sockets()).encode())
        case "http", "/upload":
            await answer(send, str(await size_of_body(receive)).encode())
        case _:
            await answer(send, what_is_seen(scope))


async def live(receive: Receive, send: Send) -> None:
    while True:
        name = (await receive())["type"].removeprefix("lifespan.")
        STARTED.append(name)
        await send({"type": f"lifespan.{name}.complete"})
        if name == "shutdown":
            return


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def stream(send: Send) -> None:
    """Server-sent events, one now and then."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await anyio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": b""})


def open_sockets() -> int:
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith("socket:") for entry in entries)


async def size_of_body(receive: Receive) -> int:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return size


app = JWTSignerMiddleware(
    service,
    {
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "keyset_store": "memory://",
        "exempt_paths": ["/health", "/sockets"],
    },
)
