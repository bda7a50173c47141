"""A bounded cache in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


def open_url(_url: str, size: int, clock: Clock) -> MemoryCache:
    return MemoryCache(size, clock)


def snapshot(entries: Mapping[K, V]) -> list[tuple[K, V]]:
    """The entries of a mapping that other threads change."""
    while True:
        try:
            return list(entries.items())
        except RuntimeError:  # it changed just now
            continue


class MemoryCache:
    """Least recently used entries leave first. Every step is one atomic dict operation: no lock."""

    blocking = False

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._ticks = clock.ticks
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._ticks() >= entry[0]:
            self._entries.pop(key, None)
            return None
        try:  # noqa: SIM105  contextlib.suppress costs more than the step itself
            self._entries.move_to_end(key)
        except KeyError:  # another thread evicted it just now; the value is good all the same
            pass
        return entry[1]

    def put(self, key: str, value: bytes, seconds: float) -> None:
        if self._size <= 0:
            return
        self._entries[key] = (self._ticks() + seconds, value)
        while len(self._entries) > self._size:
            try:
                self._entries.popitem(last=False)
            except KeyError:
                return

    def delete(self, key: str) -> None:
        self._entries.pop(key, None)

    def claim(self, key: str, seconds: float) -> bool:
        """One process needs no claims: its driver merges what is equal."""
        del key, seconds
        return True

    def purge(self, fits: Callable[[bytes], bool]) -> int:
        keys = [key for key, (_, value) in snapshot(self._entries) if fits(value)]
        return sum(self._entries.pop(key, None) is not None for key in keys)
