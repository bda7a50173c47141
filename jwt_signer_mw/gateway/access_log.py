"""One line of JSON per request, on standard output. No query, no header and no token is in it."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwt_signer_mw.asgi import Message, Scope, Send

log = logging.getLogger("jwt_signer_mw.access")

MAX_PATH = 1024  # characters


class Entry:
    """Counts what goes to the client of one request; `reason`, `policy` and `upstream` are filled in."""

    __slots__ = ("_began", "_send", "bytes", "policy", "reason", "started", "status", "upstream")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self.bytes = 0
        self.status = 0
        self.started = False
        self.reason = self.policy = self.upstream = ""

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status, self.started = message["status"], True
        elif kind == "websocket.accept":
            self.status, self.started = 101, True
        elif kind == "websocket.close" and not self.started:
            self.status, self.started = 403, True
        elif kind == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    def write(self, scope: Scope) -> None:
        client = scope.get("client")
        fields = {
            "time": round(time.time(), 3),
            "client": client[0] if client else "",
            "method": scope.get("method", "GET"),
            "path": scope["path"][:MAX_PATH],
            "status": self.status,
            "bytes": self.bytes,
            "ms": round((time.perf_counter() - self._began) * 1000, 1),
            "policy": self.policy,
            "reason": self.reason,
            "upstream": self.upstream,
        }
        log.info("%s", json.dumps({name: value for name, value in fields.items() if value != ""}))


def open_log() -> None:
    """Lines go to standard output, whatever is done with the other loggers."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)
