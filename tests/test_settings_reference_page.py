"""The reference page of settings: complete, and as current as the declarations."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.catalogue import ENTRIES
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.reference_page import render
from jwt_signer_mw.settings.tasks import NEEDS, TASKS
from parts import ROOT

PAGE = ROOT / "docs" / "reference" / "settings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), (
        "bring it up to date: python -m jwt_signer_mw.settings.reference_page > docs/reference/settings.md"
    )


def test_the_command_writes_the_page() -> None:
    command = [sys.executable, "-m", "jwt_signer_mw.settings.reference_page"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout == render()


def test_every_option_has_a_row_of_its_own_or_with_its_twin() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row.split(" | ")[0])]
    options = [name for name in named if name in OPTIONS]
    assert sorted(options) == sorted(OPTIONS)


def test_what_is_named_for_tasks_is_there() -> None:
    named = {need.option for need in NEEDS} | {option for task in TASKS for option in task.options}
    assert sorted(named - OPTIONS.keys()) == []


def test_the_five_are_enough() -> None:
    given = {need.option: tomllib.loads(f"value = {need.example}")["value"] for need in NEEDS}
    assert len(given) == 5
    assert Settings.load({**given, "keyset_store": "memory://"}).warnings == ()


def test_every_problem_has_a_row() -> None:
    assert [entry.id for entry in ENTRIES if f"| `{entry.id}` |" not in render()] == []


def test_rows_have_as_many_cells_as_their_table() -> None:
    for table in render().split("\n\n"):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, table
