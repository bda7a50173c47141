"""Time, in seconds. Injected everywhere, so that tests never wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(NamedTuple):
    """`now` is seconds since the epoch; `ticks` never goes back and measures the life of caches.

    An injected clock drives both. Without one, a wall clock that is set back can't prolong a cache.
    """

    now: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, clock: Callable[[], float] | None) -> Clock:
        return cls() if clock is None else cls(clock, clock)
