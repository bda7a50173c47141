"""From results to Markdown."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.goals import GOALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FAMILIES = {
    "ours": "Our own",
    "libraries": "Libraries",
    "flask": "Flask, over a bare application",
    "django": "Django, over a bare project",
}
GROWTHS = {
    "token": "bytes of the token",
    "keys": "keys in the provider's set",
    "sets": "middlewares, each with key sets of its own",
    "cache": "known tokens, asked in turn; new ones push others out",
}


def goals_table(runs: Sequence[Mapping[str, float]]) -> str:
    rows = []
    for goal in GOALS:
        values = sorted(run[goal.id] for run in runs)
        middle = median(values)
        asked = f"{'≥' if goal.is_floor else '≤'} {goal.limit:g}"
        verdict = "" if goal.is_reached(middle) else " ✗"
        spread = f"{_number(values[0])} to {_number(values[-1])}"
        rows.append((goal.id, goal.what, asked, f"**{_number(middle)}**{verdict}", spread))
    return table(("", "what", "asked", f"median of {len(runs)} runs", "from, to"), rows, texts=2)


def family_table(title: str, rows: Iterable[Sequence[Any]]) -> str:
    shown = [
        (name, _microseconds(us), f"{_number(us[0])} to {_number(us[2])}", _number(units[1]))
        for name, us, units in rows
    ]
    return table((title, "µs", "quartiles", "in raw RS256 verifications"), shown)


def growth_table(title: str, rows: Iterable[Sequence[Any]]) -> str:
    shown = [(f"{step:,}", _number(known[1]), _number(new[1])) for step, known, new in rows]
    return table((title, "a known token", "a new token, ES256"), shown)


def throughput_table(title: str, rows: Iterable[Sequence[Any]]) -> str:
    shown = [(str(count), f"{known:,.0f}", f"{new:,.0f}") for count, known, new in rows]
    return table((title, "known tokens per second", "new tokens per second, RS256"), shown)


def startup_table(figures: Mapping[str, Sequence[float]]) -> str:
    rows = [
        (f"`{name}`" if name.startswith("import") else name, f"{one[1]:.0f}") for name, one in figures.items()
    ]
    return table(("", "ms"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """The first columns, `texts` of them, are text, the others are numbers."""
    lines = [head, [*["---"] * texts, *["--:"] * (len(head) - texts)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _microseconds(figure: Sequence[float]) -> str:
    return _number(figure[1])


def _number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
