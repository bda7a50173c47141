"""A cache that all workers share, in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import redis

from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock

PREFIX = "jwt-signer:introspection:"
TIMEOUT = 1.0  # seconds; a cache that is slower than the provider is no help


def open_url(url: str, _size: int, _clock: Clock) -> RedisCache:
    return RedisCache(url)


class RedisCache:
    """Values with an expiry of Redis's own. Extra `redis`."""

    blocking = True

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)

    def get(self, key: str) -> bytes | None:
        try:
            return cast("bytes | None", self._client.get(PREFIX + key))
        except redis.RedisError as error:
            raise StoreError(f"the shared cache does not answer: {type(error).__name__}") from None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        try:
            self._client.set(PREFIX + key, value, px=max(1, int(seconds * 1000)))
        except redis.RedisError as error:
            raise StoreError(f"the shared cache does not answer: {type(error).__name__}") from None

    def delete(self, key: str) -> None:
        try:
            self._client.delete(PREFIX + key)
        except redis.RedisError as error:
            raise StoreError(f"the shared cache does not answer: {type(error).__name__}") from None
