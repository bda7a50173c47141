"""Key sets in Redis. One hash per set: a change of it is atomic."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jwt_signer_mw.backends import refused
from jwt_signer_mw.errors import StoreConflict, StoreError
from jwt_signer_mw.keysets.sealing import Sealing
from jwt_signer_mw.keysets.store import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jwt_signer_mw.keysets.keyset import StoredSet

PREFIX = "jwt-signer:keyset:"
TIMEOUT = 2  # seconds, for connecting and for an answer
RETRIES = 1  # a connection that was closed while it was idle
MAX_REASON = 200  # characters of an error text


def open_url(url: str, encryption_keys: Sequence[str]) -> RedisStore:
    """Raises `ConfigurationError`."""
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), RETRIES),
        )
    except ValueError:
        hint = "redis://[[user]:password@]host[:port][/db]"
        raise refused("keyset_store", "keysets.E001", "is not a URL of Redis.", hint) from None
    return RedisStore(client, Sealing(encryption_keys))


class RedisStore:
    """Fields `id`, `version` and `document`; a deleted set has no document. Extra `redis`.

    Redis must not evict these keys (`maxmemory-policy noeviction` or `volatile-*`): they have no expiry.
    """

    def __init__(self, client: redis.Redis, sealing: Sealing, *, prefix: str = PREFIX) -> None:
        self._client: Any = client
        self._sealing = sealing
        self._prefix = prefix

    def load(self, name: str) -> StoredSet | None:
        with _translated(name):
            document = self._client.hget(self._prefix + name, "document")
        return self._sealing.unseal(name, document) if document else None

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        values = {"id": stored.id, "version": stored.version, "document": self._sealing.seal(stored)}
        expected = None if expected_version is None else Mark(stored.id, expected_version)
        key = self._prefix + stored.name
        with _translated(stored.name), self._client.pipeline() as pipeline:
            pipeline.watch(key)
            identity, version, document = pipeline.hmget(key, "id", "version", "document")
            if (_mark(identity, version) if document else None) != expected:
                raise _conflict(stored.name)
            pipeline.multi()
            pipeline.hset(key, mapping=values)
            pipeline.execute()

    def delete(self, name: str) -> None:
        """The hash stays, without keys: see `KeysetStore`."""
        key = self._prefix + name
        with _translated(name):
            if self._client.hget(key, "document"):
                pipeline = self._client.pipeline(transaction=True)
                pipeline.hset(key, "document", "").hincrby(key, "version", 1).execute()

    def names(self) -> tuple[str, ...]:
        with _translated("*"):
            keys = list(self._client.scan_iter(match=self._prefix + "*", count=100))
            names = [key.decode() for key in keys if self._client.hget(key, "document")]
        return tuple(sorted(name.removeprefix(self._prefix) for name in set(names)))

    def version(self, name: str) -> Mark | None:
        with _translated(name):
            identity, version = self._client.hmget(self._prefix + name, "id", "version")
        return _mark(identity, version)


def _mark(identity: bytes | None, version: bytes | None) -> Mark | None:
    return None if identity is None or version is None else Mark(identity.decode(), int(version))


def _conflict(name: str) -> StoreConflict:
    return StoreConflict(f"key set {name!r} was changed by somebody else")


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Errors of the library as our own, with what Redis says but not what we told it."""
    try:
        yield
    except redis.WatchError:
        raise _conflict(name) from None
    except (redis.RedisError, OSError) as error:
        raise StoreError(
            f"the store of key sets: {type(error).__name__}: {str(error)[:MAX_REASON]}"
        ) from None
