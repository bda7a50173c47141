"""The conformance table through the Flask extension: by Flask's test client, and over a socket."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import socket
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("flask", "waitress")

from flask import Flask, Response, request
from werkzeug.routing import Rule

from conformance.adapter import BODY, Outcome, Plain, Seen, fold_name
from conformance.play import Stage
from conformance.table import TABLE
from flask_jwt_signer import JWTSigner
from jwt_signer_mw.messages import IDENTITY
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from werkzeug.test import TestResponse

    from conformance.case import Case


FROM_THE_SERVER = ("Connection", "Date", "Server", "Transfer-Encoding", "Via")

# What waitress changes before any application sees it.
ALTERED_BY_WAITRESS = {
    "not exempt: //public/a",  # it joins slashes at the beginning
    "no metadata at //.well-known/oauth-protected-resource/orders",
    "other headers stay as they are",  # it drops names with an underscore
    "malformed: a blank behind the token",  # RFC 9112 section 5.1: no part of the value
}
UNALTERED = [case for case in TABLE if case.name not in ALTERED_BY_WAITRESS]


def make_app(settings: Mapping[str, object], services: Mapping[str, Any], calls: list[Seen]) -> Flask:
    """One view for every path and method; it notes what it sees."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.config["JWT_SIGNER"] = dict(settings)

    def view(path: str = "") -> Response:
        headers = sorted((fold_name(name), value) for name, value in request.headers)
        seen = tuple((name, value) for name, value in headers if name not in ("host", "content-length"))
        calls.append(Seen(seen, request.environ.get(IDENTITY)))
        return Response(BODY, mimetype="text/plain")

    for path in ("/", "/<path:path>"):
        app.url_map.add(Rule(path, endpoint="view"))
    app.view_functions["view"] = view
    JWTSigner(app, **services)
    return app


class FlaskRunner:
    """An application, called by its own test client."""

    def __init__(self, settings: Mapping[str, object], services: Mapping[str, Any]) -> None:
        self.calls: list[Seen] = []
        self.client = make_app(settings, services, self.calls).test_client(use_cookies=False)
        self.client.environ_base = {}

    def send(self, request: Plain) -> Outcome:
        self.calls.clear()
        answer = self._call(request)
        return Outcome(answer.status_code, tuple(answer.headers), answer.data, tuple(self.calls))

    def ask(self, request: Plain) -> Outcome:
        return self.send(request)

    def close(self) -> None:
        """Nothing is open."""

    def _call(self, request: Plain) -> TestResponse:
        return self.client.open(
            request.target,
            method=request.method,
            base_url=f"http://{request.host}",
            headers=list(request.headers),
            data=request.body or None,
        )


class ServerRunner:
    """An application behind waitress; requests are written to a socket as they are."""

    def __init__(self, server: Server, settings: Mapping[str, object], services: Mapping[str, Any]) -> None:
        self.calls: list[Seen] = []
        self.server = server
        server.application = make_app(settings, services, self.calls)

    def send(self, request: Plain) -> Outcome:
        self.calls.clear()
        lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        lines += [f"Content-Length: {len(request.body)}"] if request.body else []
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
            answer = HTTPResponse(connection, method=request.method)
            answer.begin()
            body = answer.read()
        headers = [(name, value) for name, value in answer.getheaders() if name not in FROM_THE_SERVER]
        return Outcome(answer.status, tuple(headers), body, tuple(map(_without_connection, self.calls)))

    def ask(self, request: Plain) -> Outcome:
        return self.send(request)

    def close(self) -> None:
        """The server lives on."""


def _without_connection(seen: Seen) -> Seen:
    return Seen(tuple(header for header in seen.headers if header[0] != "connection"), seen.identity)


class Server:
    """Waitress; `application` may change at any time."""

    def __init__(self) -> None:
        self.application: WSGIApplication
        self._waitress = Waitress(self._call)
        self.port, self.close = self._waitress.port, self._waitress.close

    def _call(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.application(environ, start_response)


class FlaskAdapter:
    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> FlaskRunner:
        return FlaskRunner(settings, services)


class ServerAdapter:
    def __init__(self, server: Server) -> None:
        self._server = server

    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> ServerRunner:
        return ServerRunner(self._server, settings, services)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("conformance")) as opened:
        yield opened


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_conformance(case: Case, stage: Stage) -> None:
    stage.play(case, FlaskAdapter())


@pytest.mark.parametrize("case", UNALTERED, ids=[case.name for case in UNALTERED])
def test_conformance_over_a_socket(case: Case, stage: Stage, server: Server) -> None:
    stage.play(case, ServerAdapter(server))


def test_the_altered_cases_are_in_the_table() -> None:
    assert len(TABLE) - len(UNALTERED) == len(ALTERED_BY_WAITRESS)
