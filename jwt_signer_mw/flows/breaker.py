"""Circuit breakers: an endpoint that failed several times in a row is left alone for a while.

Closed: all may ask. Open: nobody asks and nobody waits. Half open, after the cool-down: one asks for all,
and what becomes of it closes the breaker or opens it again.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from jwt_signer_mw.errors import ProviderUnavailable
from jwt_signer_mw.events import log

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock

PROBE_WAIT = 1.0  # second that others are told to wait while one asks
LONGEST_PROBE = 60.0  # seconds; one that takes longer keeps no others from asking


class Breaker:
    """Of one endpoint. No lock: a miscounted failure does no harm, and two that ask for all neither."""

    def __init__(self, place: str, threshold: int | None, cooldown: float, clock: Clock) -> None:
        """`threshold`: failures in a row that open it, None for never; `cooldown` in seconds."""
        self._place = place
        self._threshold = inf if threshold is None else threshold
        self._cooldown = cooldown
        self._ticks = clock.ticks
        self._failures = 0
        self._opens_at = -inf  # tick until which nobody asks
        self._probe_until = -inf  # tick until which one who asks is enough

    @property
    def is_open(self) -> bool:
        return self._failures >= self._threshold

    @property
    def rest(self) -> float | None:
        """Seconds for which nobody asks; None while it is closed."""
        return max(0.0, self._opens_at - self._ticks()) if self.is_open else None

    def require(self, option: str) -> None:
        """Raises `ProviderUnavailable` where asking now is no use. Who goes on has to tell the outcome."""
        if not self.is_open:
            return
        ticks = self._ticks()
        wait = self._opens_at - ticks
        if wait <= 0 and ticks < self._probe_until:
            wait = PROBE_WAIT
        if wait > 0:
            text = f"left alone after {self._failures} failures in a row"
            raise ProviderUnavailable(text, option=option, retry_after=wait)
        self._probe_until = ticks + LONGEST_PROBE

    def succeeded(self) -> None:
        if self.is_open:
            log.warning("%s answers again", self._place)
        self._failures, self._probe_until = 0, -inf

    def failed(self) -> None:
        was_open = self.is_open
        self._failures += 1
        if self.is_open:
            self._opens_at, self._probe_until = self._ticks() + self._cooldown, -inf
            if not was_open:
                log.warning("%s failed %d times in a row: left alone", self._place, self._failures)

    def gave_up(self) -> None:
        """Whoever asked was cancelled: the next one asks."""
        self._probe_until = -inf


class Breakers:
    """One for each endpoint and rule, shared by all who ask there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breakers: dict[tuple[str, int | None, float], Breaker] = {}

    def of(self, place: str, threshold: int | None, cooldown: float) -> Breaker:
        key = (place, threshold, cooldown)
        if key not in self._breakers:
            self._breakers.setdefault(key, Breaker(*key, self._clock))
        return self._breakers[key]
