"""Every module has its floor. That imports go downwards is for import-linter to see (`lint-imports`)."""

from __future__ import annotations

import re
from configparser import ConfigParser

from parts import ROOT


def floors() -> list[str]:
    """The modules and packages that the contract names, top to bottom."""
    configuration = ConfigParser(interpolation=None)
    configuration.read(ROOT / "setup.cfg", encoding="utf-8")
    return re.findall(r"[\w.]+", configuration["importlinter:contract:floors"]["layers"])


def modules() -> list[str]:
    """Every module of the core that is not just the docstring of a package."""
    files = sorted((ROOT / "jwt_signer_mw").rglob("*.py"))
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if file.name != "__init__.py"
    ]


def test_every_module_has_its_floor() -> None:
    named = floors()
    homeless = [
        module for module in modules() if not any(f"{module}.".startswith(f"{floor}.") for floor in named)
    ]
    assert homeless == [], "name them in setup.cfg, importlinter:contract:floors"


def test_every_floor_is_there() -> None:
    adapters = {"django_jwt_signer", "flask_jwt_signer"}
    known = {module[:end] for module in modules() for end in positions(module)} | adapters
    assert set(floors()) <= known


def positions(module: str) -> list[int]:
    """Where a dotted name may be cut to give one of its packages, or itself."""
    return [dot.start() for dot in re.finditer(r"\.|$", module)]
