"""What a worker serves: the middleware, its endpoints, and an application that tells its token."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def show(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    token = str(environ["HTTP_AUTHORIZATION"]).removeprefix("Bearer ")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"token": token, "worker": os.getpid()}).encode()]


middleware = JWTSignerMiddleware(show, json.loads(os.environ["FLEET_SETTINGS"]))


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/jwt-signer"):
        return middleware.admin(environ, start_response)
    return middleware(environ, start_response)
