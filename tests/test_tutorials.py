"""Every tutorial, followed from its first line to its last: real servers, real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pages import DOCS, blocks, pages
from parts import require_module
from tutorials import SERVER, Reader

if TYPE_CHECKING:
    from pathlib import Path

TUTORIALS = sorted((DOCS / "tutorial").glob("*.md"))
RUNNING = [page for page in pages() if any(SERVER.fullmatch(block.note) for block in blocks(page))]
NEEDED = {
    "django": ("django",),
    "fastapi": ("fastapi", "uvicorn"),
    "flask": ("flask",),
    "from-flask-jwt-extended": ("flask", "flask_jwt_extended"),
    "from-pyjwt": ("flask",),
    "rotate-keys": ("flask",),
}


def test_there_is_one_for_each_framework() -> None:
    assert {page.stem for page in TUTORIALS} >= {"django", "fastapi", "flask", "wsgi"}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    require_module("jwt", "werkzeug", "packaging", *NEEDED.get(page.stem, ()))
    with Reader(tmp_path) as reader:
        assert reader.follow(page) >= 1


def test_a_reader_notices_what_is_wrong(tmp_path: Path) -> None:
    told = tmp_path / "told.md"
    told.write_text("```sh\necho one\n```\n\n```text\ntwo\n```\n")
    with Reader(tmp_path) as reader, pytest.raises(AssertionError, match="prints:\none"):
        reader.follow(told)
