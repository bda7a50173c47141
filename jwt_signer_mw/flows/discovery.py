"""What a provider publishes about itself: RFC 8414, or OpenID Connect Discovery 1.0.

Metadata are used only if they are about exactly the issuer that was asked for (RFC 8414 section 3.3): else
one provider could have the keys of another used for its own tokens, or be sent the other's tokens.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from jwt_signer_mw.errors import ProviderUnavailable, TransportError
from jwt_signer_mw.flows.commands import Exchange, fetch, once
from jwt_signer_mw.settings.addresses import HTTP, fault_of_issuer, fault_of_url, is_plain_http
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow

log = logging.getLogger("jwt_signer_mw.discovery")

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
ACCEPT = (("Accept", "application/json"),)


class Issuer(NamedTuple):
    """Whose metadata are wanted, and how to fetch them. `timeout` in seconds, for each place."""

    url: str
    verify: bool = True
    timeout: float = 5.0
    max_bytes: int = 1 << 20


class Metadata(NamedTuple):
    """Addresses that the metadata name; None where they name none that may be used."""

    issuer: str
    jwks_uri: str | None
    introspection_endpoint: str | None


def well_known(issuer: str) -> tuple[str, ...]:
    """OpenID appends to the issuer's path, RFC 8414 section 3.1 inserts before it, some do neither."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    inserted = f"{origin}{OAUTH}{path}"
    return tuple(dict.fromkeys((f"{origin}{path}{OPENID}", inserted, f"{origin}{path}{OAUTH}")))


def read_metadata(issuer: Issuer) -> Flow[Metadata]:
    """From the first well-known place that has them. Raises `TransportError`, at once if nobody answers."""
    if fault := fault_of_issuer(issuer.url):
        raise TransportError(f"{issuer.url} {fault}")
    failures: list[str] = []
    for url in well_known(issuer.url):
        try:
            return (yield from _read_place(issuer, url))
        except Malformed as problem:
            failures.append(f"{url}: {problem}")
    raise TransportError("no metadata of the provider are found; " + "; ".join(failures))


def _read_place(issuer: Issuer, url: str) -> Flow[Metadata]:
    exchange = Exchange(url, headers=ACCEPT, verify=issuer.verify, timeout=issuer.timeout, purpose="metadata")
    reply = yield from fetch(exchange._replace(max_bytes=issuer.max_bytes))
    if reply.status != 200:
        raise Malformed(f"status {reply.status}")
    document = parse_object(reply.body)
    named = document.get("issuer")
    if named != issuer.url:
        raise TransportError(f"{url} is about the issuer {str(named)[:200]!r}, not {issuer.url!r}")
    addresses = (document.get(name) for name in ("jwks_uri", "introspection_endpoint"))
    return Metadata(issuer.url, *(_usable(address, issuer) for address in addresses))


def _usable(address: object, issuer: Issuer) -> str | None:
    """An https URL; where the issuer itself is of this machine over http, one of this machine will do."""
    if not isinstance(address, str):
        return None
    schemes = HTTP if issuer.url.startswith("http://") else ("https",)
    return None if fault_of_url(address, schemes) or is_plain_http(address) else address


class Discovery:
    """The metadata of one issuer, kept; shared by all who need an address of it."""

    def __init__(self, issuer: Issuer, clock: Clock, *, interval: float, period: float) -> None:
        """They are read again after `period` (0: never for its age) and, at least `interval` apart, when an
        address fails. Both in seconds."""
        self.issuer = issuer
        self._ticks = clock.ticks
        self._interval = interval
        self._period = period
        self._known: Metadata | None = None
        self._failure = ""
        self._due = -inf  # tick from which they are read (again)
        self._next = -inf  # tick before which nothing is asked

    def load(self) -> Flow[Metadata]:
        """Raises `ProviderUnavailable` where they never came."""
        ticks = self._ticks()
        if ticks >= self._due and ticks >= self._next:
            yield from once(self, self._read)
        if self._known is None:
            raise ProviderUnavailable(self._failure, retry_after=max(0.0, self._next - self._ticks()))
        return self._known

    def suspect(self) -> None:
        """An address that they named does not serve: they may name another by now."""
        self._due = -inf

    def _read(self) -> Flow[None]:
        if self._ticks() < self._next:  # somebody was faster
            return
        try:
            self._known = yield from read_metadata(self.issuer)
            self._due = self._ticks() + self._period if self._period else inf
        except TransportError as problem:
            self._failure = f"metadata not loaded: {problem.detail}"
            log.warning("%s", self._failure)
        self._next = self._ticks() + self._interval
