"""Checks the pages that were written: each link inside leads somewhere, and a browser asks nobody outside.

What is wrong is a warning, so that a strict build (`-W`) fails.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sphinx.util import logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

log = logging.getLogger(__name__)
OUTSIDE_IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")
MADE_BY_SCRIPTS = frozenset({"search.html"})


class Page(HTMLParser):
    """The places of a page, where it leads, and what a browser loads for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = dict(attrs)
        self.places.update(filter(None, (given.get("id"), given.get("name") if tag == "a" else None)))
        target = given.get("src") or (given.get("href") if tag in ("a", "link") else None)
        if target is None or given.get("rel") in ("canonical", "index"):
            return
        self.links.append(target)
        if tag != "a":
            self.loaded.append(target)


def problems(folder: Path) -> Iterator[str]:
    """What is wrong with the HTML files and style sheets below a folder, in words."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(folder)
        for target in dict.fromkeys(page.loaded):
            if urlsplit(target).netloc:
                yield f"{name} makes browsers ask {target}"
        for target in dict.fromkeys(page.links):
            if not _leads_somewhere(path, target, pages):
                yield f"{name} links to {target}, which is not there"
    for style in sorted(folder.rglob("*.css")):
        if OUTSIDE_IN_STYLE.search(style.read_text(encoding="utf-8")):
            yield f"{style.relative_to(folder)} makes browsers ask another host"


def _leads_somewhere(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    split = urlsplit(target)
    if split.scheme or split.netloc:
        return True
    place = Path(path.parent, unquote(split.path)).resolve() if split.path else path
    if place not in pages:
        return place.is_file()
    return place.name in MADE_BY_SCRIPTS or unquote(split.fragment) in pages[place].places


def _check(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        for problem in problems(Path(app.outdir).resolve()):
            log.warning(problem, type="links")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
