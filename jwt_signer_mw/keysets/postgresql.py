"""Connections to PostgreSQL that wait for no server that hangs.

`statement_timeout` is for the server to keep, and TCP sees a process that stands still as one that lives.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from psycopg import Connection, OperationalError

if TYPE_CHECKING:
    from collections.abc import Generator

PATIENCE = 3.0  # seconds for one exchange with the server


class PromptConnection(Connection[Any]):
    """Raises `OperationalError`, and is closed, where an answer takes longer than `PATIENCE`."""

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        return super().wait(self._promptly(gen), *arguments, **options)

    def _promptly(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same generator; psycopg resumes it several times a second, whether there is news or not."""
        deadline = time.monotonic() + PATIENCE
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise OperationalError(f"no answer within {PATIENCE:g} seconds")
                wanted = gen.send(ready)
        except StopIteration as stop:
            return stop.value


def connect(_dialect: object, _record: object, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """For SQLAlchemy's event `do_connect`."""
    return PromptConnection.connect(*arguments, **options)
