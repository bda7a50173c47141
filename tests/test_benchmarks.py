"""The benchmarks: that they measure what they say, and write where they should. Figures are no tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from parts import ROOT, require_module

sys.path.append(str(ROOT))  # the benchmarks are not installed; what is installed comes first

from benchmarks.goals import GOALS, bytes_per_token, forgetful, new_requests
from benchmarks.measuring import Case, Figure, Rounds, each, measure
from benchmarks.report import replace_part
from benchmarks.setups import wsgi
from benchmarks.tables import goals_table, table
from benchmarks.tokens import claims, junk_in_signature, token, unknown_kid

if TYPE_CHECKING:
    from pathlib import Path


def test_a_ratio_is_of_pairs() -> None:
    """A round in which everything was slow says the same as the others."""
    rounds = Rounds({"ours": [3.0, 30.0], "bare": [1.0, 10.0], "floor": [1.0, 10.0]})
    assert rounds.ratio("ours", "floor", less="bare") == Figure(2.0, 2.0, 2.0)
    assert rounds.ratio("ours", "floor", "bare").middle == 1.5
    assert rounds.microseconds("floor").high == 7.75e6


def test_every_case_gets_every_round() -> None:
    order: list[str] = []
    ticks: list[int] = []

    def note(name: str) -> None:
        order.append(name)
        time.sleep(0.001)

    cases = [Case(name, each(lambda name=name: note(name)), clock=time.perf_counter) for name in "ab"]  # type: ignore[misc]
    measured = measure(cases, 3, lambda: ticks.append(len(order)))
    assert [len(measured.seconds[name]) for name in "ab"] == [3, 3]
    assert len(ticks) == 3
    rounds = "".join(order[-(ticks[-1] - ticks[0]) :])
    assert "aba" in rounds.replace("aa", "a").replace("bb", "b") or rounds.count("ab") >= 2


def test_the_token_is_what_the_page_says() -> None:
    assert len(claims(0)) == 20
    assert len(token(7)) == len(token(12_345)) == 966


def test_what_is_measured_is_what_is_meant() -> None:
    middleware = forgetful("ES256")
    environs = new_requests()
    assert wsgi.accepts(middleware, environs())
    assert not wsgi.accepts(middleware, wsgi.environ(unknown_kid(1)))
    assert not wsgi.accepts(middleware, wsgi.environ(junk_in_signature(1)))


def test_goals() -> None:
    floor = next(goal for goal in GOALS if goal.is_floor)
    other = next(goal for goal in GOALS if not goal.is_floor)
    assert floor.is_reached(floor.limit + 1)
    assert not floor.is_reached(floor.limit - 1)
    assert other.is_reached(other.limit)
    assert not other.is_reached(other.limit + 0.01)
    reached = {goal.id: goal.limit for goal in GOALS}
    assert "✗" not in goals_table([reached, reached])
    assert "✗" in goals_table([{**reached, other.id: 100.0}])


def test_g7_memory_per_token() -> None:
    """Counted by the allocator, so it is the same on every machine."""
    assert bytes_per_token(300) <= 1.6


def test_a_part_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: generated -->\nold\n<!-- x: end -->\nb\n")
    for text in ("new", r"\1 new"):
        replace_part(page, "x", text)
        assert page.read_text() == f"a\n<!-- x: generated -->\n\n{text}\n\n<!-- x: end -->\nb\n"
    with pytest.raises(ValueError, match="no part y"):
        replace_part(page, "y", "new")


def test_table() -> None:
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | --: |\n| x | 1 |"


def test_a_section_runs_in_a_process_of_its_own() -> None:
    require_module("anyio", "httpx2")
    command = [sys.executable, "-m", "benchmarks.sections", "ours", "--rounds", "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    names = [name for name, _, _ in json.loads(done.stdout)]
    assert "ours in WSGI, a known token" in names
    assert "ours in ASGI, a new token, RS256" in names
    assert done.stderr == "", "progress is for terminals"
