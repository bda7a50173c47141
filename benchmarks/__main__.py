"""Measures everything in one run: `python -m benchmarks`. Needs the extra `benchmarks`.

Each part runs in a process of its own. `--write` puts the results into the documentation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report, tables
from benchmarks.machine import LIBRARIES, describe
from benchmarks.sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
GOAL_RUNS = 5


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"some of: {', '.join(SECTIONS)} (all)")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works")
    parser.add_argument("--write", action="store_true", help="write tables and pictures into docs/")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    names = arguments.sections or list(SECTIONS)
    machine = describe(LIBRARIES)
    print(machine, file=sys.stderr)
    results = {name: _measure(name, quick=arguments.quick) for name in names}
    print(_page(results))
    if arguments.write:
        _write(results, machine)
    return 0


def _measure(name: str, *, quick: bool) -> Any:
    runs = GOAL_RUNS if name == "goals" and not quick else 1
    results = [_run(name, quick=quick) for _ in range(runs)]
    return results if name == "goals" else results[0]


def _run(name: str, *, quick: bool) -> Any:
    command = [sys.executable, "-m", "benchmarks.sections", name, *(["--rounds", "3"] if quick else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    return json.loads(done.stdout)


def _page(results: dict[str, Any]) -> str:
    parts = []
    if "goals" in results:
        parts.append(tables.goals_table(results["goals"]))
    parts += [
        tables.family_table(title, results[name])
        for name, title in tables.FAMILIES.items()
        if name in results
    ]
    if "growth" in results:
        parts.append(report.growth_part(results))
    if "startup" in results:
        parts.append(tables.startup_table(results["startup"]))
    return "\n\n".join(parts)


def _write(results: dict[str, Any], machine: str) -> None:
    if "goals" in results:
        report.replace_part(PAGE, "goals", report.goals_part(results["goals"], machine))
    if results.keys() >= tables.FAMILIES.keys():
        report.replace_part(PAGE, "figures", report.figures_part(results, machine))
    if "growth" in results:
        report.replace_part(PAGE, "growth", report.growth_part(results))
    if "startup" in results:
        report.replace_part(PAGE, "startup", tables.startup_table(results["startup"]))
    if results.keys() >= {*tables.FAMILIES, "growth"}:
        from benchmarks.plots import draw

        draw(results, IMAGES)


if __name__ == "__main__":
    sys.exit(main())
