"""The metrics of a gateway, of all its processes: text for Prometheus."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from jwt_signer_mw.asgi import admin_request, answer
from jwt_signer_mw.request.endpoints import challenge, is_authorised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.asgi import Scope, Send
    from jwt_signer_mw.settings import Settings

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where processes of one application share their metrics


async def serve_metrics(scope: Scope, send: Send, settings: Settings) -> None:
    """To whoever has `admin_token`; to everybody where there is none."""
    from jwt_signer_mw.observability.prometheus import scrape

    request = admin_request(scope, b"")
    if settings.admin_token and not is_authorised(request, settings.admin_token):
        await answer(scope, send, 401, [challenge(request, settings.realm)], b"")
        return
    text, content_type = await to_thread.run_sync(scrape)
    headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
    await answer(scope, send, 200, headers, text)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """A folder for the metrics of several processes, unless there is one already. Set before any of them
    is made: `prometheus_client` reads it when it is imported."""
    if os.environ.get(FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="jwt-signer-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
