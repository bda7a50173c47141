"""HTTP for the asynchronous driver, on `httpx2`. Extra `asgi`.

Its transports are used without its client: so there is no redirect, no cookie, no proxy and no password of
the environment to switch off. A whole exchange has one time limit: a server that sends a byte now and then
can't prolong it.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx2
from anyio import CapacityLimiter, fail_after, to_thread
from anyio.lowlevel import RunVar

from jwt_signer_mw.drivers.transport import AT_ONCE, POOL_SIZE, authorities, place, request_headers
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=POOL_SIZE)


class _Pools(NamedTuple):
    """The connections of one event loop: to servers whose certificate is verified, and to the others."""

    verifying: httpx2.AsyncHTTPTransport
    trusting: httpx2.AsyncHTTPTransport


class HttpxTransport:
    """The transport of the asynchronous driver; on each event loop it has connections of its own."""

    def __init__(self) -> None:
        self._authorities = authorities()
        self._verifying = _trust_once(self._authorities, True)
        self._trusting = _trust_once(self._authorities, False)
        _new_pool(self._trusting)  # the first one imports for a tenth of a second: not on the event loop
        self._open: RunVar[tuple[AsyncGenerator[_Pools], _Pools] | None] = RunVar(__name__, None)
        self._turns: RunVar[dict[str, CapacityLimiter]] = RunVar(f"{__name__}.turns")

    async def send(self, exchange: Exchange) -> Reply:
        """The reply, whatever its status. Raises `TransportError`: no answer, not in time, or too long."""
        try:
            with fail_after(exchange.timeout):
                async with self._turn(exchange), self._pool(exchange) as pool:
                    return await _converse(pool, exchange)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise TransportError(f"{place(exchange.url)}: {type(error).__name__}") from None

    async def aclose(self) -> None:
        """Close the connections of this event loop. A later exchange opens new ones."""
        opened = self._open.get()
        if opened is not None:
            await opened[0].aclose()

    def _turn(self, exchange: Exchange) -> CapacityLimiter:
        """Who comes while `AT_ONCE` others talk to the endpoint waits, within the time of its exchange."""
        try:
            turns = self._turns.get()
        except LookupError:
            turns = {}
            self._turns.set(turns)
        return turns.setdefault(exchange.url, CapacityLimiter(AT_ONCE))

    @asynccontextmanager
    async def _pool(self, exchange: Exchange) -> AsyncIterator[httpx2.AsyncHTTPTransport]:
        """A client certificate is read for every exchange (key sets, now and then): it may be a new one."""
        if exchange.certificate is None:
            pools = await self._pools()
            yield pools.verifying if exchange.verify else pools.trusting
            return
        context = await to_thread.run_sync(
            trust, self._authorities, exchange.verify, exchange.certificate, abandon_on_cancel=True
        )
        async with _new_pool(context) as pool:
            yield pool

    async def _pools(self) -> _Pools:
        opened = self._open.get()
        if opened is None:
            life = self._live()
            opened = (life, await anext(life))
            self._open.set(opened)
        return opened[1]

    async def _live(self) -> AsyncGenerator[_Pools]:
        """The pools until this is closed, which every event loop does with its generators when it ends."""
        pools = _Pools(_new_pool(self._verifying), _new_pool(self._trusting))
        try:
            yield pools
        finally:
            self._open.set(None)
            for pool in pools:
                await pool.aclose()


def _new_pool(context: ssl.SSLContext) -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=LIMITS)


async def _converse(pool: httpx2.AsyncHTTPTransport, exchange: Exchange) -> Reply:
    request = httpx2.Request(
        exchange.method, exchange.url, headers=request_headers(exchange), content=exchange.body or None
    )
    response = await pool.handle_async_request(request)
    try:
        body = await _read(response, exchange)
    finally:
        await response.aclose()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body)


async def _read(response: httpx2.Response, exchange: Exchange) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():  # of a bomb, a megabyte at a time
        size += len(chunk)
        if size > exchange.max_bytes:
            raise TransportError(f"{place(exchange.url)}: a body of more than {exchange.max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def trust(authorities: str, verify: bool, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    """Whom a client trusts, and how it shows itself. Reads files; raises `OSError`."""
    if verify:
        file, folder = (None, authorities) if Path(authorities).is_dir() else (authorities, None)
        context = ssl.create_default_context(cafile=file, capath=folder)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(*certificate, password="")  # an encrypted key fails, without it one asks
    return context


_trust_once = lru_cache(maxsize=8)(trust)  # reading a hundred authorities takes some 20 ms
