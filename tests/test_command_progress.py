"""Progress of long operations: on a terminal, and nowhere else."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.command.progress import Progress
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.store import open_store
from parts import ROOT
from stepping import FrozenClock

if TYPE_CHECKING:
    from pathlib import Path

ERASE = "\r\x1b[K"
NAMES = ("orders", "partners", "stock")


class TerminalText(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> TerminalText:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return TerminalText()


def test_one_line_that_is_gone_at_the_end(terminal: TerminalText) -> None:
    clock = FrozenClock(0)
    with Progress(terminal, clock) as progress:
        for _ in progress.each("abc", "making"):
            clock.now += 1
    lines = [f"making {number} of 3: {name}" for number, name in enumerate("abc", 1)]
    assert terminal.getvalue() == "".join(f"{ERASE}{line}" for line in [*lines, ""])


def test_not_more_often_than_eyes_follow(terminal: TerminalText) -> None:
    clock = FrozenClock(0)
    with Progress(terminal, clock) as progress:
        for number in range(1000):
            progress.tell(str(number))
            clock.now += 0.001
    assert terminal.getvalue().count(ERASE) <= 12


def test_it_fits_and_moves_no_cursor(terminal: TerminalText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with Progress(terminal, FrozenClock(0)) as progress:
        progress.tell("\x1b[2J\n" + "x" * 100)
    assert terminal.getvalue() == f"{ERASE}?[2J?{'x' * 14}{ERASE}"


def test_it_is_gone_when_something_goes_wrong(terminal: TerminalText) -> None:
    def work() -> None:
        with Progress(terminal, FrozenClock(0)) as progress:
            for _ in progress.each("ab", "making"):
                raise LookupError

    with pytest.raises(LookupError):
        work()
    assert terminal.getvalue().endswith(ERASE)


def test_nothing_to_tell_is_nothing_to_erase(terminal: TerminalText) -> None:
    with Progress(terminal):
        pass
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream, term", [(io.StringIO, "xterm"), (TerminalText, "dumb")])
def test_nothing_elsewhere(stream: type[io.StringIO], term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    text = stream()
    with Progress(text) as progress:
        assert list(progress.each("abc", "making")) == ["a", "b", "c"]
    assert text.getvalue() == ""


def on_terminal(*arguments: str, **variables: str) -> tuple[str, str]:
    """Standard output through a pipe, and what a terminal gets of standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **variables}
    with subprocess.Popen(
        [sys.executable, "-m", "jwt_signer_mw", *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env=environment,
        text=True,
    ) as process:
        os.close(theirs)
        shown = "".join(iter(lambda: read(ours).decode(), ""))
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, shown
    return out, shown


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody has the other side open any more
        return b""


@pytest.fixture
def store(tmp_path: Path) -> str:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    url = f"sqlite:///{folder / 'keysets.sqlite3'}"
    driver = BlockingDriver(RequestsTransport())
    for name in NAMES:
        driver.run(Named(name, open_store(url), Clock(), algorithms=("ES256",)).prepare())
    return url


def test_rotate(store: str) -> None:
    out, shown = on_terminal("keys", "rotate", *NAMES, "--store", store)
    assert f"{ERASE}rotating key set 1 of 3: orders" in shown
    assert shown.endswith(ERASE)
    assert ERASE not in out
    assert [line.split()[0] for line in out.splitlines() if "version" in line] == [*NAMES]


def test_reencrypt(store: str) -> None:
    key = Fernet.generate_key().decode()
    out, shown = on_terminal("keys", "reencrypt", "--store", store, JWT_SIGNER_KEYSET_ENCRYPTION_KEYS=key)
    assert f"{ERASE}encrypting key set 1 of 3: orders" in shown
    assert out == f"Encrypted with the newest key: {', '.join(NAMES)}.\n"


def test_serve(store: str, tmp_path: Path) -> None:
    """What is printed when it listens stands on a line of its own."""
    pytest.importorskip("uvicorn")
    config = tmp_path / "gateway.toml"
    policy = 'access_token_jwks_uri = "https://idp.example/jwks"\naccess_token_keyset = "{}"\n'
    tables = "".join(f"[policies.{name}]\n{policy.format(name)}" for name in ("default", *NAMES))
    config.write_text(f'[gateway]\nupstream = "http://127.0.0.1:9"\nlisten = "127.0.0.1:0"\n{tables}')
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "jwt_signer_mw", "serve", str(config)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "JWT_SIGNER_KEYSET_STORE": store},
        text=True,
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()  # at once: nothing that says when to end may be lost
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        shown = "".join(iter(lambda: read(ours).decode(), ""))
    os.close(ours)
    assert "listens on" in line, shown
    assert process.returncode != -signal.SIGKILL
    assert f"{ERASE}preparing the keys of policy 1 of 4: default" in shown
    assert shown.endswith(ERASE)


def test_import_kong(tmp_path: Path) -> None:
    target = tmp_path / "ours.toml"
    source = ROOT / "tests" / "kong" / "two_tokens.yaml"
    out, shown = on_terminal("import-kong", str(source), "--output", str(target))
    assert shown.startswith(f"{ERASE}reading two_tokens.yaml")
    assert shown.endswith(ERASE)
    assert target.is_file()
    assert ERASE not in out
