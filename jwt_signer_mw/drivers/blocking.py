"""Runs flows on the calling thread."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import Call, Fetch, Once, Within

if TYPE_CHECKING:
    from collections.abc import Hashable

    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.flows.commands import Command, Flow

T = TypeVar("T")


class Flight:
    """A flow under way: who comes for the same waits at the gate and shares the outcome."""

    __slots__ = ("error", "gate", "result")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.result: Any = None
        self.error: Exception | None = None

    def land(self) -> None:
        self.gate.release()

    def wait(self) -> Any:
        with self.gate:
            pass
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.result


class BlockingDriver:
    """The blocking driver: fetches with `transport`, merges equal `Once` commands across threads."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._flights: dict[Hashable, Flight] = {}
        _drivers.add(self)

    def run(self, flow: Flow[T]) -> T:
        """The flow's value; raises what the flow raises."""
        try:
            command = next(flow)
            while True:
                try:
                    result = self._perform(command)
                except Exception as error:  # noqa: BLE001  the flow decides what it means
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _perform(self, command: Command) -> Any:
        if type(command) is Call:
            return command.function(*command.arguments)
        if type(command) is Fetch:
            return self.transport.send(command.exchange)
        if type(command) is Once:
            return self._once(command)
        if type(command) is Within:
            with command.context():
                return self.run(command.flow())
        raise TypeError(f"unknown command {type(command).__name__}")

    def _once(self, command: Once) -> Any:
        mine = Flight()
        flight = self._flights.setdefault(command.key, mine)
        if flight is not mine:
            return flight.wait()
        try:
            mine.result = result = self.run(command.flow())
        except Exception as error:
            mine.error = error
            raise
        except BaseException:
            mine.error = StoreError("interrupted")
            raise
        finally:
            self._flights.pop(command.key, None)
            mine.land()
            del mine, flight  # or the flight, its error and this frame would hold each other
        return result

    def forget_flights(self) -> None:
        """After a fork: the threads that led them live in the parent only."""
        self._flights.clear()


_drivers: weakref.WeakSet[BlockingDriver] = weakref.WeakSet()


def _after_fork() -> None:
    for driver in list(_drivers):
        driver.forget_flights()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
