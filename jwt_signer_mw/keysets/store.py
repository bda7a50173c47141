"""What a store of key sets can do, and which stores there are, by URL."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from jwt_signer_mw.backends import load_backend, missing
from jwt_signer_mw.errors import StoreConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jwt_signer_mw.keysets.keyset import StoredSet

SQL = "jwt_signer_mw.keysets.sql"
REDIS = "jwt_signer_mw.keysets.redis"
# Imported when asked for: each needs a library, and no program needs all of them.
BACKENDS = {
    "memory": "jwt_signer_mw.keysets.memory",
    "sqlite": SQL,
    "postgresql": SQL,
    "mysql": SQL,
    "mariadb": SQL,
    "redis": REDIS,
    "rediss": REDIS,
}
ATTEMPTS = 10  # saves of one set that may lose in a row


class Mark(NamedTuple):
    """Tells one state of a set from all others: which set of that name it is, and its version."""

    id: str
    version: int


class KeysetStore(Protocol):
    """Key sets by name. Every method may block; what goes wrong outside raises `StoreError`.

    A deletion stays on record, so that it can be told from a loss: `version` then gives a mark of the
    deleted set's id with a higher version, where a set that was lost has none.
    """

    def load(self, name: str) -> StoredSet | None:
        """The set of that name. Raises `StoredKeysUnreadable` for one that is damaged or sealed."""
        ...

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        """Replaces that version of the same set; with None, there must be none yet (or a deleted one).

        Raises `StoreConflict` where it is otherwise: somebody else was first.
        """
        ...

    def delete(self, name: str) -> None:
        """Forgets the keys of the set, if there is one."""
        ...

    def names(self) -> tuple[str, ...]:
        """The names of all sets, in order."""
        ...

    def version(self, name: str) -> Mark | None:
        """A cheap way to see whether the set changed."""
        ...


def open_store(url: str | None = None, *, encryption_keys: Sequence[str] = ()) -> KeysetStore:
    """The store behind a URL of `keyset_store`; None: an SQLite file in the user's state directory.

    `encryption_keys` are Fernet keys, newest first. Connects to nothing yet. Raises `ConfigurationError`.
    """
    url = default_url() if url is None else url
    backend = load_backend("keyset_store", url, BACKENDS)
    try:
        return cast("KeysetStore", backend.open_url(url, encryption_keys))
    except ImportError as error:  # SQLAlchemy asks for the driver of a database when it is told which
        raise missing("keyset_store", SQL, error) from None


def default_url() -> str:
    """`sqlite:///$XDG_STATE_HOME/jwt-signer/keysets.sqlite3` (XDG Base Directory Specification)."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path("~/.local/state").expanduser()
    return f"sqlite:///{state / 'jwt-signer' / 'keysets.sqlite3'}"


def reencrypt(
    store: KeysetStore, now: float, track: Callable[[tuple[str, ...]], Iterable[str]] = iter
) -> tuple[str, ...]:
    """Seals every set with the newest of `keyset_encryption_keys`; returns the names. `track` gives them
    one by one, and may tell somebody.

    Raises `StoredKeysUnreadable` for a set that none of the keys opens: what was done by then stays done,
    and the rest can be done again. Raises `StoreConflict` where others change a set all the time.
    """
    names = store.names()
    for name in track(names):
        for attempt in range(1, ATTEMPTS + 1):
            stored = store.load(name)
            if stored is None:
                break
            try:
                store.save(replace(stored, version=stored.version + 1, updated_at=now), stored.version)
                break
            except StoreConflict:
                if attempt == ATTEMPTS:
                    raise
    return names
