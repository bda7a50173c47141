"""The gateway as an ASGI application: health, key set endpoints, then routes or questions of proxies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jwt_signer_mw.asgi import ASGIAdministration, UnknownScope, answer
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.gateway.access_log import Entry
from jwt_signer_mw.gateway.answers import document, failure
from jwt_signer_mw.gateway.forward_auth import PREFIX, Admission, serve_forward_auth
from jwt_signer_mw.gateway.forwarding import Passage, lower, named_in_connection
from jwt_signer_mw.gateway.health import readiness
from jwt_signer_mw.gateway.metrics import serve_metrics
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.gateway.policies import NOT_LOOKED_AT, Asked
from jwt_signer_mw.gateway.routing import AmbiguousPath, inner_target
from jwt_signer_mw.messages import Forward
from jwt_signer_mw.request.delivery import delivery_to_asgi

if TYPE_CHECKING:
    from jwt_signer_mw.asgi import Receive, Scope, Send
    from jwt_signer_mw.gateway.file import GatewayFile
    from jwt_signer_mw.gateway.forwarding import Forwarder
    from jwt_signer_mw.gateway.health import WatchedTransport
    from jwt_signer_mw.gateway.options import Route
    from jwt_signer_mw.gateway.policies import Ruling, Workshop

log = logging.getLogger("jwt_signer_mw.gateway")


class Gateway:
    """Serves one gateway file. `reload` swaps what rules; a request ends by the rules it began with."""

    def __init__(
        self, ruling: Ruling, workshop: Workshop, transport: WatchedTransport, forwarder: Forwarder | None
    ) -> None:
        """Without a forwarder it answers the questions of other proxies and passes nothing on."""
        self._workshop = workshop
        self._transport = transport
        self._forwarder = forwarder
        self._refused: list[str] = []
        self._take(ruling)

    def _take(self, ruling: Ruling) -> None:
        self.ruling = ruling
        self._admission = Admission(ruling.configuration.gateway)
        admin_path = ruling.policies[DEFAULT].assembly.settings.admin_path
        self._admin_prefix = f"{admin_path.rstrip('/')}/" if admin_path else None

    async def reload(self, file: GatewayFile) -> bool:
        """A file that can't be used changes nothing: it is told why, in the log and at `ready`."""
        try:
            self._take(await self._workshop.build(file.load()))
        except ConfigurationError as error:
            problems = [one for one in error.problems if one.level == "error"]
            self._refused = [f"{one.option} {one.text} {one.hint}".strip() for one in problems]
            for problem in self._refused:
                log.error("%s is not taken over, the old rules stay: %s", file.path, problem)
            return False
        self._refused = []
        log.warning("%s is taken over", file.path)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise UnknownScope(f"a scope of type {scope['type']!r} can't be protected")
        ruling, entry = self.ruling, Entry(send)
        try:
            entry.reason = await self._serve(ruling, scope, receive, entry)
        finally:
            if ruling.configuration.gateway.access_log:
                entry.write(scope)

    async def _serve(self, ruling: Ruling, scope: Scope, receive: Receive, entry: Entry) -> str:
        scope["headers"] = lower(scope["headers"])
        path = scope["path"]
        if scope["type"] == "http" and self._admin_prefix and path.startswith(self._admin_prefix):
            return await self._administer(ruling, path, scope, receive, entry)
        if ruling.metadata and scope["type"] == "http":
            policy = ruling.metadata.find(path, _host(scope))
            if policy is not None:
                shown = policy.pipeline.show_metadata(scope["method"])
                await answer(scope, entry.send, shown.status, shown.headers, shown.body)
                return shown.reason
        if self._forwarder is None:
            if scope["type"] != "http" or not (path == PREFIX or path.startswith(f"{PREFIX}/")):
                await failure(scope, entry.send, 404)
                return "no_question"
            _, reason = await serve_forward_auth(ruling, self._admission, scope, entry.send)
            return reason
        return await self._route(ruling, self._forwarder, scope, receive, entry)

    async def _administer(
        self, ruling: Ruling, path: str, scope: Scope, receive: Receive, entry: Entry
    ) -> str:
        inner = path.removeprefix(self._admin_prefix or "")
        if inner == "health":
            await document(scope, entry.send, 200, {"alive": True})
            return inner
        if inner == "ready":
            ready, state = readiness(ruling, self._transport.contacts, self._refused)
            await document(scope, entry.send, 200 if ready else 503, state)
            return inner
        if inner == "metrics" and ruling.configuration.gateway.metrics:
            await serve_metrics(scope, entry.send, ruling.policies[DEFAULT].assembly.settings)
            return inner
        await ASGIAdministration(self._workshop.driver, ruling.administration)(scope, receive, entry.send)
        return "administration"

    async def _route(
        self, ruling: Ruling, forwarder: Forwarder, scope: Scope, receive: Receive, entry: Entry
    ) -> str:
        headers = scope["headers"]
        host = _host(scope)
        method = scope.get("method", "GET")
        try:
            route = ruling.router.find(host, scope["path"], method)
        except AmbiguousPath:
            await failure(scope, entry.send, 400)
            return "ambiguous_path"
        if route is None:
            await failure(scope, entry.send, 404)
            return "no_route"
        policy = None if route.exempt else ruling.policies[route.policy]
        entry.policy = "" if policy is None else policy.name
        decision = NOT_LOOKED_AT
        if policy is not None:
            managed = ruling.managed.read(headers)
            delivery = delivery_to_asgi(scope)._replace(inner_path=_seen_path(ruling, route, scope))
            asked = Asked(method, scope["path"], host, managed, delivery)
            judged, receive = await policy.decide_with_body(asked, scope, receive)
            if not isinstance(judged, Forward):
                await answer(scope, entry.send, judged.status, judged.headers, judged.body)
                return judged.reason
            decision = judged
        passage = _passage(ruling, route, scope, decision)
        entry.upstream = passage.base
        if scope["type"] == "websocket":
            from jwt_signer_mw.gateway.websockets import pass_on

            return await pass_on(passage, scope, receive, entry)
        return await forwarder.pass_on(passage, scope, receive, entry)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._transport.aclose()
                if self._forwarder is not None:
                    await self._forwarder.aclose()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def _seen_path(ruling: Ruling, route: Route, scope: Scope) -> str:
    """The path that the service behind will see, decoded."""
    passage = _passage(ruling, route, scope, NOT_LOOKED_AT)
    whole = urlsplit(passage.base).path.rstrip("/") + passage.target.partition("?")[0]
    return unquote(whole, errors="replace")


def _passage(ruling: Ruling, route: Route, scope: Scope, forward: Forward) -> Passage:
    """The client's headers without any that a policy manages, and what this decision writes."""
    named = named_in_connection(scope["headers"])
    kept = [pair for pair in scope["headers"] if pair[0] not in named and pair[0] not in ruling.managed]
    written = zip(forward.names, forward.values, strict=True)
    headers = [*kept, *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in written)]
    options = ruling.configuration.gateway
    base = route.upstream or options.upstream or ""
    raw = scope.get("raw_path")
    target = (raw if raw is not None else scope["path"].encode()).decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    target = inner_target(route, scope["path"], target)
    return Passage(base, target, headers, route.preserve_host, options.upstream_timeout)
