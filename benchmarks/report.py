"""The generated parts of a page: text between two comments that name the part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def replace_part(page: Path, name: str, text: str) -> None:
    """Puts text between `<!-- name: generated -->` and `<!-- name: end -->`. Raises `ValueError` where they
    are not."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    whole = page.read_text("utf-8")
    if pattern.search(whole) is None:
        raise ValueError(f"{page} has no part {name}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", whole), "utf-8")


def goals_part(runs: Sequence[Mapping[str, float]], machine: str) -> str:
    return f"{tables.goals_table(runs)}\n\nMeasured on: {machine}."


def figures_part(results: Mapping[str, Any], machine: str) -> str:
    parts = [tables.family_table(title, results[name]) for name, title in tables.FAMILIES.items()]
    return "\n\n".join([*parts, f"Measured on: {machine}."])


def growth_part(results: Mapping[str, Any]) -> str:
    growth = results["growth"]
    parts = [tables.growth_table(title, growth[name]) for name, title in tables.GROWTHS.items()]
    parts.append(tables.throughput_table("threads of one process", growth["threads"]))
    parts.append(tables.throughput_table("processes", growth["processes"]))
    return "\n\n".join(parts)
