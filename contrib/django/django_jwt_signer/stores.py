"""`django://<alias>` for `keyset_store`: key sets in a database of the project, through the ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import Error, IntegrityError, router, transaction
from django.db.models import F

from django_jwt_signer.connections import outside_of_transactions
from django_jwt_signer.models import Keyset
from django_jwt_signer.signals import keyset_rotated
from jwt_signer_mw.errors import StoreConflict, StoreError
from jwt_signer_mw.keysets.store import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.sealing import Sealing
    from jwt_signer_mw.keysets.store import KeysetStore

T = TypeVar("T")


class ModelStore:
    """Rows of `Keyset`. What it saves stays, even where a transaction around it is rolled back.

    It reads where it writes, never from a replica. `alias` None: the database that the routers write to.
    """

    def __init__(self, alias: str | None, sealing: Sealing) -> None:
        self._alias = alias
        self._sealing = sealing

    @property
    def alias(self) -> str:
        return self._alias or router.db_for_write(Keyset)

    def load(self, name: str) -> StoredSet | None:
        documents = self._run(lambda rows: list(rows.filter(name=name).values_list("document", flat=True)))
        return self._sealing.unseal(name, documents[0]) if documents and documents[0] else None

    def read(self, row: Keyset) -> StoredSet:
        """The set in a row that is there already. Raises `StoredKeysUnreadable`."""
        return self._sealing.unseal(row.name, row.document)

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        values = {
            "identity": stored.id,
            "version": stored.version,
            "document": self._sealing.seal(stored),
            "updated_at": int(stored.updated_at * 1000),
        }
        if expected_version is not None:
            same = {"identity": stored.id, "version": expected_version}
            self._replace(stored.name, values, lambda rows: _living(rows).filter(**same))
            return
        try:
            self._run(lambda rows: rows.create(name=stored.name, **values))
        except StoreConflict:  # there is a row: perhaps of a deleted set
            self._replace(stored.name, values, lambda rows: rows.filter(document=""))

    def _replace(self, name: str, values: dict[str, Any], choose: Callable[[Any], Any]) -> None:
        if self._run(lambda rows: choose(rows.filter(name=name)).update(**values)) != 1:
            raise StoreConflict(f"key set {name!r} was changed by somebody else")

    def delete(self, name: str) -> None:
        """The row stays, without keys: see `KeysetStore`."""
        gone = {"document": "", "version": F("version") + 1}
        self._run(lambda rows: _living(rows).filter(name=name).update(**gone))

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._run(lambda rows: list(_living(rows).values_list("name", flat=True)))))

    def version(self, name: str) -> Mark | None:
        marks = self._run(lambda rows: list(rows.filter(name=name).values_list("identity", "version")))
        return Mark(*marks[0]) if marks else None

    def _run(self, work: Callable[[Any], T]) -> T:
        alias = self.alias
        try:
            with outside_of_transactions(alias), transaction.atomic(using=alias):
                return work(Keyset._base_manager.using(alias))  # noqa: SLF001
        except IntegrityError:
            raise StoreConflict("there is such a key set already") from None
        except Error as error:
            raise StoreError(f"key sets in the database {alias!r}: {_reason(error)}") from None


def _living(rows: Any) -> Any:
    return rows.exclude(document="")


def _reason(error: Error) -> str:
    """The first line of what the database says: no parameters, which are key sets."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


class TellingStore:
    """Any store, with `keyset_rotated` for every rotation that is saved through it."""

    def __init__(self, store: KeysetStore) -> None:
        self.store = store
        self.load, self.delete, self.names, self.version = (
            store.load,
            store.delete,
            store.names,
            store.version,
        )

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        self.store.save(stored, expected_version)
        follows = expected_version is not None and stored.version == expected_version + 1
        if follows and stored.rotated_at == stored.updated_at and keyset_rotated.receivers:
            keyset_rotated.send_robust(type(self.store), name=stored.name, stored=stored)
