"""Transports that tell of every exchange with a provider: how long it took, and what came of it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.events import Exchanged
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.observing import Exchanging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.drivers.asynchronous import AsyncTransport
    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.flows.commands import Exchange, Reply
    from jwt_signer_mw.observing import Observers


def observed(transport: Any, observers: Observers) -> Any:
    """The transport, blocking or asynchronous; as it is where nobody wants to hear of its exchanges."""
    if not observers.want_more:
        return transport
    kind = AsyncObservedTransport if iscoroutinefunction(transport.send) else ObservedTransport
    return kind(transport, lambda: observers)


class ObservedTransport:
    """A blocking transport whose exchanges are observed."""

    def __init__(self, transport: Transport, observers: Callable[[], Observers]) -> None:
        self._transport = transport
        self._observers = observers

    def send(self, exchange: Exchange) -> Reply:
        with _Observation.of(exchange, self._observers()) as observation:
            return observation.saw(self._transport.send(observation.exchange))

    def close(self) -> None:
        close = getattr(self._transport, "close", None)
        if close is not None:
            close()


class AsyncObservedTransport:
    """The same on an event loop."""

    def __init__(self, transport: AsyncTransport, observers: Callable[[], Observers]) -> None:
        self._transport = transport
        self._observers = observers

    async def send(self, exchange: Exchange) -> Reply:
        with _Observation.of(exchange, self._observers()) as observation:
            return observation.saw(await self._transport.send(observation.exchange))

    async def aclose(self) -> None:
        close = getattr(self._transport, "aclose", None)
        if close is not None:
            await close()


class _Observation:
    """One exchange, and what came of it so far."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.status = 0

    def saw(self, reply: Reply) -> Reply:
        self.status = reply.status
        return reply

    @classmethod
    @contextmanager
    def of(cls, exchange: Exchange, observers: Observers) -> Iterator[_Observation]:
        """Tells the observers when the exchange is over, whatever came of it."""
        place = Source(exchange.url).place
        work = Exchanging(exchange.purpose or "other", exchange.method, place, [])
        with observers.around(work):
            observation = cls(exchange._replace(headers=(*exchange.headers, *work.headers)))
            began, failure = time.perf_counter(), "interrupted"
            try:
                yield observation
            except TransportError as error:
                failure = error.detail
                raise
            finally:
                told = "" if observation.status else failure
                took = time.perf_counter() - began
                server = urlsplit(place).netloc
                observers.tell(Exchanged(work.purpose, server, took, observation.status, told))
