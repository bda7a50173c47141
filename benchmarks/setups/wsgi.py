"""WSGI: an environ as a server makes it, and the least application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from benchmarks.measuring import each
from benchmarks.provider import services, settings
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jwt_signer_mw.jose import Key

HEADERS = {
    "HTTP_ACCEPT": "application/json",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_USER_AGENT": "benchmark/1.0",
    "HTTP_X_REQUEST_ID": "3f1e6a34-9ef1-4f0e-9a43-0f7a2d1a55aa",
}


def application(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def wrapped(*keys: Key, **more: Any) -> JWTSignerMiddleware:
    return JWTSignerMiddleware(application, settings(**more), **services(*keys))


def environ(token: str) -> dict[str, Any]:
    made: dict[str, Any] = dict(HEADERS)
    setup_testing_defaults(made)
    made["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return made


def start_response(_status: str, _headers: list[tuple[str, str]], _exc_info: object = None) -> Any:
    """A server that listens and does nothing."""


def passes(app: Any, environs: Callable[[], dict[str, Any]]) -> Callable[[int], None]:
    """Sends the next request, as often as asked."""
    return each(lambda: app(environs(), start_response))


def accepts(app: Any, made: dict[str, Any]) -> bool:
    """Whether a request passes: what is measured must be what is meant."""
    statuses: list[str] = []
    for chunk in app(made, lambda status, *_: statuses.append(status)):
        del chunk
    return statuses == ["200 OK"]
