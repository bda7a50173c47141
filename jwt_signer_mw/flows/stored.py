"""The public keys of a set in a store, for who verifies: what `Remote` is for a URL."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

from jwt_signer_mw.errors import StoreError, StoreUnavailable
from jwt_signer_mw.flows.commands import compute, once
from jwt_signer_mw.flows.lookout import CHECK_INTERVAL
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.jose import load_keyset
from jwt_signer_mw.keysets.keyset import public_document

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.jose import KeySet
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore

log = logging.getLogger("jwt_signer_mw.keys")


class StoredKeys:
    """Looks for changes once a second; makes no keys and loads no private ones. `due` is as in `Named`."""

    def __init__(self, name: str, store: KeysetStore, clock: Clock) -> None:
        self.keys: KeySet | None = None
        self._named = Named(name, store, clock)
        self._clock = clock
        self._shown: StoredSet | None = None
        self._look_at = -inf  # tick before which nothing forces a look

    @property
    def due(self) -> float:
        return self._named.due

    def load(self) -> Flow[KeySet]:
        """Raises `StoreUnavailable`, also where the set is not there yet; asks once a second at most."""
        if self.keys is None and self._clock.ticks() >= self._look_at:
            try:
                yield from once(self, self._look)
            except StoreError as error:
                raise StoreUnavailable(error.detail, retry_after=CHECK_INTERVAL) from error
        if self.keys is None:
            raise StoreUnavailable(
                f"no key set {self._named.name!r} is in the store", retry_after=CHECK_INTERVAL
            )
        return self.keys

    def reload(self, kid: str | None, seen: KeySet, *, just_loaded: bool = False) -> Flow[bool]:  # noqa: ARG002
        """Forced by a signature that no key of `seen` explains. True when there are other keys now."""
        if self.keys is seen and not just_loaded and self._clock.ticks() >= self._look_at:
            try:
                yield from once(self, self._look)
            except StoreError as error:
                log.warning("key set %r stays as it is in memory: %s", self._named.name, error.detail)
        return self.keys is not seen

    def postpone(self) -> None:
        self._named.postpone()

    def maintain(self) -> Flow[None]:
        """Never raises: the keys in memory go on."""
        yield from self._named.maintain()
        yield from self._show()

    def _look(self) -> Flow[None]:
        self._look_at = self._clock.ticks() + CHECK_INTERVAL
        yield from self._named.refresh()
        yield from self._show()

    def _show(self) -> Flow[None]:
        held = self._named.held
        if held is None:
            self.keys = self._shown = None
        elif held.stored is not self._shown:
            self.keys = yield from compute(_public_keys, held.stored)
            self._shown = held.stored


def _public_keys(stored: StoredSet) -> KeySet:
    return load_keyset(public_document(stored))
