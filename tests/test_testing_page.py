"""The how-to page for tests: each section is a project that pytest runs, with warnings as errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from parts import ROOT, require_module

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = ROOT / "docs" / "how-to" / "test-your-application.md"
NEEDS: Final = {
    "FastAPI and Starlette": ("fastapi", "httpx2"),
    "Flask": ("flask",),
    "Django": ("django", "httpx2"),
}
PLUGIN: Final = "pytest_jwt_signer"


def sections() -> dict[str, dict[str, str]]:
    """The files of each section, by its heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {
        heading: dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, re.DOTALL))
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {heading: files for heading, files in found.items() if files}


def environment(folder: Path, **more: str) -> dict[str, str]:
    path = [str(ROOT / "contrib" / "pytest"), os.environ.get("PYTHONPATH", "")]
    state = {"XDG_STATE_HOME": str(folder / "state"), "PYTHONPATH": os.pathsep.join(filter(None, path))}
    ours = {"DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {**inherited, **state, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more}


def run_pytest(folder: Path, *options: str, **variables: str) -> str:
    """What a run of pytest in the folder prints; it must succeed."""
    command = [sys.executable, "-m", "pytest", "-W", "error", "--strict-markers", "-p", PLUGIN, "-p", "anyio"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("heading", sections())
def test_the_examples_of_a_section(heading: str, tmp_path: Path) -> None:
    require_module(*NEEDS.get(heading, ("werkzeug",)))
    variables = {}
    if heading == "Django":
        shutil.copytree(ROOT / "examples" / "django", tmp_path, dirs_exist_ok=True)
        variables = {"DJANGO_SETTINGS_MODULE": "shop.settings", "JWT_SIGNER_CHANNEL_TOKEN_OPTIONAL": "true"}
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    for name, text in sections()[heading].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert "passed" in run_pytest(
        tmp_path, *sorted(n for n in sections()[heading] if "test" in n), **variables
    )


def test_every_example_is_run() -> None:
    blocks = PAGE.read_text(encoding="utf-8").count("```python")
    assert sum(map(len, sections().values())) == blocks
