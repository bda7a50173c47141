"""Key sets in the memory of one process: for tests and trials, gone when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jwt_signer_mw.errors import StoreConflict
from jwt_signer_mw.keysets.sealing import Sealing
from jwt_signer_mw.keysets.store import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt_signer_mw.keysets.keyset import StoredSet


def open_url(_url: str, encryption_keys: Sequence[str]) -> MemoryStore:
    return MemoryStore(Sealing(encryption_keys))


class MemoryStore:
    """Holds the same text as every other store, so that nothing is shared with what was saved."""

    def __init__(self, sealing: Sealing | None = None) -> None:
        self._sealing = sealing or Sealing()
        self._lock = threading.Lock()
        self._sets: dict[str, tuple[Mark, str]] = {}  # without text: a deleted set

    def load(self, name: str) -> StoredSet | None:
        _, text = self._sets.get(name, (None, ""))
        return self._sealing.unseal(name, text) if text else None

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        text = self._sealing.seal(stored)
        with self._lock:
            mark, held = self._sets.get(stored.name, (None, ""))
            if (mark if held else None) != (expected_version and Mark(stored.id, expected_version)):
                raise StoreConflict(f"key set {stored.name!r} was changed by somebody else")
            self._sets[stored.name] = (Mark(stored.id, stored.version), text)

    def delete(self, name: str) -> None:
        with self._lock:
            if name in self._sets:
                mark, _ = self._sets[name]
                self._sets[name] = (mark._replace(version=mark.version + 1), "")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, (_, text) in self._sets.copy().items() if text))

    def version(self, name: str) -> Mark | None:
        return self._sets[name][0] if name in self._sets else None
