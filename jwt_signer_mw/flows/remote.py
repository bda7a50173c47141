"""Fetched key sets: kept in memory, reloaded when they may be out of date (decisions 18 and 25)."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from jwt_signer_mw.errors import ProviderUnavailable, TransportError, Unavailable
from jwt_signer_mw.flows.commands import once
from jwt_signer_mw.flows.documents import log_findings, read_document
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.documents import Document, Source
    from jwt_signer_mw.jose import KeySet

log = logging.getLogger("jwt_signer_mw.keys")

MAX_ABSENT = 1024  # kids remembered as absent
MAX_KID = 256  # characters; longer ones are not worth remembering
STALE_INTERVAL = 1.0  # second between two looks at a document that is stale as soon as it comes


class Fetched(NamedTuple):
    """One state of a set. `previous` is only shown, it verifies nothing."""

    keys: KeySet
    kids: frozenset[str | None]
    previous: KeySet | None
    digest: bytes
    updated_at: float


class Remote:
    """One fetched set, shared by all who use the same source. States are swapped, never changed.

    `changed` is called after every change of the keys, with whether there were keys before. `due`: the
    tick at which `maintain` has work.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        *,
        interval: float,
        period: float,
        changed: Callable[[bool], None] = lambda _replaced: None,
        heeds_freshness: bool = False,
        max_stale: float | None = None,
    ) -> None:
        """`interval`: `jwks_reload_interval`; `period`: the rotate period, 0 for never. Both in seconds.

        `heeds_freshness`: a document is reloaded when it is stale by its own word, after `period` at the
        latest; and a stale one is no reason to refuse a token, so that any may force a reload then.
        `max_stale`: keys that can't be reloaded are dropped so many seconds after `period`; None: never.
        """
        role = "signing" if source.signing else "verification"
        self.source = source
        self.name = source.url
        self.id = str(uuid5(NAMESPACE_URL, f"{source.url}#{role},{source.verify},{source.certificate}"))
        self.created_at = clock.now()
        self.due = inf
        self._clock = clock
        self._interval = interval
        self._period = period
        self._changed = changed
        self._heeds_freshness = heeds_freshness
        self._fetched: Fetched | None = None
        self._absent: dict[str, float] = {}
        self._failure = ""
        self._retry_at = -inf  # tick before which a failed first fetch is not tried again
        self._reload_at = -inf  # tick before which nothing forces a reload
        self._trusted_for = inf if max_stale is None else period + max_stale
        self._trusted_until = inf  # tick from which the keys are too old
        self._stale_at = inf  # tick from which any token may force one all the same

    @property
    def keys(self) -> KeySet | None:
        return None if self._fetched is None else self._fetched.keys

    @property
    def failed(self) -> bool:
        """Whether it was asked for, and never came."""
        return self._fetched is None and self._failure != ""

    @property
    def previous(self) -> KeySet | None:
        return None if self._fetched is None else self._fetched.previous

    @property
    def updated_at(self) -> float:
        return self.created_at if self._fetched is None else self._fetched.updated_at

    def load(self) -> Flow[KeySet]:
        """The keys, fetched if they never were. Raises `ProviderUnavailable`."""
        if self._fetched is None:
            self._check_retry()
            yield from once(self, self._load)
        if self._fetched is None:
            self._check_retry()
            raise ProviderUnavailable(self._failure)
        return self._fetched.keys

    def _check_retry(self) -> None:
        wait = self._retry_at - self._clock.ticks()
        if wait > 0:
            raise ProviderUnavailable(self._failure, retry_after=wait)

    def _load(self) -> Flow[None]:
        if self._fetched is None and self._clock.ticks() >= self._retry_at:
            yield from self._fetch()

    def reload(self, kid: str | None, seen: KeySet, *, just_loaded: bool = False) -> Flow[bool]:
        """Forced by a signature that no key of `seen` explains. True when there are other keys now.

        `just_loaded`: these keys were fetched for this very request, so that counts as the reload.
        """
        if self.keys is not seen:
            return True
        if just_loaded:
            self._reload_at = self._clock.ticks() + self._interval
        if not self.may_reload(kid):
            return False
        yield from once(self, self._reload)
        self._remember_absent(kid)
        return self.keys is not seen

    def _reload(self) -> Flow[None]:
        if self._clock.ticks() >= min(self._reload_at, self._stale_at):
            yield from self._fetch()
            self._reload_at = self._clock.ticks() + self._interval

    def may_reload(self, kid: str | None) -> bool:
        """Whether a token that names this key can force a reload now."""
        ticks = self._clock.ticks()
        if ticks >= self._stale_at:
            return True
        return ticks >= self._reload_at and (kid is None or self._absent.get(kid, -inf) <= ticks)

    def _remember_absent(self, kid: str | None) -> None:
        fetched = self._fetched
        if kid is None or len(kid) > MAX_KID or fetched is None or kid in fetched.kids:
            return
        if len(self._absent) >= MAX_ABSENT:
            self._absent.clear()  # the least interval between reloads protects the provider all the same
        self._absent[kid] = self._clock.ticks() + self._interval

    def postpone(self) -> None:
        """Somebody maintains the set now: the others go on."""
        ticks = self._clock.ticks()
        if self._fetched is not None and ticks >= self._trusted_until:
            self._drop()
        self.due = ticks + (self._interval or self._period)

    def _drop(self) -> None:
        """`..._max_stale`: better no keys than what the provider may have withdrawn long ago."""
        log.warning("key set %s: too old to be used, and it can't be reloaded", self.source.place)
        self._fetched = None
        self._changed(True)

    def maintain(self) -> Flow[None]:
        """Reloads after the rotate period; meanwhile, and if that fails, the old keys serve."""
        yield from once(self, self._fetch)

    def refresh(self, basic: tuple[str, str] | None, certificate: tuple[str, str] | None) -> Flow[None]:
        """Reloads now, by hand, with other credentials if given. Raises `ProviderUnavailable`."""
        source = self.source
        if basic is not None:
            source = source._replace(basic=basic)
        if certificate is not None:
            source = source._replace(certificate=certificate)
        if not (yield from self._fetch(source)):
            raise ProviderUnavailable(self._failure)

    def forget(self) -> None:
        """The next request that needs the keys fetches them."""
        self._fetched, self.due, self._retry_at = None, inf, -inf
        self._absent.clear()
        self._changed(True)

    def _fetch(self, source: Source | None = None) -> Flow[bool]:
        """One fetch. False when it failed: then everything stays as it was, but for the time to wait."""
        asked = self._clock.ticks()
        try:
            document = yield from read_document(source or self.source)
        except (Unavailable, Malformed) as error:
            text = error.detail if isinstance(error, TransportError) else f"{self.source.place}: {error}"
            self._failure = f"key set not loaded: {text}"
            self._retry_at = self._clock.ticks() + self._interval
            self._stale_at = max(self._stale_at, self._clock.ticks() + STALE_INTERVAL)
            log.warning("%s", self._failure)
            self._await_end()
            return False
        self._adopt(document)
        if self._heeds_freshness:
            self._heed(document.fresh_for, asked)
        return True

    def _await_end(self) -> None:
        """A reload failed: the keys serve on, but not for ever."""
        if self._fetched is None:
            return
        if self._clock.ticks() >= self._trusted_until:
            self._drop()
        else:
            self.due = min(self.due, self._trusted_until)

    def _heed(self, fresh_for: float | None, asked: float) -> None:
        """The time that is promised counts from when the question left."""
        life = self._period if fresh_for is None else min(fresh_for, self._period)
        self.due = self._stale_at = asked + max(life, STALE_INTERVAL)

    def _adopt(self, document: Document) -> None:
        """A changed set replaces the old one whole: what the provider withdrew verifies no more."""
        before = self._fetched
        self._trusted_until = self._clock.ticks() + self._trusted_for
        if self._period:
            self.due = self._clock.ticks() + self._period
        if before is not None and _are_same(before.keys, document.keys):
            self._fetched = before._replace(digest=document.digest)
        else:
            kids = frozenset(key.kid for key in document.keys.keys)
            previous = None if before is None else before.keys
            self._fetched = Fetched(document.keys, kids, previous, document.digest, self._clock.now())
            self._changed(before is not None)
        if before is None or before.digest != document.digest:
            log_findings(self.source, document.keys)


def _are_same(one: KeySet, other: KeySet) -> bool:
    """Whether two sets verify and sign the same; a private half may be added to a public one."""
    halves = [key.is_private for key in one.keys]
    return one.fingerprint == other.fingerprint and halves == [key.is_private for key in other.keys]
