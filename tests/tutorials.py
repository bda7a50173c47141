"""Follows a tutorial as its reader would: writes its files, starts its servers, types its commands.

- A block of Python or TOML whose first line is `# path` is that file; with `, at the end` it is added to it.
- A block `sh` is typed into one shell. After the comment `keeps running on port N` it is a server in another.
- A block `text` after it is what came out of it; `…` stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distribution, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Self

from packaging.requirements import Requirement

from asgi_serving import free_port
from pages import blocks
from providers.process import ServerProcess

if TYPE_CHECKING:
    from pages import Block

END = "--- that was it:"
FILE = re.compile(r"# (?P<name>[\w./-]+)(?P<added>, at the end)?\n")
SERVER = re.compile(r"keeps running on port (\d+)")
INSTALL = "pip install "
BEFORE = "python3 -m venv"  # the tests run in an environment that is made already


class Reader:
    """Has a folder, a shell, and terminals in which servers run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, str] = {}
        self._servers: list[ServerProcess] = []
        state = {"XDG_STATE_HOME": str(folder / "state"), "PYTHONUNBUFFERED": "1", "HOME": str(folder)}
        terminal = {"COLUMNS": "80", "LC_ALL": "C.UTF-8"}
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        self._environment = {**os.environ, **state, **terminal, "PATH": path}
        self._shell = subprocess.Popen(
            ["bash", "-c", f"{_forgetting()} exec bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=self._environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.stop()
        self._shell.communicate()

    def follow(self, page: Path) -> int:
        """How many outputs were compared. Raises `AssertionError` where the page says something else."""
        steps = list(blocks(page))
        self._choose_ports(steps)
        compared = 0
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            shown = after.text if after is not None and after.language == "text" else None
            if step.language in ("python", "toml") and FILE.match(step.text):
                self._write(step)
            elif step.language == "sh":
                self._do(step, shown)
                compared += shown is not None
        return compared

    def _choose_ports(self, steps: list[Block]) -> None:
        for step in steps:
            found = SERVER.fullmatch(step.note)
            if found is not None:
                self._ports[found[1]] = str(free_port())

    def _own(self, text: str) -> str:
        """With free ports in place of those of the page."""
        for named, free in self._ports.items():
            text = re.sub(rf"\b{named}\b", free, text)
        return text

    def _write(self, step: Block) -> None:
        named = FILE.match(step.text)
        assert named is not None, f"{step.place} names no file"
        file = self._folder / named["name"]
        with file.open("a" if named["added"] else "w", encoding="utf-8") as opened:
            opened.write(self._own(step.text))

    def _do(self, step: Block, shown: str | None) -> None:
        lines = [line for line in step.text.splitlines() if not line.startswith((BEFORE, INSTALL))]
        for line in step.text.splitlines():
            if line.startswith(INSTALL):
                check_requirements(line)
        if not lines:
            return
        found = SERVER.fullmatch(step.note)
        if found is not None:
            assert shown is not None, f"{step.place} does not say what a reader sees when it runs"
            self._start(step, found[1], shown)
            return
        status, output = self._type("\n".join(lines))
        assert status == 0 or shown is not None, f"{step.place} ends with {status}:\n{output}"
        if shown is not None:
            expected = re.compile(_pattern(self._own(shown)), re.DOTALL)
            assert expected.fullmatch(output.strip()), f"{step.place} prints:\n{output}"

    def _type(self, command: str) -> tuple[int, str]:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f'{self._own(command)}\nprintf "\\n{END} %s\\n" $?\n')
        self._shell.stdin.flush()
        output = ""
        for line in self._shell.stdout:
            if line.startswith(END):
                return int(line.removeprefix(END)), output.replace("\r", "")
            output += line
        raise AssertionError(f"the shell is gone:\n{output}")

    def _start(self, step: Block, port: str, shown: str) -> None:
        command = self._own(step.text.strip())
        if self._ports[port] not in command:  # the page goes by the default
            command += f" --port {self._ports[port]}"
        log = self._folder / f"{step.line}.log"
        server = ServerProcess(
            ["bash", "-c", f"{_forgetting()} exec {command}"],
            log,
            environment=self._environment,
            folder=self._folder,
        )
        self._servers.append(server)
        server.wait_for(f"(?s){_pattern(self._own(shown)).strip()}")


def _forgetting() -> str:
    """A reader has no variables of other tests; a shell command."""
    foreign = [name for name in os.environ if name.startswith(("DJANGO_", "FLASK_", "JWT_SIGNER_"))]
    return "".join(f"unset {name};" for name in foreign)


def _pattern(shown: str) -> str:
    return ".*?".join(map(re.escape, shown.strip().split("…")))


def check_requirements(line: str) -> None:
    """What a page has users install exists here, with the extras that it names."""
    for word in re.findall(r"[^\s']+", line.removeprefix(INSTALL)):
        if word.startswith("-"):
            continue
        requirement = Requirement(word)
        if requirement.name == "jwt-signer-mw":
            extras = metadata("jwt-signer-mw").get_all("Provides-Extra") or []
            assert requirement.extras <= set(extras), line
        else:
            assert distribution(requirement.name).version, line
