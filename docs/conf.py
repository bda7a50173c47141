"""How Sphinx builds the site. `sphinx-build -W --keep-going -q docs site` is strict."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

ROOT = Path(__file__).resolve().parent.parent
INIT = (ROOT / "jwt_signer_mw" / "__init__.py").read_text(encoding="utf-8")

project = "jwt-signer-mw"
author = copyright = "The jwt-signer-mw maintainers"  # noqa: A001  Sphinx wants this name
version = release = re.findall(r'^__version__ = "(.+)"', INIT, re.MULTILINE)[0]

extensions = ["myst_parser", "sphinx_copybutton", "out_of_docs", "checked_links"]
exclude_patterns = ["_ext", "_static"]
nitpicky = True
myst_heading_anchors = 4  # links to headings work here as they do in a repository's file view
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
