"""The WSGI adapter for several tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.request.responses import status_line
from jwt_signer_mw.tenants.book import Book
from jwt_signer_mw.tenants.choosing import TENANT, Asked, Tenants, asked_host
from jwt_signer_mw.tenants.refusing import MISDIRECTED
from jwt_signer_mw.wsgi import JWTSignerMiddleware, decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.settings import Settings


class TenantsMiddleware:
    """Has each request judged by its tenant's own `JWTSignerMiddleware` in front of `app`.

    `services` serve all tenants; of stores and caches each sees a part of its own. Raises
    `ConfigurationError`.
    """

    def __init__(
        self,
        app: WSGIApplication,
        tenants: Tenants | Mapping[str, Settings | Mapping[str, Any]],
        **services: Unpack[Services],
    ) -> None:
        services.setdefault("transport", RequestsTransport())
        tenants = tenants if isinstance(tenants, Tenants) else Tenants(tenants)
        self.app = app
        self.book: Book[JWTSignerMiddleware] = Book(tenants, services, self._build)
        self.admin = self._administration

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._serve(environ, start_response, lambda middleware: middleware)

    def tenant(self, name: str) -> JWTSignerMiddleware:
        """A tenant's own middleware, to purge or to explain. Raises `LookupError` for a stranger."""
        middleware = self.book.open(name).middleware
        if middleware is None:
            raise LookupError(f"{name!r} is no tenant")
        return middleware

    def forget(self, name: str) -> None:
        """Looks a tenant's settings up anew for its next request, if a callable gives them."""
        if name not in self.book.tenants.named:
            self.book.forget(name)

    def close(self) -> None:
        """Closes connections to providers. They open again when they are needed."""
        for middleware in self.book.middlewares():
            middleware.close()

    def _administration(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The key set endpoints of the tenant that the request is for, and of no other."""
        return self._serve(environ, start_response, lambda middleware: middleware.admin)

    def _serve(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        door: Callable[[JWTSignerMiddleware], WSGIApplication],
    ) -> Iterable[bytes]:
        asked, is_clear = _asked(environ)
        status = MISDIRECTED
        for name in self.book.tenants.candidates(asked) if is_clear else ():
            entry = self.book.find(name) or self.book.open(name)
            if entry.middleware is not None:
                return door(entry.middleware)({**environ, TENANT: name}, start_response)
            status = entry.status
            if status != MISDIRECTED:
                break
        refused = self.book.refuse(status, asked)
        start_response(status_line(refused.status), list(refused.headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else refused.body]

    def _build(self, _name: str, settings: Settings, services: Services) -> JWTSignerMiddleware:
        return JWTSignerMiddleware(self.app, settings, **services)


TARGETS = ("RAW_URI", "REQUEST_URI", "PATH_INFO")  # where servers tell what was asked for


def _asked(environ: WSGIEnvironment) -> tuple[Asked, bool]:
    """What is asked for, and whether it is clear of whom."""
    host = asked_host(environ.get("HTTP_HOST"), *map(environ.get, TARGETS))
    path = decoded(environ.get("PATH_INFO", ""))
    return Asked(host or "", path, environ["REQUEST_METHOD"]), host is not None
