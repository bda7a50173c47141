"""Pairs, interleaved: every round runs every case once, so that a busy machine is as unfair to all."""

from __future__ import annotations

import time
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROUND = 0.1  # seconds of processor time that one case gets in one round; shorter ones measure cold caches
MIN_CALLS = 3
MAX_CALLS = 50_000


class Case(NamedTuple):
    """One thing to measure. `run` does it so many times; `less` names the case that has to be taken off.

    `clock` gives seconds of processor time: the thread's, or for a case with threads the process's.
    """

    name: str
    run: Callable[[int], object]
    less: str | None = None
    clock: Callable[[], float] = time.thread_time


class Figure(NamedTuple):
    """A median between its quartiles."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        values = list(values)
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(low, median(values), high)


class Rounds:
    """What was measured: seconds per call, by case, one value for each round."""

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self.seconds = seconds

    def microseconds(self, name: str, *, less: str | None = None) -> Figure:
        return Figure.of(1e6 * value for value in self._net(name, less))

    def ratio(self, name: str, *floor: str, less: str | None = None) -> Figure:
        """The case over the sum of others, round by round; `less` is taken off before."""
        below = (sum(values) for values in zip(*(self.seconds[one] for one in floor), strict=True))
        return Figure.of(value / under for value, under in zip(self._net(name, less), below, strict=True))

    def _net(self, name: str, less: str | None) -> list[float]:
        off = self.seconds[less] if less else [0.0] * len(self.seconds[name])
        return [value - minus for value, minus in zip(self.seconds[name], off, strict=True)]


def each(call: Callable[[], object]) -> Callable[[int], None]:
    """Calls it as often as asked."""

    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


def measure(cases: Sequence[Case], rounds: int, tick: Callable[[], None] = lambda: None) -> Rounds:
    """Runs the cases `rounds` times, one after the other; `tick` is called after each round."""
    calls = {case.name: _calls(case) for case in cases}
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            seconds[case.name].append(_time(case, calls[case.name]))
        tick()
    return Rounds(seconds)


def _calls(case: Case) -> int:
    """How many calls fill a round. The first ones warm up."""
    case.run(MIN_CALLS)
    fastest = min(_time(case, MIN_CALLS) for _ in range(3))
    return max(MIN_CALLS, min(MAX_CALLS, int(ROUND / max(fastest, 1e-7))))


def _time(case: Case, calls: int) -> float:
    start = case.clock()
    case.run(calls)
    return (case.clock() - start) / calls
