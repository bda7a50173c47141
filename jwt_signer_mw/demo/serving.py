"""A WSGI application on a free port of the loopback interface."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed.wsgi import WSGIApplication

LOOPBACK = "127.0.0.1"
ANY_PORT = 0
POLL_SECONDS = 0.05  # how often a server looks whether it should stop


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # no connection is left open when a server stops

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """No access log: the demo tells better what happened, and shows no token that is in a path."""


@contextmanager
def serving(app: WSGIApplication, port: int = ANY_PORT) -> Iterator[str]:
    """Serve `app` in threads while the context is open; gives its origin, `http://127.0.0.1:<port>`.

    Raises `OSError` for a port that is taken.
    """
    with socket.create_server((LOOPBACK, port)) as listener:  # Werkzeug would exit if it can't listen
        port = listener.getsockname()[1]
        server = make_server(
            LOOPBACK, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
