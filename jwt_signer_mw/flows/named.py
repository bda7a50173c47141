"""Key sets of our own: generated once for a whole fleet, kept in memory, rotated by one of many.

Rules of this file:
1. Keys are generated and loaded when the middleware is built; a request does it only where the store was
   down then, or the set was deleted.
2. Every change is a versioned save: see `flows.versioned`.
3. What others changed is seen within `CHECK_INTERVAL`, by one request that looks while the rest goes on.
4. The store may go away: what is in memory signs on, and rotation waits. What the store lost without a
   deletion on record is put back.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

from jwt_signer_mw.errors import SigningKeyMissing, StoredKeysUnreadable, StoreError, StoreUnavailable
from jwt_signer_mw.flows.commands import call, compute, once
from jwt_signer_mw.flows.fresh import Nursery
from jwt_signer_mw.flows.held import Held, load_keys, wanted
from jwt_signer_mw.flows.lookout import CHECK_INTERVAL, Lookout
from jwt_signer_mw.flows.versioned import Versioned
from jwt_signer_mw.keysets import lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.versioned import Saved
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore

log = logging.getLogger("jwt_signer_mw.keys")


class Named:
    """One named set. `algorithms` are those that it has to sign with here, `period` is in seconds.

    `signers` holds the key for each of them. `longest_life`: tokens that live longer have to be told
    to `note_life`. `due`: the tick at which `maintain` has work.
    """

    def __init__(
        self,
        name: str,
        store: KeysetStore,
        clock: Clock,
        *,
        algorithms: Iterable[str] = (),
        period: float = 0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.algorithms = frozenset(algorithms)
        self.held: Held | None = None
        self.signers: Mapping[str, Key] = {}
        self.longest_life = 0.0
        self._lookout = Lookout(clock)
        self._versioned = Versioned(name, store, clock)
        self._clock = clock
        self._period = period
        self._changed = changed
        self._nursery = Nursery()
        self._retry_at = -inf

    @property
    def id(self) -> str | None:
        return None if self.held is None else self.held.stored.id

    # At build, and for a request that finds no key

    def prepare(self) -> Flow[None]:
        """Loads the set, and generates what it lacks, also for the next rotation. Raises `StoreError`."""
        yield from once(self, self._prepare)
        if self._period and self.held is not None:
            yield from compute(self._nursery.fill, self.held.stored.algorithms)

    def ready(self, alg: str) -> Flow[Key]:
        """The signing key. Raises `StoreUnavailable`; `SigningKeyMissing` where stored keys can't be read."""
        wait = self._retry_at - self._clock.ticks()
        if wait > 0:
            raise StoreUnavailable("the store of key sets did not answer just now", retry_after=wait)
        try:
            yield from once(self, self._prepare)
        except StoredKeysUnreadable as error:
            raise SigningKeyMissing(error.detail) from error
        except StoreError as error:
            self._retry_at = self._clock.ticks() + CHECK_INTERVAL
            raise StoreUnavailable(error.detail, retry_after=CHECK_INTERVAL) from error
        key = self.signers.get(alg)
        if key is None:
            raise SigningKeyMissing(f"key set {self.name!r} has no key that signs with {alg}")
        return key

    def _prepare(self) -> Flow[None]:
        yield from self._hold(*(yield from self._versioned.ensure(self.algorithms)))

    # While it is used

    @property
    def due(self) -> float:
        return self._lookout.due

    def postpone(self) -> None:
        """Somebody maintains the set now. The others go on; but all wait where nobody looked for a while:
        in a worker that was idle, or forked from a process that was built long ago."""
        self._lookout.postpone(behind=self._is_behind())

    def _is_behind(self) -> bool:
        """Whether others may rely on it that we know more than we do (`SPREAD`), and we could."""
        held = self.held
        behind = held is not None and self._clock.now() - held.checked_at > lifecycle.SPREAD
        return behind and not self._versioned.silent

    def maintain(self) -> Flow[None]:
        """Looks for changes by others, rotates if it is time. Never raises: the keys in memory go on."""
        if self._lookout.begin():
            try:
                yield from once((self, "maintain"), self._maintain)
            finally:
                self._lookout.end()

    def _maintain(self) -> Flow[None]:
        self._choose_signers()
        began, was_silent = self._clock.ticks(), self._versioned.silent
        try:
            yield from self.refresh()
            self._lookout.saw(began)
            yield from self._record_life()
            yield from self._rotate_by_the_clock()
        except StoreError as error:
            self._lookout.missed(began)
            level = logging.DEBUG if was_silent else logging.WARNING
            log.log(level, "key set %r stays as it is in memory: %s", self.name, error.detail)
        else:
            if was_silent:
                log.warning("the store of key set %r answers again", self.name)

    def refresh(self) -> Flow[Held | None]:
        """The set as it is in the store; None where there is none. Never generates. Raises `StoreError`."""
        held, asked = self.held, self._clock.now()
        mark = None if held is None else (yield from self._versioned.mark())
        if held is None or held.is_news(mark):
            stored = yield from self._versioned.load()
            if stored is not None:
                yield from self._hold(stored, checked_at=asked)
            elif held is not None:
                self._forget()
        elif mark == held.mark:
            if self.held is held:  # else another flow was faster
                self.held = held._replace(checked_at=asked)
        else:
            log.warning("key set %r was lost in the store and is put back", self.name)
            yield from self._versioned.save(held.stored, None if mark is None else mark.version)
        return self.held

    def note_life(self, seconds: float) -> None:
        """A token was signed that lives longer than any before it."""
        self.longest_life = lifecycle.coarse_life(seconds)

    def _record_life(self) -> Flow[None]:
        held = self.held
        if held is not None and self.longest_life > held.stored.longest_life:
            recorded = lifecycle.record_life(held.stored, self.longest_life, self._clock.now())
            yield from self._change(held.stored, recorded)

    def _rotate_by_the_clock(self) -> Flow[None]:
        """With keys that are in stock, so that no request waits for new ones; if need be, a little late."""
        held, now = self.held, self._clock.now()
        if held is None or not self._period:
            return
        stored = held.stored
        if now >= max(lifecycle.rotation_due(stored, self._period), lifecycle.settled_at(stored, now)):
            fresh = self._nursery.take(stored.algorithms, stored.kids)
            if fresh is None:
                self._lookout.due = self._clock.ticks()
            else:
                jwks = yield from fresh.ones(stored.algorithms)
                rotated = lifecycle.rotate(stored, now, jwks, keep_needed=True)
                if (yield from self._change(stored, rotated, fresh.keys)):
                    log.info("key set %r rotated by the clock", self.name)
        yield from call(self._nursery.grow, stored.algorithms)

    def _change(
        self, stored: StoredSet, changed: StoredSet, fresh: Mapping[str, Key] | None = None
    ) -> Flow[bool]:
        """A change that has no hurry: if another worker was first, it comes to nothing."""
        saved = yield from self._versioned.save(changed, stored.version)
        if saved:
            yield from self._hold(changed, fresh)
        return saved

    # By hand

    def rotate(self) -> Flow[StoredSet]:
        """Decision 15. Raises `LookupError` where there is no such set, `StoreError`."""
        return (yield from self._take(self._versioned.rotate()))

    def revoke(self, kid: str) -> Flow[StoredSet]:
        """Drops one key at once. Raises `LookupError` for an unknown set or kid, `StoreError`."""
        return (yield from self._take(self._versioned.revoke(kid)))

    def delete(self) -> Flow[None]:
        """Forgets all keys, here at once and elsewhere soon; the next request makes new ones."""
        yield from self._versioned.delete()
        self._forget()

    def _take(self, change: Flow[Saved]) -> Flow[StoredSet]:
        saved = yield from change
        yield from self._hold(*saved)
        return saved.stored

    # In memory

    def _hold(
        self, stored: StoredSet, fresh: Mapping[str, Key] | None = None, checked_at: float | None = None
    ) -> Flow[None]:
        """Takes a state of the set into memory, with the keys that sign here now or later.

        `fresh` are loaded keys; `checked_at`, the time when this was the newest state, is now by default.
        """
        now = self._clock.now()
        known = {**(self.held.keys if self.held is not None else {}), **(fresh or {})}
        needed = wanted(stored, self.algorithms, now)
        unknown = tuple(key for key in needed if key.kid not in known)
        if unknown:
            known |= yield from compute(load_keys, stored.name, unknown)
        if not self._is_older(stored):
            keys = {key.kid: known[key.kid] for key in needed}
            self.held = Held(stored, keys, now if checked_at is None else checked_at)
            self.longest_life = max(self.longest_life, stored.longest_life)
            self._lookout.soon()
            self._choose_signers()

    def _is_older(self, stored: StoredSet) -> bool:
        """Another flow may have taken in a newer state meanwhile."""
        held = self.held
        return held is not None and held.stored.id == stored.id and stored.version < held.stored.version

    def _choose_signers(self) -> None:
        """Which key signs is a matter of time, too."""
        if self.held is None:
            return
        signers = self.held.signers(self.algorithms, self._clock.now())
        if signers != self.signers:
            self.signers = signers
            self._changed()

    def _forget(self) -> None:
        self.held, self.signers, self.longest_life = None, {}, 0.0
        self._lookout.due = inf
        self._changed()
