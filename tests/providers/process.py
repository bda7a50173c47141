"""A server of another language or environment, as a child process that certainly ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_SECONDS = 45.0  # a cold start beside other work on two cores
STOP_SECONDS = 5.0


class ServerProcess:
    """A child in a process group of its own, so that what it forks ends with it. Its output goes to `log`.

    It should also end when its standard input does, which happens when this process dies.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        sockets: Sequence[int] = (),
    ) -> None:
        self.log = log
        self._shown = 0
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                pass_fds=sockets,
                start_new_session=True,
            )

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the output matches; RuntimeError, with the output, if it ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE)):
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.log.stem} did not start:\n{self.fresh_output()}")
            time.sleep(0.02)
        return found

    def fresh_output(self) -> str:
        """What it wrote since the last call."""
        text = self.log.read_text(errors="replace")
        fresh, self._shown = text[self._shown :], len(text)
        return fresh

    def signal(self, number: signal.Signals) -> None:
        """Tell the leader of the group, not its children."""
        self._child.send_signal(number)

    def stop(self) -> None:
        """End the whole group, gently first."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_SECONDS)
                return
