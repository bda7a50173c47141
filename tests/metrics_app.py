"""What each of several processes serves: the middleware, and the metrics of all of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jwt_signer_mw.observability.prometheus import scrape
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def tell_process(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


# Settings come from the environment: JWT_SIGNER_OBSERVERS=prometheus among them.
middleware = JWTSignerMiddleware(tell_process, {"channel_token_optional": True})


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/metrics":
        return middleware(environ, start_response)
    text, content_type = scrape()
    start_response("200 OK", [("Content-Type", content_type)])
    return [text]
