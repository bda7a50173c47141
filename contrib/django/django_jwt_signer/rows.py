"""A key set as people look at it: generations and times, and of the keys no more than `kid` and algorithm."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from django.utils.formats import localize
from django.utils.timezone import localtime

from django_jwt_signer.keysets import project_store
from jwt_signer_mw.errors import StoredKeysUnreadable
from jwt_signer_mw.keysets.consequences import consequences
from jwt_signer_mw.keysets.keyset import GENERATIONS

if TYPE_CHECKING:
    from django_jwt_signer.models import Keyset
    from jwt_signer_mw.keysets.keyset import StoredKey, StoredSet

SIGNING = "signing"
UNREADABLE = "can't be read"
NEVER = "-"
SHORT = 12  # characters of a thumbprint that tell two apart


class KeyRow(NamedTuple):
    """One key. `signs`: it is the one that signs at this moment."""

    kid: str
    alg: str
    generation: str
    signs: bool
    published: datetime | None
    signing_since: datetime | None
    signing_until: datetime | None
    needed_until: datetime | None


class SetRow:
    """One set. What can't be read, such as a set sealed by another key, has a `fault`."""

    def __init__(self, row: Keyset) -> None:
        self._row = row
        self.fault = ""

    @classmethod
    def of(cls, row: Keyset) -> SetRow:
        """Kept with the row: opening sealed keys takes a moment."""
        shown: SetRow = vars(row).setdefault("_shown", cls(row))
        return shown

    @cached_property
    def stored(self) -> StoredSet | None:
        store, _ = project_store()
        try:
            return store.read(self._row)
        except StoredKeysUnreadable as error:
            self.fault = error.detail
            return None

    @property
    def algorithms(self) -> str:
        return UNREADABLE if self.stored is None else ", ".join(sorted(self.stored.algorithms))

    @property
    def created(self) -> str:
        return NEVER if self.stored is None else _text(_moment(self.stored.created_at))

    @property
    def rotated(self) -> str:
        return NEVER if self.stored is None else _text(_moment(self.stored.rotated_at))

    @property
    def signing_since(self) -> str:
        """Of the key that signs longest, if there are several algorithms."""
        moments = [key.signing_since for key in self.keys if key.signs and key.signing_since]
        return _text(min(moments, default=None))

    def kids(self, which: str) -> str:
        """Short, of a generation or of what signs now."""
        chosen = (key for key in self.keys if (key.signs if which == SIGNING else key.generation == which))
        return ", ".join(f"{key.kid[:SHORT]}…" for key in chosen)

    def consequences(self, kid: str) -> tuple[str, ...]:
        """What revoking a key breaks. Raises `LookupError` for a key that is not there."""
        if self.stored is None:
            raise LookupError(kid)
        return tuple(consequences(self.stored, kid, time.time()))

    @property
    def keys(self) -> list[KeyRow]:
        stored, now = self.stored, time.time()
        if stored is None:
            return []
        ordered = sorted(stored.keys, key=lambda key: (key.alg, GENERATIONS.index(key.generation)))
        return [_key_row(stored, key, now) for key in ordered]


def _key_row(stored: StoredSet, key: StoredKey, now: float) -> KeyRow:
    signing = stored.signing_key(key.alg, now)
    return KeyRow(
        key.kid,
        key.alg,
        key.generation,
        signing is not None and signing.kid == key.kid,
        _moment(key.published_at),
        _moment(key.signing_since),
        _moment(key.signing_until),
        _moment(stored.needed_until(key)),
    )


def _text(moment: datetime | None) -> str:
    """In the project's time zone and language."""
    return NEVER if moment is None else str(localize(localtime(moment)))


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
