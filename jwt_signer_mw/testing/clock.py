"""Time for tests: seconds since the epoch, moved by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SteerableClock:
    """Runs like any clock until a test moves it, or stops it. Give it as the service `clock`.

    With `at` it stands there from the start; else it goes along with `base`.
    """

    def __init__(self, at: float | None = None, *, base: Callable[[], float] = time.time) -> None:
        self._stopped = at
        self._base = base
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._base() + self._ahead if self._stopped is None else self._stopped

    def advance(self, seconds: float) -> None:
        """Moves it on; a negative number moves it back."""
        self._ahead += seconds
        if self._stopped is not None:
            self._stopped += seconds

    def freeze(self, at: float | None = None) -> None:
        """Stops it, here or at another time."""
        self._stopped = self() if at is None else at

    def run(self) -> None:
        """Lets a stopped clock go on from where it stands."""
        if self._stopped is not None:
            self._ahead, self._stopped = self._stopped - self._base(), None
