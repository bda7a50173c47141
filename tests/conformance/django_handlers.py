"""Django's two handlers, WSGI and ASGI, with the middleware in them, under the conformance table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path

from conformance import asgi, wsgi
from conformance.adapter import BODY, Outcome, Plain, Seen, fold_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from jwt_signer_mw.asgi import Message, Receive, Scope, Send

MIDDLEWARE = ["django_jwt_signer.middleware.JWTSignerMiddleware"]


class Recorder:
    """URLs that lead everything to one view, which keeps what it sees."""

    def __init__(self, *, asynchronous: bool) -> None:
        self.calls: list[Seen] = []
        view = self._aview if asynchronous else self._view
        self.urlpatterns = [
            path("jwt-signer/", include("django_jwt_signer.urls")),
            re_path(r"(?s).*", view),
        ]

    def _view(self, request: HttpRequest) -> HttpResponse:
        self.calls.append(Seen(_headers(request), getattr(request, "jwt_signer", None)))
        return HttpResponse(BODY, content_type="text/plain", headers={"Content-Length": str(len(BODY))})

    async def _aview(self, request: HttpRequest) -> HttpResponse:
        return self._view(request)


def _headers(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """As the view sees them, in whichever of the places it looks."""
    meta = sorted(
        (fold_name(key[5:]), value) for key, value in request.META.items() if key.startswith("HTTP_")
    )
    named = sorted((fold_name(name), value) for name, value in request.headers.items())
    assert [pair for pair in named if pair[0] not in {"content-type", "content-length"}] == meta
    scope = getattr(request, "scope", None)
    if scope is not None:
        names = {fold_name(name.decode("latin-1")) for name, _ in scope["headers"]}
        assert names == {name for name, _ in meta}
    return tuple((name, value) for name, value in meta if name != "host")


class _Runner:
    """A handler, built under the settings of a case; the answers' `Vary` is judged here."""

    asynchronous = False

    def __init__(self, settings: Mapping[str, object], services: Mapping[str, object]) -> None:
        self.recorder = Recorder(asynchronous=self.asynchronous)
        self._override = override_settings(
            JWT_SIGNER={**settings, **services}, MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=self.recorder
        )
        self._override.enable()
        self._open = True
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def send(self, request: Plain) -> Outcome:
        self.recorder.calls.clear()
        outcome = self._call(request)
        headers = tuple((name, value) for name, value in outcome.headers if name.lower() != "vary")
        names = {name.lower() for name, _ in headers}
        is_judged = not {"access-control-allow-origin", "allow"} & names  # else it is for everybody
        assert len(headers) == len(outcome.headers) - is_judged, "a decision varies by the tokens' headers"
        return Outcome(outcome.status, headers, outcome.body, tuple(self.recorder.calls))

    def ask(self, request: Plain) -> Outcome:
        return self._call(request)

    def close(self) -> None:
        """Once more does no harm."""
        if self._open:
            self._open = False
            self._override.disable()

    def _build(self) -> None:
        raise NotImplementedError

    def _call(self, request: Plain) -> Outcome:
        raise NotImplementedError


class WSGIRunner(_Runner):
    def _build(self) -> None:
        self._handler = WSGIHandler()

    def _call(self, request: Plain) -> Outcome:
        return wsgi.call(self._leave_headers, request)

    def _leave_headers(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Django decodes the paths of an environ in place; the headers in it are not its own to change."""
        given = environ.copy()
        answer = self._handler(given, start_response)
        assert {**given, "PATH_INFO": "", "SCRIPT_NAME": ""} == {
            **environ,
            "PATH_INFO": "",
            "SCRIPT_NAME": "",
        }
        return answer


class ASGIRunner(_Runner):
    asynchronous = True

    def _build(self) -> None:
        self._loop = asyncio.Runner()
        self._handler: Any = ASGIHandler()

    def _call(self, request: Plain) -> Outcome:
        return self._loop.run(asgi.call(self._stay_connected, request))

    async def _stay_connected(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Django listens for a client that leaves, and leaves it to servers to fold names."""
        whole = [await receive()]

        async def receive_once() -> Message:
            return whole.pop() if whole else await asyncio.Event().wait()  # type: ignore[return-value]

        async def send_folded(message: Message) -> None:
            if "headers" in message:
                message["headers"] = [(name.lower(), value) for name, value in message["headers"]]
            await send(message)

        await self._handler(scope, receive_once, send_folded)

    def close(self) -> None:
        self._loop.close()
        super().close()


class DjangoWSGIAdapter:
    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> WSGIRunner:
        return WSGIRunner(settings, services)


class DjangoASGIAdapter:
    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> ASGIRunner:
        return ASGIRunner(settings, services)
