"""One cache for many tenants: no answer for one is found by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.caches import SharedCache


class TenantCache:
    """The part of a cache that is a tenant's."""

    def __init__(self, cache: SharedCache, tenant: str) -> None:
        self._cache = cache
        self._prefix = f"{tenant}/".encode()
        self._key = f"{tenant}/"
        self.blocking = cache.blocking

    def get(self, key: str) -> bytes | None:
        value = self._cache.get(self._key + key)
        return None if value is None else value.removeprefix(self._prefix)

    def put(self, key: str, value: bytes, seconds: float) -> None:
        self._cache.put(self._key + key, self._prefix + value, seconds)

    def delete(self, key: str) -> None:
        self._cache.delete(self._key + key)

    def claim(self, key: str, seconds: float) -> bool:
        return self._cache.claim(self._key + key, seconds)

    def purge(self, fits: Callable[[bytes], bool]) -> int | None:
        """Values say whose they are, or a purge would tell one tenant about the tokens of others."""
        prefix = self._prefix
        return self._cache.purge(lambda value: value.startswith(prefix) and fits(value.removeprefix(prefix)))
