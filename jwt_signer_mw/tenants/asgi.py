"""The ASGI adapter for several tenants. Extra `asgi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from anyio import to_thread

from jwt_signer_mw.asgi import JWTSignerMiddleware, UnknownScope, answer, inner_path
from jwt_signer_mw.drivers.async_transport import HttpxTransport
from jwt_signer_mw.tenants.book import Book
from jwt_signer_mw.tenants.choosing import TENANT, Asked, Tenants, asked_host
from jwt_signer_mw.tenants.refusing import MISDIRECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from jwt_signer_mw.asgi import ASGIApplication, Message, Receive, Scope, Send
    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.settings import Settings


class TenantsMiddleware:
    """Has each request and websocket judged by its tenant's own `JWTSignerMiddleware` in front of `app`.

    `services` serve all tenants; of stores and caches each sees a part of its own. Raises
    `ConfigurationError`.
    """

    def __init__(
        self,
        app: ASGIApplication,
        tenants: Tenants | Mapping[str, Settings | Mapping[str, Any]],
        **services: Unpack[Services],
    ) -> None:
        services.setdefault("transport", HttpxTransport())
        tenants = tenants if isinstance(tenants, Tenants) else Tenants(tenants)
        self.app = app
        self.book: Book[JWTSignerMiddleware] = Book(tenants, services, self._build)
        self.admin = self._administration

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._serve(scope, receive, send, lambda middleware: middleware)

    async def tenant(self, name: str) -> JWTSignerMiddleware:
        """A tenant's own middleware, to purge or to explain. Raises `LookupError` for a stranger."""
        middleware = (await to_thread.run_sync(self.book.open, name)).middleware
        if middleware is None:
            raise LookupError(f"{name!r} is no tenant")
        return middleware

    def forget(self, name: str) -> None:
        """Looks a tenant's settings up anew for its next request, if a callable gives them."""
        if name not in self.book.tenants.named:
            self.book.forget(name)

    async def _administration(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The key set endpoints of the tenant that the request is for, and of no other."""
        await self._serve(scope, receive, send, lambda middleware: middleware.admin)

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        door: Callable[[JWTSignerMiddleware], ASGIApplication],
    ) -> None:
        if scope["type"] not in ("http", "websocket"):
            raise UnknownScope(f"a scope of type {scope['type']!r} can't be protected")
        asked, is_clear = _asked(scope)
        status = MISDIRECTED
        for name in self.book.tenants.candidates(asked) if is_clear else ():
            entry = self.book.find(name)
            if entry is None:
                entry = await to_thread.run_sync(self.book.open, name)
            if entry.middleware is not None:
                await door(entry.middleware)({**scope, TENANT: name}, receive, send)
                return
            status = entry.status
            if status != MISDIRECTED:
                break
        refused = self.book.refuse(status, asked)
        await answer(scope, send, refused.status, refused.headers, refused.body)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The lifespan is the application's; connections close when it is over."""

        async def close_and_send(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                await self.aclose()
            await send(message)

        try:
            await self.app(scope, receive, close_and_send)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Closes connections to providers. They open again when they are needed."""
        for middleware in self.book.middlewares():
            await middleware.driver.aclose()

    def _build(self, _name: str, settings: Settings, services: Services) -> JWTSignerMiddleware:
        return JWTSignerMiddleware(self.app, settings, **services)


def _asked(scope: Scope) -> tuple[Asked, bool]:
    """What is asked for, and whether it is clear of whom."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
    raw = scope.get("raw_path")
    host = asked_host(",".join(hosts), scope["path"], None if raw is None else raw.decode("latin-1"))
    return Asked(host or "", inner_path(scope), scope.get("method", "GET")), host is not None
