"""Forgetting what was decided before its time is over: by token, by subject, or all of it.

A purge takes nothing from a token but the memory of it: a JWT that is still good is accepted anew, an
opaque token is asked about anew. How far it reaches is written in `docs/performance.md`.
"""

from __future__ import annotations

import logging
import secrets
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import call
from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.tokens.claims import Path

log = logging.getLogger("jwt_signer_mw")

LOOK_INTERVAL = 1.0  # second: so soon is a purge by another worker picked up
STAMP = "purged"  # the key in the shared cache; all others are hashes


class Purge(NamedTuple):
    """What is to be forgotten: exactly one of the four."""

    jti: str | None = None
    subject: str | None = None
    token: str | None = None  # the text of it, JWT or opaque
    everything: bool = False

    @classmethod
    def of(
        cls,
        *,
        jti: object = None,
        subject: object = None,
        token: object = None,
        everything: object = False,
    ) -> Purge:
        """Raises `Malformed` unless one of them, and only one, says something."""
        texts = (jti, subject, token)
        is_text = [isinstance(value, str) and bool(value) for value in texts]
        given = [*(value is not None for value in texts), everything is not False]
        if given.count(True) != 1 or not (any(is_text) or everything is True):
            raise Malformed("a purge is by jti, by subject, by token (texts), or of everything (true)")
        return cls(jti, subject, token, everything is True)  # type: ignore[arg-type]

    @classmethod
    def read(cls, body: bytes) -> Purge:
        """From JSON with the member `jti`, `subject`, `token` or `everything`. Raises `Malformed`."""
        given = parse_object(body)
        if not given.keys() <= set(cls._fields):
            raise Malformed("the body has foreign members")
        return cls.of(**given)

    def __repr__(self) -> str:
        return f"<Purge of {next(name for name, value in self._asdict().items() if value)}>"

    def fits(self, claims: Mapping[str, Any], subjects: Iterable[Path]) -> bool:
        """Whether these claims are meant; `subjects`: where a subject may stand. Verdicts don't say of which
        token they are: a purge of one token takes all of them, and costs a second look at each."""
        if self.everything or self.token is not None:
            return True
        if self.jti is not None:
            return claims.get("jti") == self.jti
        return any(read_claim(claims, path) == self.subject for path in subjects)


class Purged(NamedTuple):
    """How much was forgotten. `answers`: of introspection; None: the cache can't be searched."""

    verdicts: int = 0
    answers: int | None = 0

    def __add__(self, other: object) -> Purged:
        """Of two policies."""
        if not isinstance(other, Purged):
            return NotImplemented
        answers = None if self.answers is None or other.answers is None else self.answers + other.answers
        return Purged(self.verdicts + other.verdicts, answers)


class Purgeable(Protocol):
    """A pipeline."""

    def purge(self, purge: Purge) -> Flow[Purged]: ...


def purge_all(pipelines: Iterable[Purgeable], purge: Purge) -> Flow[Purged]:
    """In all policies of one process. Raises `StoreError`."""
    total = Purged()
    for pipeline in pipelines:
        total += yield from pipeline.purge(purge)
    return total


class Stamp:
    """A sign in the shared cache, by which the workers of a fleet tell each other of purges.

    It says nothing but that there was one: whoever sees a new one forgets all its verdicts. `due`: the
    tick at which one request has to look; never, where nothing is shared.
    """

    def __init__(self, cache: SharedCache, clock: Clock, *, life: float) -> None:
        """`life` in seconds: that of a verdict."""
        self._cache = cache
        self._ticks = clock.ticks
        self._life = life
        self._seen: bytes | None = None
        self.due = -inf if cache.blocking and life > 0 else inf

    def look(self) -> Flow[bool]:
        """Whether another worker purged. A cache that is down is no reason to stop."""
        first, self.due = self.due == -inf, self._ticks() + LOOK_INTERVAL
        try:
            stamp = yield from call(self._cache.get, STAMP)
        except StoreError as error:
            log.warning("%s", error.detail)
            return False
        is_new = stamp is not None and stamp != self._seen
        self._seen = stamp or self._seen
        return is_new and not first

    def leave(self) -> Flow[None]:
        """Tells the others. Raises `StoreError`."""
        if self._cache.blocking:
            self._seen = secrets.token_bytes(16)
            yield from call(self._cache.put, STAMP, self._seen, 2 * self._life + LOOK_INTERVAL)
