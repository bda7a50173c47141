"""Which of many requests looks whether a key set changed in the store, and what the others do."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock

CHECK_INTERVAL = 1.0  # second: so soon is a change by another worker picked up
CHECK_SOON = 0.5  # second after the store refused at once
CHECK_AGAIN = 3.0  # seconds after a request waited in vain for the store
LONGEST_LOOK = 10.0  # seconds; a look that takes longer keeps no others from looking


class Lookout:
    """Says who looks. `due`: the tick at which somebody should. No lock: that two look does no harm."""

    def __init__(self, clock: Clock) -> None:
        self.due = inf
        self._ticks = clock.ticks
        self._looks_until = -inf  # tick until which one request that looks is enough
        self._all_wait = False  # for that request

    def postpone(self, *, behind: bool) -> None:
        """Somebody is about to look. The others go on; but where what we know is `behind`, all wait."""
        ticks = self._ticks()
        if ticks >= self._looks_until:
            self._all_wait = behind
        if not self._all_wait:
            self.due = ticks + CHECK_INTERVAL

    def begin(self) -> bool:
        """Whether to look, or to wait for who looks; else go on."""
        ticks = self._ticks()
        if ticks < self._looks_until and not self._all_wait:
            return False
        self._looks_until = ticks + LONGEST_LOOK
        return True

    def end(self) -> None:
        """Also when the request that looks was cancelled."""
        self._looks_until = -inf

    def saw(self, began: float) -> None:
        """The store answered to who began to look at that tick."""
        self.due = max(self.due, began + CHECK_INTERVAL)

    def missed(self, began: float) -> None:
        """It did not. A process spends no more than half of its time with waiting for it."""
        ticks = self._ticks()
        self.due = ticks + (CHECK_SOON if ticks - began < CHECK_SOON else CHECK_AGAIN)

    def soon(self) -> None:
        """There is something new to watch."""
        self.due = min(self.due, self._ticks() + CHECK_INTERVAL)
