"""Runs flows on an event loop: asyncio's, or trio's, through anyio.

What blocks or burns runs in threads. Each event loop has its own flights and thread limits, so that one
driver may serve several loops, one after the other or side by side.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from anyio import CancelScope, CapacityLimiter, Semaphore, to_thread
from anyio.lowlevel import RunVar

from jwt_signer_mw.errors import Unavailable
from jwt_signer_mw.flows.commands import Call, Fetch, Once, Within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.flows.commands import Command, Exchange, Flow, Reply

T = TypeVar("T")

BURNING_THREADS = 2  # signatures at once; more would only take the processor away from the event loop
BLOCKING_THREADS = 16  # calls at once that wait for a store, a cache or a consumer look-up


class AsyncTransport(Protocol):
    """Makes one exchange. Raises `TransportError`, nothing else. An `aclose`, if it has one, ends it."""

    async def send(self, exchange: Exchange) -> Reply: ...


class ThreadedTransport:
    """A blocking transport for the asynchronous driver; every exchange takes a thread."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, exchange: Exchange) -> Reply:
        return await to_thread.run_sync(self._transport.send, exchange)


class Flight:
    """A flow under way, in a task of its own: whoever waits may leave, and the last one ends it.

    Who waited goes on one by one, each in a turn of the loop: hundreds at once would hold up all others.
    """

    def __init__(self, flights: dict[Hashable, Flight], key: Hashable) -> None:
        self._flights, self._key = flights, key
        self._gate = Semaphore(0)
        self._scope = CancelScope()
        self._waiting = 0
        self._landed = False
        self._result: Any = None
        self._error: Exception | None = Unavailable("interrupted")
        flights[key] = self

    async def fly(self, flow: Flow[Any], first: Command, driver: AsynchronousDriver) -> None:
        try:
            with self._scope:
                self._result = await driver.resume(flow, first)
                self._error = None
        except Exception as error:  # noqa: BLE001  whoever waits gets it
            self._error = error
        finally:
            self._leave_board()
            self._landed = True
            self._gate.release()

    async def wait(self) -> Any:
        """The flow's value or error."""
        self._waiting += 1
        try:
            await self._gate.acquire()
            self._gate.release()  # the next one, please
        finally:
            self._waiting -= 1
            if not self._waiting and not self._landed:
                self._leave_board()  # who comes now starts anew
                self._scope.cancel()
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._result

    def _leave_board(self) -> None:
        if self._flights.get(self._key) is self:
            del self._flights[self._key]


class _Home:
    """What belongs to one event loop."""

    def __init__(self) -> None:
        self.flights: dict[Hashable, Flight] = {}
        self.burning = CapacityLimiter(BURNING_THREADS)
        self.blocking = CapacityLimiter(BLOCKING_THREADS)
        self.start = _start_trio_task if _is_trio() else _AsyncioTasks().start


class AsynchronousDriver:
    """Fetches with `transport`, merges equal `Once` commands across the tasks of an event loop.

    `blocking` replaces the threads for calls that block: awaited with the function and its arguments.
    """

    def __init__(
        self, transport: AsyncTransport, *, blocking: Callable[..., Awaitable[Any]] | None = None
    ) -> None:
        self._transport = transport
        self._blocking = blocking
        self._home: RunVar[_Home] = RunVar("jwt_signer_mw.drivers.asynchronous")

    async def run(self, flow: Flow[T]) -> T:
        """The flow's value; raises what the flow raises. A cancelled task closes its flow."""
        try:
            first = next(flow)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        return await self.resume(flow, first)

    async def aclose(self) -> None:
        """Closes the transport's connections of this event loop. They open again when they are needed."""
        close = getattr(self._transport, "aclose", None)
        if close is not None:
            await close()

    async def resume(self, flow: Flow[T], command: Command) -> T:
        """Goes on with a flow that has asked for `command`."""
        try:
            while True:
                try:
                    result = await self._perform(command)
                except Exception as error:  # noqa: BLE001  the flow decides what it means
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    async def _perform(self, command: Command) -> Any:
        if type(command) is Call:
            return await self._call(command)
        if type(command) is Fetch:
            return await self._transport.send(command.exchange)
        if type(command) is Once:
            return await self._once(command)
        if type(command) is Within:
            with command.context():
                return await self.run(command.flow())
        raise TypeError(f"unknown command {type(command).__name__}")

    async def _call(self, command: Call) -> Any:
        if self._blocking is not None and not command.burns:
            return await self._blocking(command.function, *command.arguments)
        home = self._at_home()
        limiter = home.burning if command.burns else home.blocking
        return await to_thread.run_sync(command.function, *command.arguments, limiter=limiter)

    async def _once(self, command: Once) -> Any:
        home = self._at_home()
        flight = home.flights.get(command.key)
        if flight is None:
            flow = command.flow()
            try:
                first = next(flow)
            except StopIteration as stop:  # nothing to wait for: no task, and nobody can have come meanwhile
                return stop.value
            flight = Flight(home.flights, command.key)
            home.start(flight.fly, flow, first, self)
        return await flight.wait()

    def _at_home(self) -> _Home:
        try:
            return self._home.get()
        except LookupError:
            home = _Home()
            self._home.set(home)
            return home


class _AsyncioTasks:
    """Starts tasks that no request owns, and holds them while they run: a loop's own references are weak."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(function(*arguments))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _start_trio_task(function: Callable[..., Any], *arguments: Any) -> None:
    """In the context of who asks first, as a task of asyncio is: traces and log records need it."""
    spawn = sys.modules["trio"].lowlevel.spawn_system_task
    spawn(function, *arguments, context=copy_context())


def _is_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()
