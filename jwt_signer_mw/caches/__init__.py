"""The shared cache of introspection results: chosen by URL, in memory by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock

SCHEMES = ("memory", "redis", "rediss")


class SharedCache(Protocol):
    """Bytes by key for some seconds. Keys are hashes, never tokens. Failures raise `StoreError`.

    `blocking` says whether a call may wait for something outside.
    """

    blocking: bool

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes, seconds: float) -> None: ...

    def delete(self, key: str) -> None: ...


def open_cache(url: str, *, size: int, clock: Clock) -> SharedCache:
    """The cache behind a URL of `cache`; `size` bounds the one in memory, in entries."""
    scheme = url.partition(":")[0]
    if scheme == "memory":
        from jwt_signer_mw.caches.memory import MemoryCache

        return MemoryCache(size, clock)
    if scheme in ("redis", "rediss"):
        from jwt_signer_mw.caches.redis import RedisCache

        return RedisCache(url)
    raise ValueError(f"unknown cache scheme {scheme!r}; known are {', '.join(SCHEMES)}")
