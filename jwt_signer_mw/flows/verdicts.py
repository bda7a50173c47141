"""The verdict cache: the fast road for tokens of requests that were accepted before.

An entry is good until the first of its tokens needs a new look, for `verdict_cache_ttl` seconds at
most, and not longer than the keys and settings it was made with. Only acceptances are kept. A hit
costs one hash, one look-up and two comparisons.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.messages import Consumer, Outcome


class Verdict(NamedTuple):
    """What an accepted request gets. `until` is wall-clock time, `fresh` is clock ticks."""

    until: float
    fresh: float
    names: tuple[str, ...]
    values: tuple[str, ...]
    outcomes: tuple[Outcome | None, ...]
    consumer: Consumer | None


class VerdictCache:
    """Bounded, least recently used first out. Every step is one atomic dict operation: no lock."""

    def __init__(self, size: int, ttl: float, clock: Clock) -> None:
        self._size = size if ttl > 0 else 0
        self._ttl = ttl
        self._now, self._ticks = clock
        self._entries: OrderedDict[bytes, Verdict] = OrderedDict()
        self.enabled = self._size > 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Verdict | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._now() >= entry.until or self._ticks() >= entry.fresh:
            self._entries.pop(key, None)
            return None
        try:  # noqa: SIM105  contextlib.suppress costs more than the step itself
            self._entries.move_to_end(key)
        except KeyError:  # another thread evicted it just now; the verdict is good all the same
            pass
        return entry

    def put(self, key: bytes, verdict: Verdict) -> None:
        self._entries[key] = verdict._replace(fresh=self._ticks() + self._ttl)
        while len(self._entries) > self._size:
            try:
                self._entries.popitem(last=False)
            except KeyError:
                return

    def clear(self) -> None:
        self._entries.clear()


def key_of(values: tuple[str | None, ...]) -> bytes | None:
    """A name for these header values that tells nothing about them; None where there is nothing to name.

    Lengths come first, so that no two requests share a name by moving text between headers, and an
    empty header is not an absent one.
    """
    try:
        if len(values) == 1:
            return None if values[0] is None else hashlib.sha256(values[0].encode()).digest()
        lengths = ",".join(["-" if value is None else str(len(value)) for value in values])
        return hashlib.sha256("".join([lengths, ";", *(value or "" for value in values)]).encode()).digest()
    except UnicodeEncodeError:  # lone surrogates
        return None
