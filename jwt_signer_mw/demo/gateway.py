"""The gateway: one policy per first segment of the path, all in front of one upstream application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.exceptions import NotFound
from werkzeug.middleware.http_proxy import ProxyMiddleware

from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.events import Decided
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.settings import Settings

ADMIN = "jwt-signer"


class Heard(NamedTuple):
    """What an observer was told, and by which policy."""

    policy: str
    event: Decided


class Gateway:
    """A WSGI application. `heard` collects the decisions until `take_heard` asks for them."""

    def __init__(
        self,
        policies: Mapping[str, Settings],
        upstream: str,
        *,
        keyset_store: KeysetStore,
        transport: Transport,
    ) -> None:
        proxy = ProxyMiddleware(NotFound(), {name: {"target": upstream} for name in policies})
        self._heard: list[Heard] = []
        self.listener: Callable[[Heard], None] = self._heard.append
        self._middlewares = {
            name: JWTSignerMiddleware(
                proxy,
                settings,
                keyset_store=keyset_store,
                transport=transport,
                observers=(partial(self._hear, name),),
            )
            for name, settings in policies.items()
        }
        self._applications: dict[str, WSGIApplication] = {**self._middlewares}
        self._applications[ADMIN] = next(iter(self._middlewares.values())).admin

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"].strip("/").partition("/")[0]
        application = self._applications.get(name) or NotFound()
        return application(environ, start_response)

    def settings(self, policy: str) -> Settings:
        return self._middlewares[policy].assembly.settings

    def take_heard(self) -> tuple[Heard, ...]:
        """What was decided since this was asked last."""
        heard, self._heard[:] = tuple(self._heard), []
        return heard

    def _hear(self, policy: str, event: Decided) -> None:
        self.listener(Heard(policy, event))
