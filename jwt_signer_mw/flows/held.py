"""A key set of our own in memory: its state, and the loaded keys that sign here now or later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import StoredKeysUnreadable
from jwt_signer_mw.jose import load_key
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.store import Mark
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.keysets.keyset import StoredKey, StoredSet


class Held(NamedTuple):
    """Keys by kid, and when it was last known to be the newest, in seconds since the epoch."""

    stored: StoredSet
    keys: Mapping[str, Key]
    checked_at: float

    @property
    def mark(self) -> Mark:
        return Mark(self.stored.id, self.stored.version)

    def is_news(self, mark: Mark | None) -> bool:
        """Not if the store came back empty or went back in time: there are tokens that need our keys."""
        return mark is not None and (mark.id != self.stored.id or mark.version > self.stored.version)

    def max_age(self, now: float) -> int:
        """Seconds for which a copy of the public document may be used; less where the store is silent."""
        life = lifecycle.cache_life(self.stored, self.checked_at)
        return max(0, min(life, round(self.checked_at + life - now)))

    def signers(self, algorithms: Iterable[str], now: float) -> dict[str, Key]:
        """The keys that sign at this moment, by algorithm."""
        chosen = {alg: self.stored.signing_key(alg, now) for alg in algorithms}
        return {
            alg: self.keys[key.kid] for alg, key in chosen.items() if key is not None and key.kid in self.keys
        }


def wanted(stored: StoredSet, algorithms: frozenset[str], now: float) -> tuple[StoredKey, ...]:
    """The keys that sign with these algorithms, now or later."""
    ahead = [key for key in stored.keys if key.alg in algorithms and key.generation != "previous"]
    signing = (stored.signing_key(alg, now) for alg in algorithms)
    return (*ahead, *(key for key in signing if key is not None))


def load_keys(name: str, stored: tuple[StoredKey, ...]) -> dict[str, Key]:
    """By kid. Raises `StoredKeysUnreadable`."""
    try:
        return {key.kid: load_key(key.jwk, symmetric=True) for key in stored}
    except Malformed as error:
        raise StoredKeysUnreadable(f"key set {name!r} holds a key that can't be loaded: {error}") from None
