"""A cache that all workers share, in Redis."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import redis

from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jwt_signer_mw.clock import Clock

PREFIX = "jwt-signer:introspection:"
BATCH = 500  # keys that are looked at together
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

    def claim(self, key: str, seconds: float) -> bool:
        try:
            return bool(self._client.set(PREFIX + key, b"", px=max(1, int(seconds * 1000)), nx=True))
        except redis.RedisError as error:
            raise StoreError(f"the shared cache does not answer: {type(error).__name__}") from None

    def purge(self, fits: Callable[[bytes], bool]) -> int:
        """Reads all values, some hundred at a time: a server with millions is busy for seconds."""
        deleted = 0
        try:
            for keys in batched(self._client.scan_iter(match=f"{PREFIX}*", count=BATCH), BATCH):
                values = self._client.mget(keys)
                meant = [key for key, value in zip(keys, values, strict=True) if value and fits(value)]
                deleted += self._client.delete(*meant) if meant else 0
        except redis.RedisError as error:
            raise StoreError(f"the shared cache does not answer: {type(error).__name__}") from None
        return deleted


def batched(keys: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(keys)
    while batch := list(islice(iterator, size)):
        yield batch
