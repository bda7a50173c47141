"""What a store of key sets can do, and which stores there are, by URL."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from jwt_signer_mw.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt_signer_mw.keysets.keyset import StoredSet

# Imported when asked for: each needs a library, and no program needs all of them.
BACKENDS = {
    "memory": "memory",
    "sqlite": "sql",
    "postgresql": "sql",
    "mysql": "sql",
    "mariadb": "sql",
    "redis": "redis",
    "rediss": "redis",
}
EXTRAS = {"sql": "sql", "redis": "redis"}


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
    scheme = url.partition(":")[0].partition("+")[0]
    module = BACKENDS.get(scheme)
    if module is None:
        raise refused(
            "keysets.E001", f"has the unknown scheme {scheme!r}", f"Known are {', '.join(BACKENDS)}."
        )
    try:
        backend = import_module(f"jwt_signer_mw.keysets.{module}")
        return cast("KeysetStore", backend.open_url(url, encryption_keys))
    except ImportError as error:
        hint = f"pip install 'jwt-signer-mw[{EXTRAS.get(module, module)}]'"
        raise refused(
            "keysets.E002", f"needs the module {error.name}, which is not installed", hint
        ) from None


def default_url() -> str:
    """`sqlite:///$XDG_STATE_HOME/jwt-signer/keysets.sqlite3` (XDG Base Directory Specification)."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path("~/.local/state").expanduser()
    return f"sqlite:///{state / 'jwt-signer' / 'keysets.sqlite3'}"


def reencrypt(store: KeysetStore) -> tuple[str, ...]:
    """Seals every set with the newest of `keyset_encryption_keys`; returns the names.

    Raises `StoredKeysUnreadable` for a set that none of the keys opens, `StoreConflict` when a set changes
    meanwhile; what was done by then stays done, and the rest can be done again.
    """
    names = store.names()
    for name in names:
        stored = store.load(name)
        if stored is not None:
            store.save(replace(stored, version=stored.version + 1), stored.version)
    return names


def refused(problem: str, text: str, hint: str = "") -> ConfigurationError:
    """For what makes a value of `keyset_store` unusable; `text` goes on after the option's name."""
    return ConfigurationError([Problem(problem, "error", "keyset_store", text, hint)])
