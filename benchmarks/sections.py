"""The parts of a run, each measured in a process of its own: `python -m benchmarks.sections NAME`."""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.command.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable


class Section(NamedTuple):
    """`function` of `module` gets the number of rounds, and what to call after each."""

    title: str
    module: str
    function: str
    rounds: int
    arguments: tuple[str, ...] = ()


SECTIONS = {
    "goals": Section("the goals", "benchmarks.goals", "measure_goals", 15),
    "ours": Section("our own figures", "benchmarks.contenders.table", "measure_family", 15, ("ours",)),
    "libraries": Section("libraries", "benchmarks.contenders.table", "measure_family", 15, ("libraries",)),
    "flask": Section("Flask", "benchmarks.contenders.table", "measure_family", 15, ("Flask",)),
    "django": Section("Django", "benchmarks.contenders.table", "measure_family", 15, ("Django",)),
    "growth": Section("growth", "benchmarks.growth", "measure_growth", 7),
    "startup": Section("start-up", "benchmarks.startup", "measure_startup", 7),
}


def run(name: str, rounds: int, tick: Callable[[], None]) -> Any:
    section = SECTIONS[name]
    measure = getattr(import_module(section.module), section.function)
    return measure(*section.arguments, rounds, tick)


def main() -> None:
    """Prints the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SECTIONS)
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # refusals are measured, too
    warnings.simplefilter("ignore")
    rounds = arguments.rounds or SECTIONS[arguments.name].rounds
    with Progress() as progress:
        result = run(arguments.name, rounds, _counting(progress, SECTIONS[arguments.name].title))
    print(json.dumps(result))


def _counting(progress: Progress, title: str) -> Callable[[], None]:
    """Some sections measure more than once."""
    progress.tell(f"{title}: warming up")
    done = count(1)
    return lambda: progress.tell(f"{title}: {next(done)} rounds")


if __name__ == "__main__":
    main()
