"""The command as a whole: exit statuses, one-line errors, a light start."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING

import pytest

from jwt_signer_mw.command import COMMANDS, demo, keys, main
from jwt_signer_mw.command.style import paint, table
from parts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("cryptography", "jose", "requests", "rich", "sqlalchemy", "werkzeug", "yaml")


class Output(io.StringIO):
    """Standard output that is a terminal, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def run(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jwt_signer_mw", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **options},
    )


def test_console_script_is_the_same_function() -> None:
    (script,) = entry_points(group="console_scripts", name="jwt-signer")
    assert script.load() is main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jwt-signer {version('jwt-signer-mw')}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: jwt-signer {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["check"], ["check", "a", "b"], ["keys"], ["keys", "show"], ["demo", "--twice"]],
)
def test_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: jwt-signer" in captured.err


def test_reference_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "reference" / "command.md").read_text(encoding="utf-8")
    plain = ([command] for command in COMMANDS if command != "keys")
    for arguments in (*plain, *(["keys", action] for action in keys.ACTIONS)):
        assert main([*arguments, "--help"]) == 0
        options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
        assert [option for option in options if option not in page] == []
        assert f"jwt-signer {' '.join(arguments)}" in page


def test_module_is_the_command() -> None:
    ran = run("--version")
    assert (ran.returncode, ran.stdout) == (0, f"jwt-signer {version('jwt-signer-mw')}\n")


def test_starts_light() -> None:
    """`jwt-signer --help` must not wait for databases, HTTP and cryptography."""
    script = (
        "import sys, jwt_signer_mw.command as c; c.main(['--version']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_packages_that_the_demo_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(demo.NEEDED, "there_is_no_such_module", "no-such-package")
    assert main(["demo", "--once"]) == 2
    told = "jwt-signer: the demo needs no-such-package: pip install 'jwt-signer-mw[demo]'\n"
    assert capsys.readouterr().err == told


def test_unknown_variable_is_one_line() -> None:
    ran = run("keys", "list", JWT_SIGNER_KEYSET_STOER="memory://")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("jwt-signer: JWT_SIGNER_KEYSET_STOER There is no such environment variable.")
    assert ran.stderr.count("\n") == 1


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """As in `jwt-signer check ... | head -1`: no traceback."""
    config = tmp_path / "policy.toml"
    config.write_text("channel_token_optional = true\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "jwt_signer_mw", "check", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 1
    process.stderr.close()


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)
    assert main(["demo"]) == 130


# How it looks


@pytest.mark.parametrize(
    "is_terminal, no_color, painted",
    [(False, "", "kong"), (True, "1", "kong"), (True, "", "\x1b[1mkong\x1b[0m")],
)
def test_colours_where_they_are_wanted(
    is_terminal: bool,
    no_color: str,
    painted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Output(is_terminal))
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    assert paint("kong", "bold") == painted


def test_table() -> None:
    rows = [("kong", "RS256"), ("a-longer-name", "")]
    assert (
        table(("NAME", "ALGORITHM"), rows) == "NAME           ALGORITHM\nkong           RS256\na-longer-name"
    )
