"""The site: built strictly, with every page on its first one, and nobody outside asked for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pages import DOCS, pages
from parts import ROOT, require_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Build = Callable[[str], subprocess.CompletedProcess[str]]

NOT_COPIED = shutil.ignore_patterns("node_modules", ".venv", "__pycache__")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Builds the docs of this tree, with a page `explanation/more.md` of this text."""
    require_module("sphinx", "furo", "myst_parser", "sphinx_copybutton")
    copy = tmp_path / "tree"
    for name in ("docs", "examples", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=NOT_COPIED)
    for file in (*ROOT.glob("*.md"), ROOT / "jwt_signer_mw" / "__init__.py"):
        place = copy / file.relative_to(ROOT)
        place.parent.mkdir(exist_ok=True)
        shutil.copy(file, place)
    return lambda text: _build(copy, text)


def _build(tree: Path, text: str) -> subprocess.CompletedProcess[str]:
    if text:
        (tree / "docs" / "explanation" / "more.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", "site"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_it_builds(build: Build) -> None:
    built = build("")
    assert (built.returncode, built.stderr) == (0, "")


WRONG = """\
# More

[nowhere](nowhere.md), [no such heading](../django.md#no-such-heading)

<a href="../nowhere.html">nowhere</a> <img src="https://cdn.example/x.png">
"""
TOLD = (
    "nowhere.md",
    "no-such-heading",
    "links to ../nowhere.html, which is not there",
    "makes browsers ask https://cdn.example/x.png",
)


def test_what_is_wrong_fails_the_build(build: Build) -> None:
    built = build(WRONG)
    assert built.returncode == 1
    assert [one for one in TOLD if one not in built.stderr] == []


def test_the_first_page_names_every_page() -> None:
    listed, _, _ = (DOCS / "index.md").read_text(encoding="utf-8").partition("```{toctree}")
    places = [page.relative_to(DOCS) for page in pages() if page.is_relative_to(DOCS)]
    missing = [str(place) for place in places if str(place) != "index.md" and f"({place})" not in listed]
    assert missing == [], "give it a line in docs/index.md"
    targets = re.findall(r"\]\(([^)]+)\)", listed)
    assert sorted(targets) == sorted(set(targets)), "one line for a page is enough"
