"""Time, in seconds. Injected everywhere, so that tests never wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _stand_still(_seconds: float) -> bool:
    return False


class Clock(NamedTuple):
    """`now` is seconds since the epoch; `ticks` never goes back and measures the life of caches.

    An injected clock drives both. Without one, a wall clock that is set back can't prolong a cache.
    `rest` blocks for so many seconds and is true; false where time is not ours to wait for.
    """

    now: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    rest: Callable[[float], bool] = _sleep

    @classmethod
    def of(cls, clock: Callable[[], float] | None) -> Clock:
        return cls() if clock is None else cls(clock, clock, _stand_still)
