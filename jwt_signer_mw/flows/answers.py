"""What providers answered about opaque tokens, in the shared cache.

An entry is the answer's body after the time until which it may be used. A cache that is down costs time,
never an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.events import log
from jwt_signer_mw.flows.commands import call
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow


CLAIM = "asking:"  # before the key: one process is
LOOK_INTERVAL = 0.02  # seconds between two looks for the answer that another process asked for


class Answer(NamedTuple):
    """`until`: seconds since the epoch at which the provider has to be asked again. `serves_until`: until
    when it serves all the same, if the provider can't be asked."""

    until: float
    body: bytes
    serves_until: float = 0.0


class Answers:
    """The answers of one endpoint. `generation` counts purges: what was asked before is not kept after."""

    def __init__(self, cache: SharedCache, clock: Clock) -> None:
        self.generation = 0
        self._cache = cache
        self._clock = clock

    def recall(self, key: str) -> Flow[Answer | None]:
        return self._usable((yield from self._get(key)))

    def recall_old(self, key: str) -> Flow[Answer | None]:
        """One that serves while the provider can't be asked; it may be younger, too."""
        value = yield from self._get(key)
        answer = None if value is None else _read(value)
        return answer if answer is not None and answer.serves_until > self._clock.now() else None

    def _get(self, key: str) -> Flow[bytes | None]:
        cache = self._cache
        try:
            return (yield from call(cache.get, key)) if cache.blocking else cache.get(key)
        except StoreError as error:
            log.warning("%s", error.detail)
            return None

    def remember(self, key: str, answer: Answer, generation: int) -> Flow[Answer]:
        """The answer, as it may be used: one that was asked for before a purge serves this request only."""
        cache, now = self._cache, self._clock.now()
        if generation != self.generation:
            return answer._replace(until=now)
        until = max(answer.until, answer.serves_until)
        if until > now:
            value, seconds = b"%r,%r %b" % (answer.until, answer.serves_until, answer.body), until - now
            try:
                if cache.blocking:
                    yield from call(cache.put, key, value, seconds)
                else:
                    cache.put(key, value, seconds)
            except StoreError as error:
                log.warning("%s", error.detail)
        return answer

    def replace_old(self, key: str) -> Flow[None]:
        """Whatever was said before does not serve any more."""
        try:
            yield from self.forget(key)
        except StoreError as error:
            log.warning("%s", error.detail)

    def forget(self, key: str) -> Flow[int]:
        """How many answers there were: one, or none. Raises `StoreError`."""
        cache = self._cache
        value = (yield from call(cache.get, key)) if cache.blocking else cache.get(key)
        if value is None:
            return 0
        if cache.blocking:
            yield from call(cache.delete, key)
        else:
            cache.delete(key)
        return 1

    def claim(self, key: str, patience: float) -> Flow[Answer | None]:
        """Lets one of several processes ask, and gives the others its answer. None: ask yourself, and then
        `release`. `patience` in seconds."""
        if not self._cache.blocking:
            return None
        return (yield from call(self._claim_or_wait, key, patience))

    def release(self, key: str) -> Flow[None]:
        """The others need not wait any longer."""
        if self._cache.blocking:
            try:
                yield from call(self._cache.delete, CLAIM + key)
            except StoreError as error:
                log.warning("%s", error.detail)

    def _claim_or_wait(self, key: str, patience: float) -> Answer | None:
        cache, until = self._cache, self._clock.ticks() + patience
        try:
            if cache.claim(CLAIM + key, patience):
                return None
            while self._clock.ticks() < until and self._clock.rest(LOOK_INTERVAL):
                is_claimed = (
                    cache.get(CLAIM + key) is not None
                )  # before the answer, or one could slip through
                answer = self._usable(cache.get(key))
                if answer is not None or not is_claimed:
                    return answer
        except StoreError as error:
            log.warning("%s", error.detail)
        return None

    def _usable(self, value: bytes | None) -> Answer | None:
        answer = None if value is None else _read(value)
        return answer if answer is not None and answer.until > self._clock.now() else None


def purge_answers(cache: SharedCache, fits: Callable[[Mapping[str, Any]], bool]) -> Flow[int | None]:
    """Forgets the answers with such claims. Their number; None for a cache that can't be searched.

    Raises `StoreError`.
    """

    def is_meant(value: bytes) -> bool:
        answer = _read(value)
        try:
            return answer is not None and fits(parse_object(answer.body))
        except Malformed:
            return False

    return (yield from call(cache.purge, is_meant)) if cache.blocking else cache.purge(is_meant)


def _read(value: bytes) -> Answer | None:
    times, _, body = value.partition(b" ")
    try:
        until, serves_until = map(float, times.split(b","))
        return Answer(until, body, serves_until)
    except ValueError:  # written by somebody else
        return None
