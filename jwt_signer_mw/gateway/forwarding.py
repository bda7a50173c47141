"""Passes requests on to the service behind, both bodies streamed. On httpx2's transport.

Nothing is rewritten but what has to be: hop-by-hop headers stay here (RFC 9110 section 7.6.1), and the
X-Forwarded- headers are ours, not the client's. The target goes on as the client wrote it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import httpx2
from anyio import CancelScope, create_task_group

from jwt_signer_mw.drivers.async_transport import trust
from jwt_signer_mw.drivers.transport import authorities
from jwt_signer_mw.gateway.answers import failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from anyio.abc import TaskGroup

    from jwt_signer_mw.asgi import Receive, Scope
    from jwt_signer_mw.gateway.access_log import Entry

log = logging.getLogger("jwt_signer_mw.gateway")

CONNECT_TIMEOUT = 5.0  # seconds: a service that does not even take the connection
MAX_KEPT = 128  # idle connections to services
HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
OURS = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded"})

Pairs = list[tuple[bytes, bytes]]


class Passage(NamedTuple):
    """One request on its way. `target` is raw, with its query; `headers` are those that go on."""

    base: str
    target: str
    headers: Pairs
    preserve_host: bool
    timeout: float  # seconds


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


class Forwarder:
    """Connections to the services behind, kept open between requests."""

    def __init__(self) -> None:
        self._pool = httpx2.AsyncHTTPTransport(
            verify=trust(authorities(), True),
            trust_env=False,
            limits=httpx2.Limits(
                max_connections=None, max_keepalive_connections=MAX_KEPT, keepalive_expiry=30
            ),
            retries=1,  # of connections that can't be made: nothing was sent then
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def pass_on(self, passage: Passage, scope: Scope, receive: Receive, entry: Entry) -> str:
        """Returns the reason for the access log. 502 and 504 are ours; all else is the service's."""
        reason = "client_left"
        async with create_task_group() as group:
            reason = await self._converse(passage, scope, receive, entry, group)
            group.cancel_scope.cancel()
        return reason

    async def _converse(
        self, passage: Passage, scope: Scope, receive: Receive, entry: Entry, group: TaskGroup
    ) -> str:
        body = Body(receive)
        try:
            response = await self._pool.handle_async_request(_request(passage, scope, body))
            try:
                if body.complete:
                    group.start_soon(_watch, receive, group.cancel_scope)
                await _relay(response, scope, entry)
            finally:
                with CancelScope(shield=True):
                    await response.aclose()
        except ClientLeft:
            return "client_left"
        except httpx2.TimeoutException:
            return await self._give_up(scope, entry, 504, "upstream_timeout")
        except (httpx2.HTTPError, OSError) as problem:
            log.warning("%s: %s", passage.base, type(problem).__name__)
            return await self._give_up(scope, entry, 502, "upstream_unreachable")
        return "accepted"

    async def _give_up(self, scope: Scope, entry: Entry, status: int, reason: str) -> str:
        """After the answer began nothing can be said: the server closes the connection."""
        if not entry.started:
            await failure(scope, entry.send, status)
        return reason


class Body:
    """The client's body, as it comes. `complete`: nothing of it is left to read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self.complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            self.complete = not message.get("more_body", False)
            yield message.get("body", b"")


def _request(passage: Passage, scope: Scope, body: Body) -> httpx2.Request:
    url = httpx2.URL(passage.base)
    headers = outgoing(passage.headers, scope, None if passage.preserve_host else url.netloc)
    names = {name for name, _ in scope["headers"]}
    chunked = b"transfer-encoding" in names
    if chunked:
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        headers.append((b"transfer-encoding", b"chunked"))
    body.complete = not (chunked or b"content-length" in names)
    target = url.raw_path.rstrip(b"/") + passage.target.encode("latin-1")
    limit = passage.timeout
    timeout = {"connect": min(CONNECT_TIMEOUT, limit), "read": limit, "write": limit, "pool": limit}
    return httpx2.Request(
        scope["method"],
        url,
        headers=headers,
        content=None if body.complete else body.chunks(),
        extensions={"target": target, "timeout": timeout},
    )


def outgoing(headers: Pairs, scope: Scope, host: bytes | None) -> Pairs:
    """What goes to the service: without this hop's headers, with where the request came from."""
    kept = [
        pair
        for pair in headers
        if pair[0] not in HOP_BY_HOP and pair[0] not in OURS and not (pair[0] == b"host" and host is not None)
    ]
    asked = next((value for name, value in scope["headers"] if name == b"host"), b"")
    client = scope.get("client")
    scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
    forwarded = [(b"x-forwarded-proto", scheme.encode()), (b"x-forwarded-host", asked)]
    if client:
        forwarded.append((b"x-forwarded-for", client[0].encode()))
    return [*([] if host is None else [(b"host", host)]), *kept, *forwarded]


def named_in_connection(headers: Pairs) -> frozenset[bytes]:
    """Headers that are meant for this hop only. Asked of the client's own, never of what we write."""
    values = b",".join(value for name, value in headers if name == b"connection")
    return frozenset(name.strip().lower() for name in values.split(b",")) - {b"host"}


async def _relay(response: httpx2.Response, scope: Scope, entry: Entry) -> None:
    named = named_in_connection([(name.lower(), value) for name, value in response.headers.raw])
    headers = [
        (name.lower(), value)
        for name, value in response.headers.raw
        if name.lower() not in HOP_BY_HOP and name.lower() not in named
    ]
    await entry.send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    if scope["method"] != "HEAD":
        async for chunk in response.aiter_raw():
            await entry.send({"type": "http.response.body", "body": chunk, "more_body": True})
    await entry.send({"type": "http.response.body", "body": b""})


async def _watch(receive: Receive, scope: CancelScope) -> None:
    """Ends a stream that nobody reads any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def lower(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    return [(name.lower(), value) for name, value in headers]
