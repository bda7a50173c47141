"""Both transports with one face, for the tests that hold for either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from anyio.from_thread import start_blocking_portal

from jwt_signer_mw.drivers.async_transport import HttpxTransport

if TYPE_CHECKING:
    from jwt_signer_mw.flows.commands import Exchange, Reply


class Closing(Protocol):
    def send(self, exchange: Exchange) -> Reply: ...

    def close(self) -> None: ...


class AsyncFromHere:
    """The asynchronous transport, called from a thread without an event loop."""

    def __init__(self) -> None:
        self._opening = start_blocking_portal()
        self._portal = self._opening.__enter__()
        self._transport = HttpxTransport()

    def send(self, exchange: Exchange) -> Reply:
        return self._portal.call(self._transport.send, exchange)

    def close(self) -> None:
        self._portal.call(self._transport.aclose)
        self._opening.__exit__(None, None, None)
