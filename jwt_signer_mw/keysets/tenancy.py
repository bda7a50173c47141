"""One store for many tenants: each sees its own key sets, whatever they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore, Mark

SEPARATOR = "/"  # which is in no tenant's name


class TenantStore:
    """The part of a store that is a tenant's: a set `kong` of `a.example` is `a.example/kong` there."""

    def __init__(self, store: KeysetStore, tenant: str) -> None:
        self._store = store
        self._prefix = tenant + SEPARATOR

    def load(self, name: str) -> StoredSet | None:
        stored = self._store.load(self._prefix + name)
        return None if stored is None else replace(stored, name=name)

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        self._store.save(replace(stored, name=self._prefix + stored.name), expected_version)

    def delete(self, name: str) -> None:
        self._store.delete(self._prefix + name)

    def names(self) -> tuple[str, ...]:
        mine = (name for name in self._store.names() if name.startswith(self._prefix))
        return tuple(name.removeprefix(self._prefix) for name in mine)

    def version(self, name: str) -> Mark | None:
        return self._store.version(self._prefix + name)
