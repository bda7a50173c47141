"""The memory of proofs that were used: a proof is good once (RFC 9449 section 11.1).

In this process alone, or in the shared cache: several processes that share no cache each take a proof once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import call

if TYPE_CHECKING:
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow

KIND = "dpop:"  # before the key in the shared cache


class Replays(Protocol):
    """Keys are hashes. Raises `StoreError`: what can't be remembered is not accepted."""

    def is_first(self, key: str) -> Flow[bool]: ...


class MemoryReplays:
    """In this process. All entries live equally long, so the oldest goes first; none goes before its time.

    Every step is one atomic dict operation: no lock.
    """

    def __init__(self, size: int, life: float, clock: Clock) -> None:
        """`life` in seconds. `size` in entries: with so many unexpired, no further proof is accepted."""
        self._size = size
        self._life = life
        self._ticks = clock.ticks
        self._entries: dict[str, tuple[float]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def is_first(self, key: str) -> Flow[bool]:
        yield from ()
        if self.is_full():
            raise StoreError("the memory of DPoP proofs is full (dpop_replay_size)")
        return self.add(key)

    def is_full(self) -> bool:
        """Of what is not past."""
        self._forget(self._ticks())
        return len(self._entries) >= self._size

    def add(self, key: str) -> bool:
        """Whether it was not there."""
        mine = (self._ticks() + self._life,)
        return self._entries.setdefault(key, mine) is mine

    def _forget(self, now: float) -> None:
        """Whatever is due; each entry is looked at once more, when it is."""
        entries = self._entries
        while entries:
            try:
                oldest = next(iter(entries))
            except (StopIteration, RuntimeError):  # another thread changed it just now
                return
            if entries.get(oldest, (now,))[0] > now:
                return
            entries.pop(oldest, None)


class SharedReplays:
    """In the cache that all processes share: its `claim` is one atomic step.

    And in this process: not every cache keeps what it is given. Django's caches in memory drop entries when
    there are many, and a cache that is switched off claims everything.
    """

    def __init__(self, cache: SharedCache, life: float, own: MemoryReplays) -> None:
        self._cache = cache
        self._life = life
        self._own = own

    def is_first(self, key: str) -> Flow[bool]:
        if not (self._own.is_full() or self._own.add(key)):
            return False
        return (yield from call(self._cache.claim, KIND + key, self._life))


def open_replays(cache: SharedCache, size: int, life: float, clock: Clock) -> Replays:
    own = MemoryReplays(size, life, clock)
    return SharedReplays(cache, life, own) if cache.blocking else own
