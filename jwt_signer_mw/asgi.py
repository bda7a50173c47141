"""The ASGI adapter: translates a scope into a request's head, and a decision back.

Runs on asyncio, and on trio. Extra `asgi`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from jwt_signer_mw.assembly import Assembly, Services, link_shadows
from jwt_signer_mw.bodies import digest_of, take_from_receive
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.observed import observed
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import JWTSignerError
from jwt_signer_mw.explain import Asked
from jwt_signer_mw.flows.administration import AdminRequest
from jwt_signer_mw.flows.purge import Purge
from jwt_signer_mw.messages import IDENTITY, Forward, Incoming
from jwt_signer_mw.request.delivery import delivery_to_asgi
from jwt_signer_mw.request.endpoints import HEADERS, MAX_BODY
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAME, MAX_REMEMBERED_NAMES, fold

try:
    from jwt_signer_mw.drivers.async_transport import HttpxTransport
    from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver, ThreadedTransport
except ModuleNotFoundError as missing:
    missing.add_note("ASGI needs an extra: pip install 'jwt-signer-mw[asgi]'")
    raise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.drivers.asynchronous import AsyncTransport
    from jwt_signer_mw.explain import Circumstances, Explanation, Headers
    from jwt_signer_mw.flows.administration import Administration
    from jwt_signer_mw.flows.purge import Purged
    from jwt_signer_mw.settings import Settings

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]  # every framework types it otherwise
Pair: TypeAlias = tuple[bytes, bytes]  # name and value of a header
Value: TypeAlias = tuple[int, str]  # of a header: its place among those that are read

__all__ = [
    "IDENTITY",
    "SETTINGS",
    "STATE",
    "ASGIApplication",
    "JWTSignerMiddleware",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "UnknownScope",
]

SETTINGS = "jwt_signer_mw.settings"  # in the scope: by which policy the request was decided
STATE = "jwt_signer"  # the identity's name in `scope["state"]`, which is Starlette's `request.state`
POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1; before the handshake is accepted, servers make 403 of it

# What becomes of a header: its place among those that are read, or one of these.
HARMLESS = -1
MANAGED = -2


class UnknownScope(JWTSignerError):
    """A kind of connection that the middleware can't protect, so it lets nothing through."""


class JWTSignerMiddleware:
    """Checks the tokens of every request and websocket and re-signs them before `app` sees it.

    `settings` is a mapping of plugin parameters and suite options, or a `Settings`; what it leaves
    unset comes from `JWT_SIGNER_...` environment variables. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        app: ASGIApplication,
        settings: Settings | Mapping[str, Any] | None = None,
        **services: Unpack[Services],
    ) -> None:
        self.assembly = Assembly(settings, **services)
        link_shadows({self.assembly.pipeline.policy: self.assembly})
        self.app = app
        self.pipeline = self.assembly.pipeline
        self.driver = AsynchronousDriver(
            observed(_transport(self.assembly.transport), self.assembly.observers)
        )
        BlockingDriver(RequestsTransport()).run(self.assembly.keyring.prepare())  # asks no provider
        self.admin = ASGIAdministration(self.driver, self.assembly.administration)
        self._places = {name: place for place, name in enumerate(self.pipeline.reads)}
        self._nothing: list[str | None] = [None] * len(self._places)
        self._written = {name: name.lower().encode("latin-1") for name in self.pipeline.writes}
        self._roles: dict[bytes, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._other(scope, receive, send)
            return
        pipeline = self.pipeline
        kept, values, again = self._sort(scope["headers"])
        forward = None
        if not again and (not pipeline.exempt or inner_path(scope) not in pipeline.exempt):
            forward = pipeline.recall(tuple(values))
        if forward is None:
            incoming = self._incoming(scope, kept, values, again)
            if pipeline.binds_body and incoming.path not in pipeline.exempt:
                incoming, receive = await with_body(incoming, scope, receive, pipeline.settings)
            decision = await self.driver.run(pipeline.decide(incoming))
            if not isinstance(decision, Forward):
                await answer(scope, send, decision.status, decision.headers, decision.body)
                return
            forward = decision
        elif pipeline.observers:
            told = self._request_id(kept)
            pipeline.accepted(scope.get("method", "GET"), inner_path(scope), forward, told)
        await self.app(self._rewritten(scope, kept, forward), receive, send)

    async def explain(self, headers: Headers, **circumstances: Unpack[Circumstances]) -> Explanation:
        """What would become of a request with these headers, step by step, and why."""
        return await self.driver.run(self.assembly.explainer.explain(Asked.about(headers, circumstances)))

    async def purge(
        self,
        *,
        jti: str | None = None,
        subject: str | None = None,
        token: str | None = None,
        everything: bool = False,
    ) -> Purged:
        """Forgets what was decided and answered about a token, a subject or all: the next request is judged
        anew. Raises `ValueError` unless one of them is given, `StoreError`."""
        purge = Purge.of(jti=jti, subject=subject, token=token, everything=everything)
        return await self.driver.run(self.pipeline.purge(purge))

    def _sort(self, headers: Iterable[Pair]) -> tuple[list[Pair], list[str | None], list[Value]]:
        """The headers that go on, the values in the order of `reads`, and what came a second time."""
        roles, kept, values, again = self._roles, [], self._nothing.copy(), []
        for pair in headers:
            role = roles.get(pair[0])
            if role is None:
                role = self._role(pair[0])
            if role == HARMLESS:
                kept.append(pair)
            elif role >= 0:
                value = pair[1].decode("latin-1")
                if values[role] is None:
                    values[role] = value
                else:
                    again.append((role, value))
        return kept, values, again

    def _role(self, name: bytes) -> int:
        """Looks a spelling up, and remembers it: clients send the same few dozen all the time."""
        text = name.decode("latin-1")
        role = self._places.get(fold(text), MANAGED if text in self.pipeline.managed else HARMLESS)
        if len(self._roles) >= MAX_REMEMBERED_NAMES:
            self._roles.clear()
        if len(name) <= MAX_REMEMBERED_NAME:
            self._roles[name] = role
        return role

    def _incoming(
        self, scope: Scope, kept: list[Pair], values: list[str | None], again: list[Value]
    ) -> Incoming:
        hosts = (value.decode("latin-1") for name, value in kept if name.lower() == b"host")
        server = scope.get("server") or ("",)
        repeated = frozenset(place for place, _ in again)
        host = next(hosts, "") or server[0]
        delivery = delivery_to_asgi(scope) if self.pipeline.binds else None
        method = scope.get("method", "GET")
        told = self._request_id(kept)
        return Incoming(method, inner_path(scope), host, tuple(values), repeated, delivery, told)

    def _request_id(self, headers: list[Pair]) -> str:
        ids = self.pipeline.request_ids
        if ids is None:
            return ""
        wanted = ids.header.lower().encode("latin-1")
        values = [value.decode("latin-1") for name, value in headers if name.lower() == wanted]
        return ids.read(",".join(values)) if values else ""

    def _rewritten(self, scope: Scope, kept: list[Pair], forward: Forward) -> Scope:
        """A copy (the caller's scope stays as it is) with the client's harmless headers, and ours."""
        written = self._written
        for name, value in zip(forward.names, forward.values, strict=True):
            kept.append((written[name], value.encode("latin-1")))
        scope = dict(scope)
        scope["headers"] = kept
        scope[IDENTITY] = forward.identity
        scope[SETTINGS] = self.pipeline.settings
        scope.setdefault("state", {})[STATE] = forward.identity  # the server makes one for each request
        return scope

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The lifespan passes: keys that could not be had at build are, connections close at the end."""
        if scope["type"] != "lifespan":
            raise UnknownScope(f"a scope of type {scope['type']!r} can't be protected")

        async def receive_and_prepare() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.driver.run(self.assembly.keyring.prepare())
            return message

        async def close_and_send(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                await self.driver.aclose()
            await send(message)

        try:
            await self.app(scope, receive_and_prepare, close_and_send)
        finally:
            await self.driver.aclose()


class ASGIAdministration:
    """The key set endpoints as an ASGI application: `middleware.admin`."""

    def __init__(self, driver: AsynchronousDriver, administration: Administration) -> None:
        self._driver = driver
        self._administration = administration

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise UnknownScope(f"key sets are not served to a scope of type {scope['type']!r}")
        body = await _body(receive) if scope["method"] == "POST" else b""
        if body is None:
            return
        decided = await self._driver.run(self._administration.answer(admin_request(scope, body)))
        await answer(scope, send, *decided)


def _transport(given: Any) -> AsyncTransport:
    if given is None:
        return HttpxTransport()
    return given if iscoroutinefunction(given.send) else ThreadedTransport(given)


def admin_request(scope: Scope, body: bytes) -> AdminRequest:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = name.decode("latin-1").lower()
        if text in HEADERS or text == "host":  # several values become one, as in WSGI: that one fits nothing
            found[text] = ",".join((*([found[text]] if text in found else []), value.decode("latin-1")))
    raw = scope.get("raw_path")
    return AdminRequest(
        scope["method"],
        scope["path"],
        None if raw is None else raw.decode("latin-1"),
        found,
        body,
        found.get("host", ""),
    )


async def _body(receive: Receive) -> bytes | None:
    """The body, or its beginning if it is too long anyway; None for a client that left."""
    body = b""
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


async def answer(
    scope: Scope, send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes
) -> None:
    """Answers in place of the application; a websocket is refused before it is accepted."""
    prefix = ""
    if scope["type"] == "websocket":
        prefix = "websocket."
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
    elif scope["method"] == "HEAD":
        body = b""
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": f"{prefix}http.response.start", "status": status, "headers": pairs})
    await send({"type": f"{prefix}http.response.body", "body": body})


async def with_body(
    incoming: Incoming, scope: Scope, receive: Receive, settings: Settings
) -> tuple[Incoming, Receive]:
    """The same with the digest of its body, and a `receive` that gives the body once more."""
    delivery, digest = incoming.delivery, digest_of(b"")
    if delivery is None:
        return incoming, receive
    if scope["type"] == "http":  # the handshake of a websocket has no body
        digest, receive = await take_from_receive(receive, settings.max_bound_body_bytes)
    return incoming._replace(delivery=delivery._replace(digest=digest)), receive


def inner_path(scope: Scope) -> str:
    """The path inside the mount, as routers read it; WSGI servers take the same part away."""
    path: str = scope["path"]
    root = (scope.get("root_path") or "").rstrip("/")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :]
    return path
