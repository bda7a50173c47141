"""The headers that belong to the suite, as Django has them: keys of `META`, and pairs of an ASGI scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.request.names import MAX_REMEMBERED_NAMES
from jwt_signer_mw.wsgi import environ_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from jwt_signer_mw.flows.pipeline import Pipeline


class Taken(dict[str, str]):
    """The client's managed headers, by `META` key. Its text shows none: error pages print variables."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers that are not for views>"


class ManagedHeaders:
    """What no client may send to a view.

    What one policy removes is removed for all: what one writes must not be forged under another.
    """

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        pipelines = tuple(pipelines)
        names = (name for pipeline in pipelines for name in (*pipeline.reads, *pipeline.writes))
        self._keys = frozenset(map(environ_key, names))
        self._managed = tuple(pipeline.managed for pipeline in pipelines)
        self._harmless_keys: set[str] = set()
        self._harmless_names: set[bytes] = set()

    def take(self, meta: dict[str, Any]) -> Taken:
        """Removes them from `META`."""
        taken, harmless = Taken(), self._harmless_keys
        for key in meta.keys() - harmless:
            if self.manages(key):
                taken[key] = meta.pop(key)
            elif len(harmless) < MAX_REMEMBERED_NAMES:
                harmless.add(key)
        return taken

    def manages(self, key: str) -> bool:
        return key in self._keys or (key[:5] == "HTTP_" and self._has(key[5:]))

    def without(self, pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The other headers of a scope."""
        return [pair for pair in pairs if not self._manages_name(pair[0])]

    def _manages_name(self, name: bytes) -> bool:
        if name in self._harmless_names:
            return False
        managed = self._has(name.decode("latin-1"))
        if not managed and len(self._harmless_names) < MAX_REMEMBERED_NAMES:
            self._harmless_names.add(name)
        return managed

    def _has(self, name: str) -> bool:
        return any(name in managed for managed in self._managed)


class RequestHeaders:
    """The headers of one request: what the client sent is kept aside, what goes on is written.

    The environ or scope is the server's: the request gets a copy.
    """

    __slots__ = ("_kept", "_request", "_written", "taken")

    def __init__(self, request: HttpRequest, managed: ManagedHeaders) -> None:
        self._request: Any = request
        meta = self._request.META = dict(request.META)
        if hasattr(self._request, "environ"):
            self._request.environ = meta
        self.taken = managed.take(meta)
        scope = getattr(request, "scope", None)
        self._kept = None if scope is None else managed.without(scope["headers"])
        self._written: tuple[str, ...] = ()
        self._show(())

    def write(self, headers: Iterable[tuple[str, str]]) -> None:
        """Replaces what was written before."""
        headers = tuple(headers)
        meta: dict[str, Any] = self._request.META
        for key in self._written:
            meta.pop(key, None)
        self._written = tuple(environ_key(name) for name, _ in headers)
        meta.update(zip(self._written, (value for _, value in headers), strict=True))
        self._show(headers)

    def _show(self, headers: Iterable[tuple[str, str]]) -> None:
        request = self._request
        request.__dict__.pop("headers", None)  # a cached property
        if self._kept is not None:
            written = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            request.scope = {**request.scope, "headers": [*self._kept, *written]}
