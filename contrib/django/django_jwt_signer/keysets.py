"""What people do to key sets, in the admin and by commands. Workers notice within about a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_jwt_signer.gate import current_gate
from django_jwt_signer.marks import DEFAULT
from django_jwt_signer.stores import ModelStore, TellingStore
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.sealing import Sealing

if TYPE_CHECKING:
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore


class Keysets:
    """Changes to the sets of one store. Raise `LookupError` for what is not there, `StoreError`."""

    def __init__(self, store: KeysetStore, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or Clock()
        self._driver = BlockingDriver(RequestsTransport())

    def rotate(self, name: str) -> StoredSet:
        return self._driver.run(Named(name, self._store, self._clock).rotate())

    def revoke(self, name: str, kid: str) -> StoredSet:
        return self._driver.run(Named(name, self._store, self._clock).revoke(kid))

    def delete(self, name: str) -> None:
        self._driver.run(Named(name, self._store, self._clock).delete())


def project_store() -> tuple[ModelStore, Keysets]:
    """The first policy's that keeps its sets in the project's database; else the one it would have."""
    policies = current_gate().policies
    default = policies[DEFAULT]
    for policy in (default, *policies.values()):
        telling = policy.assembly.keyset_store
        if isinstance(telling, TellingStore) and isinstance(telling.store, ModelStore):
            return telling.store, Keysets(telling, policy.assembly.clock)
    store = ModelStore(None, Sealing(default.settings.keyset_encryption_keys or ()))
    return store, Keysets(TellingStore(store), default.assembly.clock)
