"""The shared cache of introspection results: chosen by URL, in memory by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from jwt_signer_mw.backends import load_backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.clock import Clock

BACKENDS = {
    "memory": "jwt_signer_mw.caches.memory",
    "redis": "jwt_signer_mw.caches.redis",
    "rediss": "jwt_signer_mw.caches.redis",
}


class SharedCache(Protocol):
    """Bytes by key for some seconds. Keys are hashes, never tokens. Failures raise `StoreError`.

    `blocking` says whether a call may wait for something outside.
    """

    blocking: bool

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes, seconds: float) -> None: ...

    def delete(self, key: str) -> None: ...

    def claim(self, key: str, seconds: float) -> bool:
        """True for the first who claims the key in so many seconds, until it is deleted."""
        ...

    def purge(self, fits: Callable[[bytes], bool]) -> int | None:
        """Deletes the values that fit. Their number; None where the values can't be listed."""
        ...


def open_cache(url: str, *, size: int, clock: Clock) -> SharedCache:
    """The cache behind a URL of `cache`; `size` bounds the one in memory, in entries.

    Raises `ConfigurationError` for a scheme that is unknown here, or whose library is not installed.
    """
    backend = load_backend("cache", url, BACKENDS)
    return cast("SharedCache", backend.open_url(url, size, clock))
