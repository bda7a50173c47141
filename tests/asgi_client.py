"""ASGI without a server: scopes as servers make them, one call, and everything that is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.case import NOW
from conformance.keys import jwks
from conformance.tokens import render_bytes
from jwt_signer_mw.asgi import IDENTITY, JWTSignerMiddleware
from jwt_signer_mw.keysets.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from jwt_signer_mw.asgi import ASGIApplication, Message, Receive, Scope, Send

    Build = Callable[..., JWTSignerMiddleware]

KEYS = MemoryStore()  # shared, so that keys are made once


def http_scope(
    path: str = "/orders", headers: Iterable[tuple[str, str]] = (), method: str = "GET", **more: Any
) -> dict[str, Any]:
    pairs = [
        (b"host", b"api.example:8443"),
        *((n.encode("latin-1"), v.encode("latin-1")) for n, v in headers),
    ]
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": pairs, **more}


def websocket_scope(
    path: str = "/feed", headers: Iterable[tuple[str, str]] = (), **more: Any
) -> dict[str, Any]:
    scope = http_scope(path, headers, subprotocols=[], **more)
    del scope["method"]
    return scope | {"type": "websocket"}


def bearer(token: object) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


class Answer(NamedTuple):
    """What was sent, message by message."""

    messages: list[Message]

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.messages[0]["headers"]
        }

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


async def call(application: ASGIApplication, scope: Scope, messages: Sequence[Message] = ()) -> Answer:
    """One connection; `messages` are received in turn."""
    left, sent = list(messages), []

    async def receive() -> Message:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return Answer(sent)


class Application:
    """Remembers the scopes it was called with, and says yes."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    @property
    def scope(self) -> Scope:
        (scope,) = self.scopes
        return scope

    def values(self, name: bytes) -> list[bytes]:
        """Of a header, in the spelling given, as the only call saw it."""
        return [value for key, value in self.scope["headers"] if key == name]

    @property
    def identity(self) -> Any:
        return self.scope[IDENTITY]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"yes"})


def builder(application: ASGIApplication, folder: Path) -> Build:
    """Builds middlewares that trust the key `rsa1`, sign with a quick algorithm, and live at `NOW`."""
    (folder / "jwks.json").write_bytes(render_bytes(jwks("rsa1")))
    base: dict[str, object] = {
        "access_token_jwks_uri": f"file://{folder}/jwks.json",
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }

    def build(settings: dict[str, object] | None = None, **services: Any) -> JWTSignerMiddleware:
        services = {"keyset_store": KEYS, "clock": lambda: NOW, **services}
        return JWTSignerMiddleware(application, base | (settings or {}), **services)

    return build
