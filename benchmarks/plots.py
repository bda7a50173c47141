"""The pictures of a run: what a request costs with each of the contenders, and how that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from benchmarks.tables import GROWTHS

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "jwt-signer-mw"  # the same picture is the same file

from matplotlib import pyplot as plt  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

OURS, OTHERS, FLOOR = "#1b7f5c", "#8a8f98", "#c9a227"
UNITS = "raw RS256 verifications"


def draw(results: Mapping[str, Any], folder: Path) -> None:
    """Writes `cost-per-request.svg` and `growth.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for name in ("ours", "libraries", "flask", "django") for row in results[name]]
    _draw_costs(rows, folder / "cost-per-request.svg")
    _draw_growth(results["growth"], folder / "growth.svg")


def _draw_costs(rows: Iterable[Sequence[Any]], path: Path) -> None:
    seen: dict[str, float] = {}
    for name, microseconds, _ in rows:
        if "bare" not in name:
            seen.setdefault(name, microseconds[1])
    costs = sorted(seen.items(), key=lambda item: -item[1])
    figure, axes = plt.subplots(figsize=(9, 0.28 * len(costs) + 1))
    bars = axes.barh(
        [name for name, _ in costs], [cost for _, cost in costs], color=[_colour(name) for name, _ in costs]
    )
    axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("processor time per request over the bare application, µs (logarithmic)")
    axes.tick_params(axis="y", labelsize=8)
    _save(figure, path)


def _draw_growth(growth: Mapping[str, Any], path: Path) -> None:
    figure, grid = plt.subplots(2, 2, figsize=(9, 6))
    for (name, title), axes in zip(GROWTHS.items(), grid.flat, strict=True):
        rows = growth[name]
        steps = [row[0] for row in rows]
        axes.plot(steps, [row[1][1] for row in rows], marker="o", color=OURS, label="a known token")
        axes.plot(steps, [row[2][1] for row in rows], marker="s", color=OTHERS, label="a new token, ES256")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(title, fontsize=8)
        axes.set_ylabel(UNITS, fontsize=8)
    grid.flat[0].legend(fontsize=8)
    _save(figure, path)


def _colour(name: str) -> str:
    if name.startswith("raw"):
        return FLOOR
    return OURS if name.startswith("ours") else OTHERS


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
