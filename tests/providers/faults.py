"""A TCP proxy that spoils connections on demand, in front of anything that listens on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Mode: TypeAlias = Literal[
    "none",
    "latency",  # each piece of the answer comes `seconds` late
    "refuse",  # accepted, then reset at once
    "blackhole",  # never an answer
    "reset_after",  # reset after `size` bytes of the answer
    "close_after",  # closed as if complete after `size` bytes of the answer
    "slow",  # `size` bytes a second
    "slice",  # pieces of `size` bytes, `seconds` apart
]
T = TypeVar("T")

CHUNK = 65536  # bytes
TICKS = 20  # pieces a second of a slow answer
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, zero seconds
SETTLE_SECONDS = 0.02  # lets the bytes before a reset arrive: a reset throws away what is still in flight


class Fault(NamedTuple):
    mode: Mode = "none"
    size: int = 0
    seconds: float = 0.0


HEALTHY = Fault()


class FaultProxy:
    """Listens on a free port of 127.0.0.1, in a thread of its own, and forwards to `host`:`port`.

    A fault holds for connections that are opened after it was set.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._upstream = (host, port)
        self._fault = HEALTHY
        self._left: int | None = None  # how many connections the fault still holds for; None: all
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def set(self, mode: Mode, *, size: int = 0, seconds: float = 0.0, count: int | None = None) -> None:
        """Spoil the connections to come, or the next `count` of them."""
        self._fault, self._left = Fault(mode, size, seconds), count

    def reset(self) -> None:
        """Forward faithfully again, drop open connections, and count from zero."""
        self.set("none")
        self.drop()
        self.connections = 0

    def drop(self) -> None:
        """Reset every open connection, as a failing peer does to a client's pool."""
        self._run(self._drop())

    def close(self) -> None:
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _drop(self) -> None:
        for writer in self._writers:
            reset(writer)

    async def _shut(self) -> None:
        self._server.close()
        await self._drop()
        mine = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _next_fault(self) -> Fault:
        self.connections += 1
        if self._left is None:
            return self._fault
        self._left -= 1
        return self._fault if self._left >= 0 else HEALTHY

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._next_fault()
        with contextlib.suppress(OSError):
            if fault.mode == "refuse":
                reset(writer)
            else:
                await self._forward(fault, reader, writer)
        writer.close()

    async def _forward(
        self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        both = {writer, upstream_writer}
        self._writers |= both
        try:
            await asyncio.gather(
                relay(HEALTHY, reader, upstream_writer), relay(fault, upstream_reader, writer)
            )
        finally:
            self._writers -= both
            upstream_writer.close()


async def relay(fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction of a connection, spoiled as the fault says, until its end."""
    room = fault.size
    while data := await reader.read(CHUNK):
        if fault.mode == "blackhole":
            continue
        if fault.mode in {"reset_after", "close_after"}:
            await deliver(fault, writer, data[:room])
            room -= len(data)
            if room <= 0:
                break
        else:
            await deliver(fault, writer, data)
    if fault.mode == "reset_after" and room <= 0:
        await asyncio.sleep(SETTLE_SECONDS)
        reset(writer)
    elif fault.mode != "blackhole":
        writer.write_eof()


async def deliver(fault: Fault, writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write one piece at the pace of the fault."""
    size, pause = len(data), 0.0
    if fault.mode == "latency":
        await asyncio.sleep(fault.seconds)
    elif fault.mode == "slow":
        size, pause = max(1, fault.size // TICKS), 1 / TICKS
    elif fault.mode == "slice":
        size, pause = fault.size, fault.seconds
    for start in range(0, len(data), size or 1):
        writer.write(data[start : start + size])
        await writer.drain()
        await asyncio.sleep(pause)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a TCP reset, unless it has ended already."""
    if writer.is_closing():
        return
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
