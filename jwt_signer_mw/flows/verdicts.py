"""The verdict cache: the fast road for tokens of requests that were accepted before.

An entry is good until the first of its tokens needs a new look, for `verdict_cache_ttl` seconds at
most, and not longer than the keys and settings it was made with. Only acceptances are kept. A hit
costs one hash, one look-up and two comparisons.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.caches.memory import snapshot
from jwt_signer_mw.messages import claims_in
from jwt_signer_mw.wire import parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.binding.bond import Bond
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.messages import Consumer, Outcome


class Verdict(NamedTuple):
    """What an accepted request gets. It holds between `since` and `until` of the wall clock, and until the
    tick `fresh`."""

    since: float
    until: float
    fresh: float
    names: tuple[str, ...]
    outcomes: tuple[Outcome | None, ...]
    values: tuple[str, ...]
    consumer: Consumer | None
    bonds: tuple[Bond | None, ...] = ()  # of the tokens, where a policy `binds`

    def told(self) -> Iterator[dict[str, Any]]:
        """The claims of the tokens that the request had, as far as a purge asks."""
        for outcome in self.outcomes:
            if outcome is not None and outcome.payload is not None:
                yield parse_object(outcome.payload)
            elif outcome is not None and outcome.signed is not None:
                yield claims_in(self.values[outcome.signed])


class VerdictCache:
    """Bounded, least recently used first out. Every step is one atomic dict operation: no lock."""

    def __init__(self, size: int, ttl: float, clock: Clock) -> None:
        self._size = size if ttl > 0 else 0
        self._ttl = ttl
        self._now, self._ticks = clock.now, clock.ticks
        self._entries: OrderedDict[bytes, Verdict] = OrderedDict()
        self.enabled = self._size > 0
        self.generation = 0  # what was begun in an earlier one is not put in

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: bytes, ticks: float) -> Verdict | None:
        """What still holds at this tick."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if ticks >= entry.fresh or not entry.since <= self._now() < entry.until:
            self._entries.pop(name, None)
            return None
        try:  # noqa: SIM105  contextlib.suppress costs more than the step itself
            self._entries.move_to_end(name)
        except KeyError:  # another thread evicted it just now; the verdict is good all the same
            pass
        return entry

    def deadline(self) -> float:
        """The `fresh` of a verdict that is made now."""
        return self._ticks() + self._ttl

    def put(self, name: bytes, verdict: Verdict, generation: int) -> None:
        """Remembers what was begun in this generation."""
        if generation != self.generation:
            return
        entries = self._entries
        entries[name] = verdict
        while len(entries) > self._size:
            try:
                entries.popitem(last=False)
            except KeyError:
                return

    def clear(self) -> None:
        self.generation += 1
        self._entries.clear()

    def purge(self, fits: Callable[[Verdict], bool]) -> int:
        """Forgets what fits, and has nothing remembered that is decided meanwhile. The number forgotten."""
        self.generation += 1
        names = [name for name, verdict in snapshot(self._entries) if fits(verdict)]
        return sum(self._entries.pop(name, None) is not None for name in names)


def name_of(values: tuple[str | None, ...], longest: int) -> bytes | None:
    """A name for these header values that tells nothing about them; None where there is nothing to name,
    or where a value has more than `longest` characters."""
    if len(values) == 1:  # nearly every service: it reads one header
        text = values[0]
        if text is None or len(text) > longest:
            return None
        if text[:7] != "Bearer ":
            text = _usual_scheme(text)
    elif max([len(value or "") for value in values], default=0) > longest:
        return None
    else:
        text = _joined(values)
    try:
        return hashlib.sha256(text.encode()).digest()
    except UnicodeEncodeError:  # lone surrogates
        return None


def _joined(values: tuple[str | None, ...]) -> str:
    """Lengths come first, so that no two requests share a text by moving characters between headers, and
    an empty header is not an absent one."""
    usual = [None if value is None else _usual_scheme(value) for value in values]
    lengths = ",".join(["-" if value is None else str(len(value)) for value in usual])
    return "".join([lengths, ";", *(value or "" for value in usual)])


def _usual_scheme(value: str) -> str:
    """RFC 9110 section 11.1: a scheme has no case."""
    return "Bearer " + value[7:] if value[:7].lower() == "bearer " else value
