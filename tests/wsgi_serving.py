"""A real WSGI server on a thread."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, cast

from waitress import wasyncore
from waitress.server import create_server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

JOIN_SECONDS = 10.0


class Waitress:
    """Serves until it is closed. `port` is the one that it got."""

    def __init__(self, application: WSGIApplication, threads: int = 4) -> None:
        self._server = cast("Any", create_server(application, host="127.0.0.1", port=0, threads=threads))
        self.port: int = self._server.effective_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Sockets are closed by the thread that waits for them: then its loop ends."""
        with contextlib.suppress(OSError):  # it was awake already, and closed what should wake it
            self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(JOIN_SECONDS)
        self._server.task_dispatcher.shutdown()
