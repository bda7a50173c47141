"""The WSGI adapter of the suite, under the conformance table."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

from conformance.adapter import BODY, Outcome, Plain, Seen, fold_name
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def environ_of(request: Plain) -> WSGIEnvironment:
    """What a server makes of a request: header names folded, repeated headers joined (PEP 3333)."""
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "server.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": request.host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for name, value in request.headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def call(application: WSGIApplication, request: Plain) -> Outcome:
    """One call, as a server makes it; the environ it passed is not changed by the application."""
    environ = environ_of(request)
    before = {name: value for name, value in environ.items() if not name.startswith("wsgi.")}
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda _: None

    answer = validator(application)(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]
    assert {name: environ[name] for name in before} == before
    ((status, headers),) = started
    return Outcome(int(status[:3]), tuple(headers), body)


class WSGIRunner:
    """The middleware, called directly."""

    def __init__(self, settings: Mapping[str, object], services: Mapping[str, Any]) -> None:
        self.calls: list[Seen] = []
        self.middleware = JWTSignerMiddleware(validator(self._application), settings, **services)

    def send(self, request: Plain) -> Outcome:
        self.calls.clear()
        outcome = call(self.middleware, request)
        return Outcome(outcome.status, outcome.headers, outcome.body, tuple(self.calls))

    def ask(self, request: Plain) -> Outcome:
        return call(self.middleware.admin, request)

    def close(self) -> None:
        """Nothing is open."""

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = sorted(
            (fold_name(name[5:]), value) for name, value in environ.items() if name.startswith("HTTP_")
        )
        seen = tuple((name, value) for name, value in headers if name != "host")
        self.calls.append(Seen(seen, environ.get("jwt_signer_mw.identity")))
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
        return [BODY]


class WSGIAdapter:
    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> WSGIRunner:
        return WSGIRunner(settings, services)
