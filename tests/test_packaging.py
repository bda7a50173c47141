"""What is packed is what the tree holds, and what is installed can be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from importlib.metadata import entry_points, requires
from typing import TYPE_CHECKING

import pytest

import jwt_signer_mw
from parts import ROOT, require_module

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = {
    "jwt_signer_mw": ROOT / "jwt_signer_mw",
    "django_jwt_signer": ROOT / "contrib" / "django" / "django_jwt_signer",
    "flask_jwt_signer": ROOT / "contrib" / "flask" / "flask_jwt_signer",
    "pytest_jwt_signer": ROOT / "contrib" / "pytest" / "pytest_jwt_signer",
}
NOT_PACKED = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "node_modules", "htmlcov", "site"
)
CONTRACT = {"django", "flask", "asgi", "sql", "redis", "gateway", "demo", "observability", "all"}
EXTRAS = CONTRACT | {"awskms", "hsm"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it, both of a copy of the tree."""
    require_module("build", "setuptools")
    copy = tmp_path_factory.mktemp("packaging") / "tree"
    shutil.copytree(ROOT, copy, ignore=NOT_PACKED)
    command = [sys.executable, "-m", "build", "--no-isolation", str(copy)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return copy / "dist"


def tree() -> set[str]:
    """Every file of the import packages, by its path in a wheel."""
    return {
        f"{name}/{file.relative_to(folder).as_posix()}"
        for name, folder in SOURCES.items()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_wheel_is_the_tree(built: Path) -> None:
    """Fails if setup.cfg forgets a package, a template or a migration."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == tree()


def test_the_sdist_has_what_a_distributor_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"CHANGELOG.md", "LICENSE", "README.md", "setup.cfg", "pyproject.toml", "tox.ini"} <= names
    assert {"tests/conftest.py", "tests/providers/package-lock.json"} <= names


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder without __init__.py would be left out without a word."""
    folders = {file.parent for folder in SOURCES.values() for file in folder.rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_the_command_tells_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = entry_points(group="console_scripts", name="jwt-signer")
    assert script.load()(["--version"]) == 0
    assert capsys.readouterr().out == f"jwt-signer {jwt_signer_mw.__version__}\n"


@pytest.mark.parametrize("name", [*SOURCES])
def test_each_package_says_that_it_is_typed(name: str) -> None:
    assert (SOURCES[name] / "py.typed").is_file()


def test_the_plain_install_has_no_framework() -> None:
    plain = {line for line in requires("jwt-signer-mw") or () if "extra ==" not in line}
    names = {line.split(">")[0].split("<")[0].split("[")[0].lower() for line in plain}
    assert names == {"cryptography", "python-jose", "requests", "sqlalchemy"}


def test_every_extra_is_declared_and_in_all() -> None:
    configuration = ConfigParser(interpolation=None)
    configuration.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = configuration["options.extras_require"]
    assert set(declared) >= EXTRAS
    assert declared["all"] == f"jwt-signer-mw[{','.join(sorted(EXTRAS - {'all'}))}]"


def test_the_changelog_has_this_version() -> None:
    assert f"## [{jwt_signer_mw.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_importing_the_core_loads_no_framework() -> None:
    frameworks = ["django", "flask", "starlette", "werkzeug", "httpx2", "redis", "sqlalchemy"]
    program = f"import jwt_signer_mw, sys; print([name for name in {frameworks} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
