"""Key sets as text at rest: JSON, encrypted where `keyset_encryption_keys` are set. Never pickle."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from jwt_signer_mw.errors import ConfigurationError, Problem, StoredKeysUnreadable
from jwt_signer_mw.keysets.keyset import from_json, to_json
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt_signer_mw.keysets.keyset import StoredSet

log = logging.getLogger("jwt_signer_mw.keysets")


class Sealing:
    """Turns sets into text and back; seals with the newest key, opens with any of them."""

    def __init__(self, encryption_keys: Sequence[str] = ()) -> None:
        """Fernet keys, newest first. Raises `ConfigurationError`."""
        self._fernet = MultiFernet(list(map(_fernet, encryption_keys))) if encryption_keys else None

    def seal(self, stored: StoredSet) -> str:
        data = to_json(stored)
        return (data if self._fernet is None else self._fernet.encrypt(data)).decode()

    def unseal(self, name: str, text: str | bytes) -> StoredSet:
        """Raises `StoredKeysUnreadable`; what is in the store stays as it is.

        Text that is not encrypted is read even where keys are set: it was stored before they were.
        """
        try:
            data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
            stored = from_json(self._opened(name, data))
        except Malformed as error:
            raise StoredKeysUnreadable(f"key set {name!r} is damaged: {error}") from None
        if stored.name != name:
            raise StoredKeysUnreadable(f"key set {name!r} is damaged: it belongs to another name")
        return stored

    def _opened(self, name: str, data: bytes) -> bytes:
        if data.startswith(b"{"):
            if self._fernet is not None:
                log.warning("key set %r is not encrypted yet: run `jwt-signer keys reencrypt`", name)
            return data
        if self._fernet is None:
            raise StoredKeysUnreadable(f"key set {name!r} is encrypted: keyset_encryption_keys is not set")
        try:
            return self._fernet.decrypt(data)
        except InvalidToken:
            raise StoredKeysUnreadable(f"none of keyset_encryption_keys opens key set {name!r}") from None


def _fernet(key: str) -> Fernet:
    try:
        return Fernet(key)
    except (ValueError, TypeError):
        text = "holds a value that is no Fernet key"
        hint = "Make one with cryptography.fernet.Fernet.generate_key()."
        problem = Problem("keysets.E003", "error", "keyset_encryption_keys", text, hint)
        raise ConfigurationError([problem]) from None
