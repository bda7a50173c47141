"""Database servers of a test's own, to be stopped and started as it likes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from asgi_serving import free_port
from parts import require
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

POSTGRES = "postgres"  # the user that it runs as where we are root


class Server:
    """`url` is a `keyset_store`. What it holds survives `stop`, until `close`."""

    ready: ClassVar[str]
    ending: ClassVar[signal.Signals]

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="jwt-signer-"))
        self.running: ServerProcess | None = None
        self._starts = 0

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def start(self) -> None:
        self._starts += 1
        log = self.folder.with_name(f"{self.folder.name}.{self._starts}.log")
        self.running = ServerProcess(self.command(), log)
        self.running.wait_for(self.ready)

    def stop(self) -> None:
        """At once: connections are cut."""
        if self.running is not None:
            self.running.signal(self.ending)
            self.running.stop()
            self.running.log.unlink()
            self.running = None

    def close(self) -> None:
        self.stop()
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder)


class PostgreSQL(Server):
    ready = "database system is ready to accept connections"
    ending = signal.SIGINT  # a fast shutdown

    def __init__(self) -> None:
        super().__init__()
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        program = str(found[-1]) if found else shutil.which("postgres")
        require(program, "PostgreSQL is not installed")
        assert program is not None
        self._program = Path(program)
        self._data = self.folder / "data"
        if os.getuid() == 0:
            shutil.chown(self.folder, POSTGRES, POSTGRES)
        initdb = [str(self._program.with_name("initdb")), "-D", str(self._data)]
        options = ["-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*_as_user(), *initdb, *options], check=True, capture_output=True, timeout=60)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://test@127.0.0.1:{self.port}/postgres"

    def command(self) -> Sequence[str]:
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        return [*_as_user(), str(self._program), "-D", str(self._data), "-p", str(self.port), *options]


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={POSTGRES}", f"--regid={POSTGRES}", "--init-groups"]


class Redis(Server):
    ready = "Ready to accept connections"
    ending = signal.SIGKILL

    def __init__(self, *options: str) -> None:
        """`options`: more of the command's, as in `--maxmemory 5mb`."""
        super().__init__()
        require(shutil.which("redis-server"), "Redis is not installed")
        self._options = options

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        lasting = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return ["redis-server", *place, *lasting, *self._options]
