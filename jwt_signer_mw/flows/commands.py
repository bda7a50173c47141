"""What a flow may ask for.

The rules of this house:
1. A flow performs no I/O, sleeps for nothing, takes no lock, and reads only the clock it is given.
2. Whatever may block is a command: fetches, the key set store, the shared cache, consumer
   look-ups, key generation and signing with a slow algorithm.
3. Commands are frozen and hashable; merging equal ones in flight is the driver's work (`Once`).
4. Drivers translate the errors of libraries into the suite's own before they throw them in.
5. One flow object per request, never shared between threads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

T = TypeVar("T")
P = ParamSpec("P")


class Exchange(NamedTuple):
    """One HTTP request that a flow wants made. `timeout` in seconds, for the whole exchange."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    basic: tuple[str, str] | None = None  # user name and password
    certificate: tuple[str, str] | None = None  # paths of certificate and key, PEM
    verify: bool = True  # of the server's certificate
    timeout: float = 5.0
    max_bytes: int = 1 << 20  # of the body, after decompression
    purpose: str = ""  # one word for observers

    def __repr__(self) -> str:
        return f"Exchange({self.method} {self.url})"  # headers, body and password may hold secrets


class Reply(NamedTuple):
    """What came back: any status, never a redirect that was followed."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class Fetch(NamedTuple):
    """Make the exchange. Throws `TransportError`."""

    exchange: Exchange


class Call(NamedTuple):
    """Run a function that may block; an asynchronous driver uses a thread.

    `burns`: it does not wait but burn the processor, so more of them at once than cores are no help.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    burns: bool = False


class Once(NamedTuple):
    """Run the flow, but only once at a time per key: who comes meanwhile waits and shares the outcome."""

    key: Hashable
    flow: Callable[[], Generator[Any, Any, Any]]


class Within(NamedTuple):
    """Run the flow inside a context, by which whoever watches hears of begin and end."""

    context: Callable[[], AbstractContextManager[Any]]
    flow: Callable[[], Generator[Any, Any, Any]]


Command: TypeAlias = Fetch | Call | Once | Within
Flow: TypeAlias = Generator[Command, Any, T]


def fetch(exchange: Exchange) -> Flow[Reply]:
    return cast("Reply", (yield Fetch(exchange)))


def call(function: Callable[P, T], *arguments: P.args, **_: P.kwargs) -> Flow[T]:
    """Positional arguments only: a command has to be hashable."""
    return cast("T", (yield Call(function, arguments)))


def compute(function: Callable[P, T], *arguments: P.args, **_: P.kwargs) -> Flow[T]:
    """`call` for what burns the processor: an RSA signature, a new key."""
    return cast("T", (yield Call(function, arguments, burns=True)))


def within(context: Callable[[], AbstractContextManager[Any]], flow: Flow[T]) -> Flow[T]:
    return cast("T", (yield Within(context, lambda: flow)))


def once(key: Hashable, flow: Callable[[], Flow[T]]) -> Flow[T]:
    return cast("T", (yield Once(key, flow)))
