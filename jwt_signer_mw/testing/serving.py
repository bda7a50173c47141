"""A provider on a port of loopback: for applications whose server runs in another thread or process."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.testing.provider import Provider

POLL = 0.02  # seconds that stopping may take


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """The origin, `http://127.0.0.1:<port>`. What is slow really takes its time here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.removeprefix("/")
            condition = provider.condition(path)
            time.sleep(condition.seconds)
            if condition.down:
                provider.calls.append(path)
                return
            reply = provider.answer(path, body)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(reply.body)
            except OSError:  # the client's time was up, or its patience with a body
                self.close_connection = True

        do_POST = do_GET  # noqa: N815  inherited

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  inherited
            """Nothing: `calls` has it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
