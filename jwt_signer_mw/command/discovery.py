"""What a provider publishes about itself: RFC 8414, or OpenID Connect Discovery 1.0."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange
from jwt_signer_mw.settings.addresses import HTTP, fault_of_url
from jwt_signer_mw.wire import Malformed, parse_object

TIMEOUT = 10.0  # seconds per document
OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


class Discovered(NamedTuple):
    """Addresses that the metadata name; None where they do not."""

    issuer: str
    jwks: str | None
    introspection: str | None


def discover(issuer: str) -> Discovered:
    """Asks all well-known places. Raises `LookupError` for none, or one that names another issuer."""
    fault = fault_of_url(issuer, HTTP)
    if fault:
        raise LookupError(f"{issuer} {fault}")
    failures: list[str] = []
    transport = RequestsTransport()
    try:
        for url in well_known(issuer):
            try:
                return _read(transport, url, issuer)
            except (TransportError, Malformed) as problem:
                failures.append(f"{url}: {problem}")
    finally:
        transport.close()
    raise LookupError("no metadata of the provider are found; " + "; ".join(failures))


def well_known(issuer: str) -> tuple[str, ...]:
    """OpenID appends to the issuer's path, RFC 8414 section 3.1 inserts before it, some do neither."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    inserted = f"{origin}{OAUTH}{path}"
    return tuple(dict.fromkeys((f"{origin}{path}{OPENID}", inserted, f"{origin}{path}{OAUTH}")))


def _read(transport: RequestsTransport, url: str, issuer: str) -> Discovered:
    reply = transport.send(Exchange(url, headers=(("Accept", "application/json"),), timeout=TIMEOUT))
    if reply.status != 200:
        raise TransportError(f"status {reply.status}")
    document = parse_object(reply.body)
    if document.get("issuer") != issuer:  # RFC 8414 section 3.3: identical, or it is not to be used
        raise LookupError(f"{url} is about the issuer {str(document.get('issuer'))[:200]!r}, not {issuer!r}")
    return Discovered(issuer, _url(document.get("jwks_uri")), _url(document.get("introspection_endpoint")))


def _url(value: object) -> str | None:
    return value if isinstance(value, str) and not fault_of_url(value, HTTP) else None
