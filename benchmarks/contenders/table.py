"""Everybody beside everybody else, each family in a process of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.floor import VERIFY, floor_cases
from benchmarks.measuring import Figure, measure

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES = {
    "ours": ("benchmarks.setups.cases",),
    "libraries": ("benchmarks.contenders.pyjwt", "benchmarks.contenders.python_jose"),
    "Flask": ("benchmarks.contenders.flask_apps",),
    "Django": ("benchmarks.contenders.django_apps",),
}


class Row(NamedTuple):
    """`microseconds` over the bare application, where there is one; and in raw RS256 verifications."""

    name: str
    microseconds: Figure
    verifications: Figure


def measure_family(name: str, rounds: int, tick: Callable[[], None]) -> list[Row]:
    cases = [*floor_cases()]
    for module in FAMILIES[name]:
        cases += import_module(module).cases()
    measured = measure(cases, rounds, tick)
    return [
        Row(
            case.name,
            measured.microseconds(case.name, less=case.less),
            measured.ratio(case.name, VERIFY, less=case.less),
        )
        for case in cases
    ]
