"""The life of keys: next -> current -> previous -> forgotten (decisions 14 and 15). Pure functions.

The promise behind them: a verifier whose copy of the document is still fresh never meets a key that
the copy lacks. A document may be kept for `cache_life`; a new key is `ready_at` the moment when every
copy without it is stale, and does not sign before; until then the key before it signs on. So a rotation
may come at any time, twice in a row too: it shows in the document at once, and in the tokens when it may.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from jwt_signer_mw.keysets.keyset import StoredKey, StoredSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.keysets.keyset import Jwk

MAX_CACHE_LIFE = 300  # seconds
HEURISTIC_FRACTION = 10  # RFC 9111 section 4.2.2: a tenth of the time since the last change
ON_THE_WAY = 1  # second between our saying "fresh for n seconds" and the moment a verifier hears it
SPREAD = 1.5  # seconds after a change until no worker signs by the state before it: it looks once a second
LIFE_STEP = 300  # seconds; the life of tokens is known this coarsely, so that it is rarely written
MAX_LIFE = 86_400  # seconds; one token with an expiry in years must not keep a key published for years
MAX_PREVIOUS = 16  # keys per algorithm: no rotation by the clock beyond it while all are needed


def create(name: str, now: float, current: Iterable[Jwk], following: Iterable[Jwk]) -> StoredSet:
    """A new set: for every algorithm one key that signs at once and one that is published for later."""
    keys = (*_signing_at_once(current, now), *_published(following, now, ready_at=now))
    return StoredSet(str(uuid4()), name, 1, now, now, now, 0.0, keys)


def add_algorithms(
    stored: StoredSet, now: float, current: Iterable[Jwk], following: Iterable[Jwk]
) -> StoredSet:
    """Keys for algorithms that the set lacks. They have to sign at once: there is no key before them."""
    added = (*_signing_at_once(current, now), *_published(following, now, _stale_at(stored, now)))
    return _changed(stored, now, (*stored.keys, *added))


def rotate(stored: StoredSet, now: float, fresh: Iterable[Jwk], *, keep_needed: bool = False) -> StoredSet:
    """Decision 15; `fresh` holds a new `next` key for every algorithm. Two rotations forget a key.

    With `keep_needed`, as for a rotation by the clock, previous keys stay as long as their tokens live.
    """
    starts = {key.alg: _start(key, now) for key in stored.generation("next")}
    signing = _signing_kids(stored, now)
    kept = []
    for key in stored.keys:
        if key.generation == "next":
            kept.append(replace(key, generation="current", signing_since=starts[key.alg]))
        elif key.kid in signing:
            kept.append(replace(key, generation="previous", signing_until=starts.get(key.alg, now)))
        elif key.generation == "previous" and _stays(stored, key, now, keep_needed):
            kept.append(key)
        # else: a previous key that had its time, or a current one that never got to sign
    new = _published(fresh, now, _stale_at(stored, now))
    return replace(_changed(stored, now, (*kept, *new)), rotated_at=now)


def settled_at(stored: StoredSet, now: float) -> float:
    """When a rotation by hand forgets no key that some worker may still sign with, not having heard of the
    last rotation; `SPREAD` from now at the latest. Nor may it drop a key that such a worker is about to use.
    """
    signing = _signing_kids(stored, now)
    times = [now]
    for key in stored.keys:
        if key.generation == "previous" and key.kid not in signing and not _stays(stored, key, now, False):
            times.append((key.signing_until or now) + SPREAD)
        elif key.generation == "current" and now < (key.signing_since or now) <= now + SPREAD:
            times.append(key.signing_since or now)
    return min(max(times), now + SPREAD)


def _stays(stored: StoredSet, key: StoredKey, now: float, keep_needed: bool) -> bool:
    if (key.signing_until or 0.0) > stored.rotated_at:
        return True  # it signed since the last rotation, in place of a key that was too new
    return keep_needed and (stored.needed_until(key) or 0.0) > now


def revoke(stored: StoredSet, kid: str, now: float, fresh: Iterable[Jwk]) -> StoredSet:
    """Drops one key at once, whatever that breaks; if it signs, its successor signs from now on.

    `fresh` holds the key that `needs_successor` asks for. Raises `LookupError` for an unknown kid.
    """
    gone, signing = stored.find(kid), _signing_kids(stored, now)
    starts = [_start(key, now) for key in stored.generation("next") if key.alg == gone.alg]
    start = now if gone.kid in signing else max(starts, default=now)
    others = (key for key in stored.keys if key is not gone)
    moved = [_after_loss(key, gone, start, signing) if key.alg == gone.alg else key for key in others]
    return _changed(stored, now, (*moved, *_published(fresh, now, _stale_at(stored, now))))


def needs_successor(stored: StoredSet, kid: str) -> str | None:
    """The algorithm of the new `next` key that revoking this key takes; None: a previous key takes none.

    Raises `LookupError` for an unknown kid.
    """
    gone = stored.find(kid)
    return None if gone.generation == "previous" else gone.alg


def _after_loss(key: StoredKey, gone: StoredKey, start: float, signing: frozenset[str]) -> StoredKey:
    """What becomes of a key when another one of its algorithm is dropped; the successor starts at `start`."""
    if gone.generation == "current" and key.generation == "next":
        return replace(key, generation="current", signing_since=start)
    if gone.generation == "current" and key.kid in signing:
        return replace(key, signing_until=start)
    if gone.generation == "previous" and gone.kid in signing and key.generation == "current":
        return replace(key, signing_since=start)
    return key


def record_life(stored: StoredSet, life: float, now: float) -> StoredSet:
    """Remembers that tokens live this long (see `coarse_life`): so long is a key needed after signing."""
    return replace(_changed(stored, now, stored.keys), longest_life=life)


def coarse_life(seconds: float) -> float:
    """Rounded up, so that it changes seldom, and capped."""
    return min(MAX_LIFE, math.ceil(seconds / LIFE_STEP) * LIFE_STEP)


def rotation_due(stored: StoredSet, period: float) -> float:
    """When a set that rotates every `period` seconds rotates next (`{token}_keyset_rotate_period`)."""
    due = max([stored.rotated_at + period, *(key.ready_at for key in stored.generation("next"))])
    for alg in stored.algorithms:
        waiting = [key for key in stored.generation("previous") if key.alg == alg]
        if len(waiting) >= MAX_PREVIOUS:
            due = max(due, min(stored.needed_until(key) or due for key in waiting))
    return due


def cache_life(stored: StoredSet, now: float) -> int:
    """For how many seconds a copy of the document, as it is now, may be used; 0 just after a change."""
    unchanged = now - max((key.published_at for key in stored.keys), default=now)
    return max(0, min(MAX_CACHE_LIFE, int(unchanged / HEURISTIC_FRACTION)))


def _stale_at(stored: StoredSet, now: float) -> float:
    """When every copy of the document so far is stale: from then on a key published now may sign."""
    life = cache_life(stored, now)
    latest = now + life + ON_THE_WAY if life else now
    return max([latest, *(key.ready_at for key in stored.keys)])


def _start(key: StoredKey, now: float) -> float:
    """When a key that is to sign may start; a clock that once ran ahead does not stop it for long."""
    return max(now, min(key.ready_at, now + MAX_CACHE_LIFE + ON_THE_WAY))


def _changed(stored: StoredSet, now: float, keys: tuple[StoredKey, ...]) -> StoredSet:
    return replace(stored, version=stored.version + 1, updated_at=now, keys=keys)


def _signing_at_once(jwks: Iterable[Jwk], now: float) -> tuple[StoredKey, ...]:
    return tuple(StoredKey(jwk, "current", now, now, signing_since=now) for jwk in jwks)


def _published(jwks: Iterable[Jwk], now: float, ready_at: float) -> tuple[StoredKey, ...]:
    return tuple(StoredKey(jwk, "next", now, ready_at) for jwk in jwks)


def _signing_kids(stored: StoredSet, now: float) -> frozenset[str]:
    signing = (stored.signing_key(alg, now) for alg in stored.algorithms)
    return frozenset(key.kid for key in signing if key is not None)
