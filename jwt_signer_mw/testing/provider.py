"""A provider as it is at times: down, slow, talking nonsense, with new keys; in memory or on a real port."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Reply
from jwt_signer_mw.testing.clock import SteerableClock
from jwt_signer_mw.testing.issuer import URL, Issuer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.flows.commands import Exchange

Endpoint: TypeAlias = Literal["jwks", "introspect", "keysets"]

# What comes in place of a good body, by name.
MALFORMED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "html": lambda _: b"<!doctype html><title>Sign in</title>",
    "empty": lambda _: b"",
    "truncated": lambda body: body[: len(body) // 2],
    "list": lambda _: b"[]",
    "nothing": lambda _: b"{}",
    "huge": lambda _: b" " * (1 << 25),
}


class Condition(NamedTuple):
    """What is the matter with one endpoint, or with all."""

    of: Endpoint | None
    seconds: float = 0.0  # that an answer takes
    down: bool = False  # the connection breaks
    status: int | None = None  # in place of the good one, without a body
    spoil: Callable[[bytes], bytes] | None = None

    def changed(self, reply: Reply) -> Reply:
        if self.status is not None:
            return Reply(self.status, {}, b"")
        return reply if self.spoil is None else reply._replace(body=self.spoil(reply.body))


class Provider(Issuer):
    """An `Issuer` with troubles and a clock, which applications that trust it run by, too.

    `calls` are the endpoints that were asked, in order.
    """

    def __init__(self, clock: SteerableClock | None = None) -> None:
        self.clock = SteerableClock() if clock is None else clock
        super().__init__(self.clock)
        self.calls: list[str] = []
        self._conditions: list[Condition] = []
        self._rotates = False

    def services(self) -> Services:
        return {"transport": self, "clock": self.clock}

    @contextmanager
    def outage(self, of: Endpoint | None = None, *, status: int | None = None) -> Iterator[None]:
        """Meanwhile connections break, or a status without a body is all that comes."""
        with self._under(Condition(of, down=status is None, status=status)):
            yield

    @contextmanager
    def slow(self, seconds: float, of: Endpoint | None = None) -> Iterator[None]:
        """Meanwhile an answer takes so long. In memory the clock moves on, and nobody waits."""
        with self._under(Condition(of, seconds=seconds)):
            yield

    @contextmanager
    def malformed(self, kind: str = "html", of: Endpoint | None = None) -> Iterator[None]:
        """Meanwhile a 200 comes with a body that is none: `kind` is one of `MALFORMED`."""
        with self._under(Condition(of, spoil=MALFORMED[kind])):
            yield

    def rotate_after_fetch(self) -> None:
        """A new key signs as soon as somebody has fetched the key set that is published now."""
        self._rotates = True

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Meanwhile it answers on a port of loopback, too, and `origin` is there: for servers in other
        processes. Have applications trust it only then."""
        from jwt_signer_mw.testing.serving import serving

        with serving(self) as origin:
            self.origin = origin
            try:
                yield origin
            finally:
                self.origin = URL

    def send(self, exchange: Exchange) -> Reply:
        """Raises `TransportError` where a real transport would."""
        condition = self.condition(exchange.url.removeprefix(f"{self.origin}/"))
        if condition.seconds:
            if condition.seconds >= exchange.timeout:
                raise TransportError(f"{exchange.url}: no answer in {exchange.timeout} seconds")
            self.clock.advance(condition.seconds)
        if condition.down:
            raise TransportError(f"{exchange.url}: the connection broke")
        reply = super().send(exchange)
        if len(reply.body) > exchange.max_bytes:
            raise TransportError(f"{exchange.url}: a body of more than {exchange.max_bytes} bytes")
        return reply

    def answer(self, path: str, body: bytes) -> Reply:
        self.calls.append(path)
        reply = self.condition(path).changed(super().answer(path, body))
        if self._rotates and path == "jwks":
            self._rotates = False
            self.rotate()
        return reply

    def condition(self, path: str) -> Condition:
        """What is the matter with the endpoint: the newest trouble counts."""
        endpoint = path.partition("/")[0]
        fitting = (one for one in reversed(self._conditions) if one.of in (None, endpoint))
        return next(fitting, Condition(None))

    @contextmanager
    def _under(self, condition: Condition) -> Iterator[None]:
        self._conditions.append(condition)
        try:
            yield
        finally:
            self._conditions.remove(condition)
