"""Answers proxies that ask before they let a request through: nginx, Traefik, Caddy, Envoy, HAProxy.

The answer is 200 with the headers to write, or the refusal as the client should get it. A proxy sets what
the answer has, and removes what it names in X-JWT-Signer-Remove: the client's copies of these headers.

Rules of this house:
1. Who may ask: peers in `trusted_proxies` (the loopback, if nothing is set), those behind a Unix socket, and
   with a `secret` only who sends it. The answer holds a new token, so it is nothing for a client.
2. Only headers that the proxy of that `style` always sets itself tell about the request in question. Without
   a style none does: then nothing depends on its path, host or method.
3. The policy is named by the URL that is asked, /auth/NAME, or chosen by the routes (/auth). No header and
   no part of the client's path names it.
"""

from __future__ import annotations

import hmac
import logging
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from jwt_signer_mw.asgi import answer
from jwt_signer_mw.gateway.answers import failure
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.gateway.policies import NOT_LOOKED_AT, Asked
from jwt_signer_mw.gateway.routing import AmbiguousPath
from jwt_signer_mw.messages import Delivery, Forward

if TYPE_CHECKING:
    from jwt_signer_mw.asgi import Scope, Send
    from jwt_signer_mw.gateway.options import GatewayOptions
    from jwt_signer_mw.gateway.policies import Policy, Ruling
    from jwt_signer_mw.messages import Decision

log = logging.getLogger("jwt_signer_mw.gateway")

PREFIX = "/auth"
SECRET = b"x-jwt-signer-secret"
REMOVE = "X-JWT-Signer-Remove"
ENVOY_REMOVE = "x-envoy-auth-headers-to-remove"
FIRST_ERROR = 400
NO_STORE = ("Cache-Control", "no-store")


class Question(NamedTuple):
    """The request that the proxy asks about. Without a style its path is empty: no exemption fits it."""

    method: str
    path: str
    host: str
    target: str = ""  # as the client wrote it

    @property
    def delivery(self) -> Delivery | None:
        """No proxy is asked for the scheme: `public_origins` tells it."""
        path, _, query = self.target.partition("?")
        return Delivery("https", path, query=query) if self.target else None


class Told(NamedTuple):
    """The headers in which a proxy tells of the request; they are its own, never the client's."""

    method: bytes
    uri: bytes
    host: bytes


_OURS = Told(b"x-original-method", b"x-original-uri", b"x-original-host")  # as our examples set them
_FORWARDED = Told(b"x-forwarded-method", b"x-forwarded-uri", b"x-forwarded-host")
STYLES = {"nginx": _OURS, "haproxy": _OURS, "traefik": _FORWARDED, "caddy": _FORWARDED}


class Unasked(ValueError):
    """The question can't be understood. Its text is for the log."""


class Admission:
    """Who may ask."""

    def __init__(self, options: GatewayOptions) -> None:
        self._networks = tuple(map(ip_network, options.trusted_proxies))
        self._secret = None if options.secret is None else options.secret.encode()

    def admits(self, scope: Scope) -> bool:
        client = scope.get("client")
        if client is not None and client[0] and not self._is_near(client[0]):
            return False
        if self._secret is None:
            return True
        given = [value for name, value in scope["headers"] if name == SECRET]
        return len(given) == 1 and hmac.compare_digest(given[0], self._secret)

    def _is_near(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


async def judge(ruling: Ruling, scope: Scope) -> Decision:
    """The decision on the request that the proxy asks about. Raises `Unasked`."""
    question = read_question(scope, ruling.configuration.gateway.style)
    policy = _policy(ruling, scope, question)
    if policy is None:
        return NOT_LOOKED_AT
    headers = ruling.managed.read(scope["headers"])
    asked = Asked(question.method, question.path, question.host, headers, question.delivery)
    decision = await policy.decide(asked)
    if not isinstance(decision, Forward) and decision.status < FIRST_ERROR:  # which would say: let it through
        raise Unasked("the metadata of the resource are ours to show: pass such requests on to us")
    return decision


def read_question(scope: Scope, style: str | None) -> Question:
    """Raises `Unasked` where the proxy does not tell what its style says."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if headers.setdefault(name, value) != value and name in _TELLING:
            raise Unasked(f"{name.decode('latin-1')} is there twice")
    host = headers.get(b"host", b"").decode("latin-1")
    if style is None:
        return Question(scope["method"], "", host)
    if style == "envoy":
        raw = scope["raw_path"].decode("latin-1").removeprefix(PREFIX) or "/"
        return Question(scope["method"], _path(raw), host, raw)
    told = STYLES[style]
    missing = [name for name in told if name not in headers]
    if missing:
        raise Unasked(f"{style} does not tell {missing[0].decode()}")
    method, uri, host = (headers[name].decode("latin-1") for name in told)
    return Question(method, _path(uri), host, uri)


_TELLING = frozenset((*_OURS, *_FORWARDED))


def _path(uri: str) -> str:
    """As the application behind will see it."""
    return unquote(uri.partition("?")[0], errors="replace")


def _policy(ruling: Ruling, scope: Scope, question: Question) -> Policy | None:
    """None for a route that is exempt. Raises `Unasked`."""
    if ruling.configuration.gateway.style != "envoy":
        name = scope["path"].removeprefix(PREFIX).removeprefix("/")
        if name:
            if name not in ruling.policies:
                raise Unasked(f"there is no policy {name[:64]!r}")
            return ruling.policies[name]
        if ruling.configuration.gateway.style is None:
            return ruling.policies[DEFAULT]
    try:
        route = ruling.router.find(question.host, question.path, question.method)
    except AmbiguousPath:
        raise Unasked("the path has more than one reading") from None
    if route is None:
        raise Unasked("no route takes this request")
    return None if route.exempt else ruling.policies[route.policy]


async def tell(ruling: Ruling, scope: Scope, send: Send, decision: Decision) -> int:
    """Sends the decision in the form that proxies read; returns the status."""
    if not isinstance(decision, Forward):
        await answer(scope, send, decision.status, decision.headers, decision.body)
        return decision.status
    removed = ", ".join(_removals(ruling, scope, decision))
    headers = [*zip(decision.names, decision.values, strict=True), (REMOVE, removed), NO_STORE]
    if ruling.configuration.gateway.style == "envoy":
        headers.append((ENVOY_REMOVE, removed.replace(" ", "")))
    await answer(scope, send, 200, [*headers, ("Content-Length", "0")], b"")
    return 200


def _removals(ruling: Ruling, scope: Scope, forward: Forward) -> list[str]:
    """What the client sent under a managed name, in its spelling, and every such name there is."""
    sent = (name.decode("latin-1").lower() for name, _ in scope["headers"] if name in ruling.managed)
    written = {name.lower() for name in forward.names}
    return [name for name in dict.fromkeys((*sent, *ruling.managed.names)) if name not in written]


async def serve_forward_auth(
    ruling: Ruling, admission: Admission, scope: Scope, send: Send
) -> tuple[int, str]:
    """One question; returns status and reason for the access log."""
    if not admission.admits(scope):
        log.warning("a question from %s, which may not ask", (scope.get("client") or ("a socket",))[0])
        return await failure(scope, send, 403), "not_admitted"
    try:
        decision = await judge(ruling, scope)
    except Unasked as problem:
        log.warning("a question that is refused: %s", problem)
        return await failure(scope, send, 403), "question_refused"
    reason = "accepted" if isinstance(decision, Forward) else decision.reason
    return await tell(ruling, scope, send, decision), reason
