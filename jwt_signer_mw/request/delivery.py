"""How a request came in, from an environ and from a scope: only for policies that bind tokens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jwt_signer_mw.messages import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFE = "/~:@!$&'()*+,;="  # RFC 3986 section 3.3: what a path may hold
_HANDSHAKES = {"ws": "http", "wss": "https"}  # RFC 6455 section 4.1


def delivery_to_wsgi(environ: Mapping[str, Any]) -> Delivery:
    """Most servers tell the target as it was sent; else it is made from the decoded path."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path = raw.partition("?")[0]
    if not path.startswith("/"):
        path = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), _SAFE, "latin-1")
    certificate, query = _certificate_in_environ(environ), environ.get("QUERY_STRING", "")
    return Delivery(environ["wsgi.url_scheme"], path, certificate, query)


def _certificate_in_environ(environ: Mapping[str, Any]) -> str | None:
    """As mod_ssl and mod_wsgi export it; no header can have these names."""
    if environ.get("SSL_CLIENT_VERIFY", "SUCCESS") not in ("SUCCESS", "GENEROUS"):
        return None
    return environ.get("SSL_CLIENT_CERT") or None


def delivery_to_asgi(scope: Mapping[str, Any]) -> Delivery:
    scheme: str = scope.get("scheme", "http")
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"], _SAFE) if raw is None else raw.partition(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return Delivery(_HANDSHAKES.get(scheme, scheme), path, _certificate_in_scope(scope), query)


def _certificate_in_scope(scope: Mapping[str, Any]) -> str | None:
    """The TLS extension of ASGI: the first certificate of the chain is the client's own."""
    tls: Mapping[str, Any] = (scope.get("extensions") or {}).get("tls") or {}
    chain = () if tls.get("client_cert_error") else tls.get("client_cert_chain") or ()
    return next(iter(chain), None)
