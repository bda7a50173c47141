"""Passes websockets on to the service behind, on the library `websockets`."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio import create_task_group
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from jwt_signer_mw.gateway.answers import failure
from jwt_signer_mw.gateway.forwarding import CONNECT_TIMEOUT, outgoing

if TYPE_CHECKING:
    from anyio import CancelScope
    from websockets.asyncio.client import ClientConnection

    from jwt_signer_mw.asgi import Receive, Scope, Send
    from jwt_signer_mw.gateway.access_log import Entry
    from jwt_signer_mw.gateway.forwarding import Passage

log = logging.getLogger("jwt_signer_mw.gateway")

MAX_MESSAGE = 1 << 24  # bytes
ABNORMAL = 1011  # RFC 6455 section 7.4.1: the service went away
_OF_THE_HANDSHAKE = b"sec-websocket-"


async def pass_on(passage: Passage, scope: Scope, receive: Receive, entry: Entry) -> str:
    """Accepts the client when the service does. Returns the reason for the access log."""
    await receive()  # websocket.connect
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in outgoing(passage.headers, scope, None)
        if not name.startswith(_OF_THE_HANDSHAKE) and (passage.preserve_host or name != b"host")
    ]
    offered = [Subprotocol(one) for one in scope.get("subprotocols", ())]
    url = "ws" + passage.base.rstrip("/").removeprefix("http") + passage.target
    try:
        async with connect(
            url,
            additional_headers=headers,
            subprotocols=offered or None,
            user_agent_header=None,
            compression=None,
            max_size=MAX_MESSAGE,
            open_timeout=CONNECT_TIMEOUT,
            proxy=None,
        ) as service:
            await entry.send({"type": "websocket.accept", "subprotocol": service.subprotocol})
            async with create_task_group() as group:
                group.start_soon(_to_service, receive, service, group.cancel_scope)
                await _to_client(service, entry.send)
                group.cancel_scope.cancel()
    except (OSError, InvalidHandshake, TimeoutError) as problem:
        log.warning("%s: %s", passage.base, type(problem).__name__)
        await failure(scope, entry.send, 502)
        return "upstream_unreachable"
    return "accepted"


async def _to_client(service: ClientConnection, send: Send) -> None:
    with suppress(ConnectionClosed):
        async for message in service:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    await send({"type": "websocket.close", "code": service.close_code or ABNORMAL})


async def _to_service(receive: Receive, service: ClientConnection, scope: CancelScope) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            await service.close(message.get("code") or 1000)
            scope.cancel()
            return
        text = message.get("text")
        with suppress(ConnectionClosed):
            await service.send(message["bytes"] if text is None else text)
