"""One named set in the store: every change is a versioned save, and who loses reads again."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from jwt_signer_mw.errors import StoreConflict, StoredKeysUnreadable, StoreError
from jwt_signer_mw.flows.commands import call
from jwt_signer_mw.flows.fresh import Fresh
from jwt_signer_mw.keysets import lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.keysets.keyset import Jwk, StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore, Mark

T = TypeVar("T")
P = ParamSpec("P")

ATTEMPTS = 10  # saves that may lose in a row; each loss means that somebody else got on
RESTS = 20  # times that a rotation waits for others to hear of the one before it
AFTER_SILENCE = 4.0  # seconds after the store answers again until all workers have asked it


class Saved(NamedTuple):
    """A state of the set, and what was generated for it: loaded keys by kid."""

    stored: StoredSet
    fresh: Mapping[str, Key]


class Versioned:
    """The flows raise `StoreError` where the store does not answer, and where others win all the time.

    `silent`: the store did not answer when it was asked last.
    """

    def __init__(self, name: str, store: KeysetStore, clock: Clock) -> None:
        self.name = name
        self.silent = False
        self._store = store
        self._clock = clock
        self._quiet_until = -inf  # tick before which other workers may not have asked the store again

    def load(self) -> Flow[StoredSet | None]:
        return (yield from self._ask(self._store.load, self.name))

    def mark(self) -> Flow[Mark | None]:
        return (yield from self._ask(self._store.version, self.name))

    def save(self, stored: StoredSet, expected_version: int | None) -> Flow[bool]:
        """False when somebody else was first."""
        try:
            yield from self._ask(self._store.save, stored, expected_version)
        except StoreConflict:
            return False
        return True

    def delete(self) -> Flow[None]:
        yield from self._ask(self._store.delete, self.name)

    def _ask(self, function: Callable[P, T], *arguments: P.args, **none: P.kwargs) -> Flow[T]:
        """Whatever it says but `StoreError` is an answer; so is a set that can't be read."""
        silent = False
        try:
            return (yield from call(function, *arguments, **none))
        except StoredKeysUnreadable:
            raise
        except StoreError:
            silent = True
            raise
        finally:
            if self.silent and not silent:
                self._quiet_until = self._clock.ticks() + AFTER_SILENCE
            self.silent = silent

    def ensure(self, algorithms: frozenset[str]) -> Flow[Saved]:
        """The set with keys for these algorithms, which are generated where it lacks them."""
        fresh = Fresh()
        for _ in range(ATTEMPTS):
            stored = yield from self.load()
            missing = algorithms - (frozenset() if stored is None else stored.algorithms)
            if stored is not None and not missing:
                return Saved(stored, fresh.keys)
            current, following = yield from fresh.pairs(missing)
            now = self._clock.now()
            if stored is None:
                grown, version = lifecycle.create(self.name, now, current, following), None
            else:
                grown, version = lifecycle.add_algorithms(stored, now, current, following), stored.version
            if (yield from self.save(grown, version)):
                return Saved(grown, fresh.keys)
        raise self._contended()

    def rotate(self) -> Flow[Saved]:
        """Decision 15. Raises `LookupError` where there is no such set.

        Waits where a rotation now would forget a key that others may still sign with: see `SPREAD`.
        """
        return (yield from self._edit(lambda stored: stored.algorithms, lifecycle.rotate, self._load_settled))

    def _load_settled(self) -> Flow[StoredSet | None]:
        for _ in range(RESTS):
            stored = yield from self.load()
            now = self._clock.now()
            settled_in = 0.0 if stored is None else lifecycle.settled_at(stored, now) - now
            wait = max(settled_in, self._quiet_until - self._clock.ticks())
            if wait <= 0 or not (yield from call(self._clock.rest, wait)):
                return stored
        raise self._contended()

    def revoke(self, kid: str) -> Flow[Saved]:
        """Drops one key at once. Raises `LookupError` for an unknown set or kid."""

        def needs(stored: StoredSet) -> frozenset[str]:
            return frozenset(filter(None, [lifecycle.needs_successor(stored, kid)]))

        def revoke(stored: StoredSet, now: float, fresh: tuple[Jwk, ...]) -> StoredSet:
            return lifecycle.revoke(stored, kid, now, fresh)

        return (yield from self._edit(needs, revoke, self.load))

    def _edit(
        self,
        needs: Callable[[StoredSet], frozenset[str]],
        edit: Callable[[StoredSet, float, tuple[Jwk, ...]], StoredSet],
        load: Callable[[], Flow[StoredSet | None]],
    ) -> Flow[Saved]:
        """A change that has to happen, on whatever the set is by then. `needs`: algorithms of new keys."""
        fresh = Fresh()
        for _ in range(ATTEMPTS):
            stored = yield from load()
            if stored is None:
                raise LookupError(f"there is no key set {self.name!r}")
            if not stored.kids.isdisjoint(fresh.keys):
                return Saved(stored, fresh.keys)  # it was saved, whatever we were told
            jwks = yield from fresh.ones(needs(stored))
            edited = edit(stored, self._clock.now(), jwks)
            if (yield from self.save(edited, stored.version)):
                return Saved(edited, fresh.keys)
        raise self._contended()

    def _contended(self) -> StoreError:
        return StoreError(f"key set {self.name!r} was changed by others {ATTEMPTS} times in a row")
