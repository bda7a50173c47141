"""The page's server: a few files, and what the page asks for, as JSON.

It listens on loopback, and still trusts nobody who comes there: a request has to name this very host (or a
foreign page could reach it through a name of its own: DNS rebinding), and one that changes something has to
come from our own page, as JSON. Nothing it answers runs script that is not in one of its files.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from jwt_signer_mw.demo.playground.asking import Questions
from jwt_signer_mw.demo.playground.bench import open_bench
from jwt_signer_mw.demo.serving import serving
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from jwt_signer_mw.demo.playground.bench import Bench
    from jwt_signer_mw.demo.stage import Providers

log = logging.getLogger("jwt_signer_mw.demo")

MAX_BODY = 262_144  # bytes
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered: status and a text for whoever sent it."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class PlaygroundServer:
    """A WSGI application."""

    def __init__(self, bench: Bench) -> None:
        self._questions = Questions(bench)
        self._files = dict(_read_files())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._guarded(request)
        response.headers.extend(HEADERS)
        return response(environ, start_response)

    def _guarded(self, request: Request) -> Response:
        try:
            check_host(request)
            if request.method == "POST":
                check_origin(request)
                return self._answer(request)
            return self._file(request)
        except Refused as refused:
            return _json({"problem": str(refused)}, refused.status)
        except Malformed as malformed:
            return _json({"problem": str(malformed)}, 400)
        except ConfigurationError as error:
            return _json({"problems": [found._asdict() for found in error.problems]}, 422)
        except Exception as problem:  # noqa: BLE001  nobody sees a traceback
            log.error("the playground failed: %s", type(problem).__name__)
            return _json({"problem": "Something went wrong in the demo itself; please report it."}, 500)

    def _file(self, request: Request) -> Response:
        name = request.path.removeprefix("/") or "index.html"
        if request.method not in {"GET", "HEAD"}:
            raise Refused(405, "Only GET and POST.")
        if name not in self._files:
            raise Refused(404, "There is no such page.")
        return Response(self._files[name], content_type=f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8")

    def _answer(self, request: Request) -> Response:
        question = self._questions.find(request.path)
        if question is None:
            raise Refused(404, "There is no such question.")
        if request.content_length is None or request.content_length > MAX_BODY:
            raise Refused(413, f"The body has to say its length, {MAX_BODY} bytes at most.")
        try:
            body = parse_object(request.get_data())
        except Malformed:
            raise Refused(400, "The body is not JSON.") from None
        return _json(question(body))


def check_host(request: Request) -> None:
    """Raises `Refused` for a host that is not ours: no name but these two leads here honestly."""
    port = request.environ["SERVER_PORT"]
    if request.headers.get("Host", "") not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
        raise Refused(421, "This server is for 127.0.0.1 only.")


def check_origin(request: Request) -> None:
    """Raises `Refused` for what another page sends; a browser names the origin of every POST."""
    if request.headers.get("Origin") != f"http://{request.headers['Host']}":
        raise Refused(403, "This comes from another page.")
    if request.mimetype != "application/json":
        raise Refused(415, "The body has to be application/json.")


def _read_files() -> Iterator[tuple[str, bytes]]:
    """All that there is to get: no path of a request ever becomes one of a file."""
    for file in files("jwt_signer_mw.demo.playground").joinpath("static").iterdir():
        yield file.name, file.read_bytes()


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")


@contextmanager
def open_playground(providers: Providers) -> Iterator[str]:
    """Serves the page while the context is open; gives its URL."""
    with open_bench(providers) as bench:
        application: WSGIApplication = PlaygroundServer(bench)
        with serving(application) as origin:
            yield f"{origin}/"
