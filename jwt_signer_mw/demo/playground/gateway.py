"""The playground's gateway: one policy at a time, and each request is followed on its way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import NotFound
from werkzeug.middleware.http_proxy import ProxyMiddleware

from jwt_signer_mw.explain.following import FollowedPipeline
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from jwt_signer_mw.demo.trial import Headers
    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.events import Decided
    from jwt_signer_mw.explain import Explanation
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.settings import Settings

ADMIN = "/jwt-signer/"
EVERYTHING = "everything"  # the proxy knows no prefix that every path has; this one is no path's
MAX_POLICIES = 16  # that are kept with what they remember


class FollowedMiddleware(JWTSignerMiddleware):
    """A middleware that decides with a `FollowedPipeline`."""

    pipeline: FollowedPipeline

    def __init__(
        self, app: WSGIApplication, settings: Settings, store: KeysetStore, transport: Transport
    ) -> None:
        self.heard: list[Decided] = []
        super().__init__(
            app, settings, keyset_store=store, transport=transport, observers=(self.heard.append,)
        )
        self.pipeline = FollowedPipeline(*self.assembly.parts, self.assembly.observers)


class Passage(NamedTuple):
    """What became of a request. `forwarded`: the headers that went on, None if it did not."""

    explanation: Explanation
    decision: Decided
    forwarded: Headers | None


class FollowedGateway:
    """A WSGI application. `use` sets the policy; `take_passage` tells of the last request."""

    def __init__(self, upstream: str, store: KeysetStore, transport: Transport) -> None:
        self._proxy = ProxyMiddleware(NotFound(), {EVERYTHING: {"target": upstream}})
        self._store = store
        self._transport = transport
        self._middlewares: dict[str, FollowedMiddleware] = {}
        self._current: FollowedMiddleware | None = None
        self._forwarded: Headers | None = None
        self._passage: Passage | None = None
        self._turn = threading.Lock()  # one request at a time is followed

    def use(self, settings: Settings) -> None:
        """From now on. A policy that was used before remembers what it saw."""
        known = self._middlewares.pop(settings.fingerprint, None)
        if known is None:
            known = FollowedMiddleware(self._forward, settings, self._store, self._transport)
        self._middlewares[settings.fingerprint] = self._current = known
        while len(self._middlewares) > MAX_POLICIES:
            del self._middlewares[next(iter(self._middlewares))]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        current = self._current
        if current is None:
            return NotFound()(environ, start_response)
        if environ["PATH_INFO"].startswith(ADMIN):
            return current.admin(environ, start_response)
        with self._turn:
            return self._follow(current, environ, start_response)

    def _follow(
        self, current: FollowedMiddleware, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        self._forwarded = self._passage = None
        current.heard.clear()
        answer = current(environ, start_response)
        names = tuple(name for name, _ in EnvironHeaders(environ))
        explanation = current.pipeline.take_explanation(names)
        if explanation is not None:
            self._passage = Passage(explanation, current.heard[-1], self._forwarded)
        return answer

    def _forward(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._forwarded = tuple(EnvironHeaders(environ))
        target = self._proxy.targets[f"/{EVERYTHING}/"]
        return self._proxy.proxy_to(target, environ["PATH_INFO"], "/")(environ, start_response)

    def take_passage(self) -> Passage | None:
        passage, self._passage = self._passage, None
        return passage

    def forget(self) -> int:
        """What the current policy remembers of tokens; how much that was."""
        if self._current is None:
            return 0
        purged = self._current.purge(everything=True)
        return purged.verdicts + (purged.answers or 0)
