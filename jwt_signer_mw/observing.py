"""Who hears of what: observers, sorted once by the events they ask for.

A plain callable hears decisions. An observer that wants more says so in `hears`; one that has a method
`around` is told of what begins, too, which is what traces are made of. Where nobody wants more than
decisions, the parts that would tell of it are not built at all (`jwt_signer_mw.flows.observed`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from jwt_signer_mw.events import DEFAULT_POLICY, EVENTS, Decided, log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from jwt_signer_mw.events import Event


class Observer(Protocol):
    """Hears every decision, on the thread or task that made it. It must not block. What it raises is
    logged, and changes no decision.

    `hears`, if it has one, holds the types of all events that it wants.
    """

    def __call__(self, event: Any, /) -> object: ...


class Deciding(NamedTuple):
    """A decision that is not remembered begins."""

    policy: str
    method: str


class Introspecting(NamedTuple):
    """The answer about an opaque token is looked for, in the cache or at the provider."""

    policy: str
    token: str


class Signing(NamedTuple):
    """A token is signed."""

    policy: str
    token: str
    algorithm: str


class Exchanging(NamedTuple):
    """An HTTP exchange with a provider begins. What is put into `headers` goes along with the request."""

    purpose: str
    method: str
    url: str  # without user, query and fragment
    headers: list[tuple[str, str]]


Work: TypeAlias = Deciding | Introspecting | Signing | Exchanging


@runtime_checkable
class Watcher(Protocol):
    """An observer that hears of begin and end. Events about the work come while the context is entered."""

    def around(self, work: Work, /) -> AbstractContextManager[object]: ...


class Observers:
    """All observers of one middleware; `policy` is the name by which they hear of it."""

    def __init__(self, observers: Iterable[Observer] = (), policy: str = DEFAULT_POLICY) -> None:
        self.policy = policy
        self.all = tuple(dict.fromkeys(observers))
        self._hearing = {kind: tuple(one for one in self.all if kind in _wanted(one)) for kind in EVENTS}
        self._watchers = tuple(one for one in self.all if isinstance(one, Watcher))

    @property
    def of_decisions(self) -> tuple[Observer, ...]:
        return self._hearing[Decided]

    @property
    def want_more(self) -> bool:
        """Whether anybody wants to hear of more than decisions."""
        return self.watch or any(self._hearing[kind] for kind in EVENTS if kind is not Decided)

    @property
    def watch(self) -> bool:
        return bool(self._watchers)

    def tell(self, event: Event) -> None:
        tell(self._hearing[type(event)], event)

    def around(self, work: Work) -> AbstractContextManager[object]:
        if not self._watchers:
            return nullcontext()
        return _Around([watcher.around for watcher in self._watchers], work)


NO_OBSERVERS = Observers()


def tell(observers: Iterable[Observer], event: Event) -> None:
    """Tells each, whatever another one raises."""
    for observer in observers:
        try:
            observer(event)
        except Exception as problem:  # noqa: BLE001  a decision does not depend on who hears of it
            _log_failure(problem)


def _wanted(observer: Observer) -> Iterable[type]:
    wanted: Iterable[type] = getattr(observer, "hears", (Decided,))
    return wanted


class _Around:
    """The contexts of several watchers as one; what they raise is logged, and none swallows an error."""

    def __init__(
        self, openers: Iterable[Callable[[Work], AbstractContextManager[object]]], work: Work
    ) -> None:
        self._openers = openers
        self._work = work
        self._entered: list[AbstractContextManager[object]] = []

    def __enter__(self) -> None:
        for opener in self._openers:
            try:
                context = opener(self._work)
                context.__enter__()
            except Exception as problem:  # noqa: BLE001
                _log_failure(problem)
            else:
                self._entered.append(context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._entered:
            try:
                self._entered.pop().__exit__(kind, error, trace)
            except Exception as problem:  # noqa: BLE001
                _log_failure(problem)


class Hidden(Exception):
    """An unknown error with its traceback and without its text, which might quote a token."""


def without_text(problem: BaseException) -> Hidden:
    return Hidden(type(problem).__name__).with_traceback(problem.__traceback__)


def _log_failure(problem: Exception) -> None:
    log.error("an observer failed with %s", type(problem).__name__, exc_info=without_text(problem))
