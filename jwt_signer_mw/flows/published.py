"""What the endpoints show of a key set: the public halves, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.keyset import public_document

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.flows.remote import Remote
    from jwt_signer_mw.jose import KeySet


class SetsOfPolicies:
    """The key sets of several policies; one that several of them have in one store counts once."""

    def __init__(self, keyrings: Iterable[tuple[Hashable, Keyring]]) -> None:
        """Each keyring after what tells its store from others."""
        self._keyrings = tuple(keyrings)

    def sets(self) -> tuple[Named | Remote, ...]:
        found: dict[object, Named | Remote] = {}
        for store, keyring in self._keyrings:
            for keys in keyring.sets():
                found.setdefault((keys.name, store) if isinstance(keys, Named) else keys, keys)
        return tuple(found.values())


def document_of(keys: Named | Remote) -> dict[str, Any]:
    if not isinstance(keys, Named):
        return document_of_others(keys)
    return {} if keys.held is None else public_document(keys.held.stored)


def document_of_others(remote: Remote) -> dict[str, Any]:
    """A signing set's previous keys are published like our own; what a provider withdrew is only shown."""
    current, previous = _public(remote.keys), _public(remote.previous)
    if remote.source.signing:
        current += [jwk for jwk in previous if jwk not in current]
    return {"keys": current, "previous": previous}


def _public(keys: KeySet | None) -> list[dict[str, str]]:
    return [] if keys is None else [key.public_jwk() for key in keys.keys if key.kty != "oct"]


def entry(
    identity: str, name: str, document: dict[str, Any], created_at: float, updated_at: float
) -> dict[str, Any]:
    """Times in milliseconds, as in Kong's Admin API."""
    times = {"created_at": int(created_at * 1000), "updated_at": int(updated_at * 1000)}
    return {"id": identity, "name": name} | document | times
