"""Our own figures: what a known token, a new one and an opaque one cost in WSGI and ASGI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.goals import FORGETFUL, forgetful, new_requests
from benchmarks.measuring import Case
from benchmarks.setups import asgi, wsgi
from benchmarks.tokens import supply, token

if TYPE_CHECKING:
    from collections.abc import Iterator

WSGI, ASGI = "WSGI, bare", "ASGI, bare"


def cases() -> Iterator[Case]:
    yield from _wsgi_cases()
    yield from _asgi_cases(asgi.Loop())


def _wsgi_cases() -> Iterator[Case]:
    known, opaque = wsgi.environ(token(0)), wsgi.environ("opaque-token-of-some-length-0123456789")
    yield Case(WSGI, wsgi.passes(wsgi.application, lambda: known))
    yield Case("ours in WSGI, a known token", wsgi.passes(wsgi.wrapped(), lambda: known), WSGI)
    yield Case("ours in WSGI, a known opaque token", wsgi.passes(wsgi.wrapped(), lambda: opaque), WSGI)
    for alg in ("RS256", "PS256", "ES256", "EdDSA"):
        yield Case(f"ours in WSGI, a new token, {alg}", wsgi.passes(forgetful(alg), new_requests()), WSGI)


def _asgi_cases(loop: asgi.Loop) -> Iterator[Case]:
    known = asgi.scope(token(0))
    yield Case(ASGI, loop.passes(asgi.application, lambda: known))
    yield Case("ours in ASGI, a known token", loop.passes(asgi.wrapped(), lambda: known), ASGI)
    for alg in ("RS256", "ES256", "EdDSA"):
        app = asgi.wrapped(verdict_cache_size=FORGETFUL, access_token_signing_algorithm=alg)
        passes = loop.passes(app, supply(400, lambda i: asgi.scope(token(i))))
        yield Case(f"ours in ASGI, a new token, {alg}", passes, ASGI, time.process_time)
