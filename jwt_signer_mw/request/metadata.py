"""Protected resource metadata (RFC 9728): where they are, what they say, and their answer.

They tell anybody which authorization servers to ask for a token. Nothing in them comes from a request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from jwt_signer_mw.events import METADATA
from jwt_signer_mw.messages import Rejection
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwt_signer_mw.settings import Settings, TokenSettings

WELL_KNOWN = "/.well-known/oauth-protected-resource"
METHODS = "GET, HEAD, OPTIONS"
MAX_AGE = 300  # seconds: long enough for caches, short enough for a change of authorization server

# Clients in browsers, such as MCP's, read them from pages of any origin. They hold nothing personal.
_ANY_ORIGIN = (("Access-Control-Allow-Origin", "*"),)
_PREFLIGHT = (("Access-Control-Allow-Methods", "GET, HEAD"), ("Access-Control-Allow-Headers", "*"))
_NOT_ALLOWED = dump_json({"message": "Method Not Allowed"})

T = TypeVar("T")


class Metadata(NamedTuple):
    """The document of one resource. `path` is decoded, `host` is that of the identifier."""

    path: str
    host: str
    url: str
    body: bytes

    @classmethod
    def of(cls, settings: Settings) -> Metadata | None:
        """None where no `resource` is set."""
        identifier = settings.resource.identifier
        if identifier is None:
            return None
        parts = urlsplit(identifier)
        path = WELL_KNOWN + ("" if parts.path == "/" else parts.path)
        url = f"{parts.scheme}://{parts.netloc}{path}"
        return cls(unquote(path), parts.netloc.lower(), url, dump_json(document_of(settings)))

    def answer(self, method: str) -> Rejection:
        """To whoever asks: no token is needed."""
        if method == "OPTIONS":
            return Rejection(204, METADATA, (*_ANY_ORIGIN, *_PREFLIGHT), b"")
        if method not in ("GET", "HEAD"):
            headers = (*_described(_NOT_ALLOWED), ("Cache-Control", "no-store"), ("Allow", METHODS))
            return Rejection(405, METADATA, headers, _NOT_ALLOWED)
        caching = ("Cache-Control", f"public, max-age={MAX_AGE}")
        return Rejection(200, METADATA, (*_described(self.body), caching, *_ANY_ORIGIN), self.body)


def _described(body: bytes) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", "application/json"), ("Content-Length", str(len(body))))


def document_of(settings: Settings) -> dict[str, Any]:
    """RFC 9728 section 2: what the options tell, then what `resource_metadata` says over it."""
    token = settings.access_token
    members: dict[str, Any] = {
        "resource": settings.resource.identifier,
        "authorization_servers": list(dict.fromkeys(issuers_of(token))),
        "scopes_supported": list(dict.fromkeys(scopes_of(token))),
        "bearer_methods_supported": ["header"] if _is_read_as_bearer(token) else None,
        **dict(_bindings(token)),
        **{name: json.loads(text) for name, text in settings.resource.members},
    }
    return {name: value for name, value in members.items() if value not in (None, [])}


def _bindings(token: TokenSettings) -> Iterator[tuple[str, Any]]:
    """RFC 9449 section 5.1 and RFC 8705 section 3.3, as far as tokens are bound."""
    binding = token.binding
    if binding.dpop != "never":
        yield "dpop_signing_alg_values_supported", list(binding.dpop_algorithms)
        yield "dpop_bound_access_tokens_required", True if binding.dpop == "required" else None
    if binding.mtls == "required":
        yield "tls_client_certificate_bound_access_tokens", True


def issuers_of(token: TokenSettings) -> Iterator[str]:
    """Those that are accepted and can be asked: RFC 8414 makes an issuer a URL."""
    listed = [issuer for one in (token.claims, token.introspection) for issuer in one.issuers_allowed or ()]
    for issuer in (*listed, *(trusted.issuer for trusted in token.trusted_issuers)):
        if issuer.startswith(("https://", "http://")):
            yield issuer


def scopes_of(token: TokenSettings) -> Iterator[str]:
    """Every scope that some alternative of `..._scopes_required` names."""
    for rules in (token.claims, token.introspection):
        for words in rules.scopes_required or ():
            yield from words.split()


def _is_read_as_bearer(token: TokenSettings) -> bool:
    return (token.request_header or "").lower() in ("authorization", "authorization:bearer")


class Directory(Generic[T]):
    """The documents of several policies, each with what serves it."""

    def __init__(self, entries: Iterable[tuple[Metadata | None, T]]) -> None:
        self._found: dict[str, dict[str, T]] = {}
        for metadata, server in entries:
            if metadata is not None:
                self._found.setdefault(metadata.path, {}).setdefault(metadata.host, server)

    def __bool__(self) -> bool:
        return bool(self._found)

    def find(self, path: str, host: str) -> T | None:
        """By the path; where resources of several hosts share it, by the host that was asked for."""
        servers = self._found.get(path)
        if servers is None:
            return None
        return next(iter(servers.values())) if len(servers) == 1 else servers.get(host.lower())
