"""Signing keys that never leave their vault: a PKCS#11 device, or a key service of a cloud."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

from jwt_signer_mw.backends import load_backend

if TYPE_CHECKING:
    from jwt_signer_mw.jose import Key

BACKENDS = {"pkcs11": "jwt_signer_mw.vaults.hsm", "awskms": "jwt_signer_mw.vaults.awskms"}


class Vault(Protocol):
    """Where private keys are. Safe for threads and forks; every call may block.

    Failures raise `StoreError`, and so do signatures by the keys that it gives.
    """

    def read(self) -> list[Key]:
        """The keys of the address, the one that signs first. Only their public halves are here."""
        ...


@lru_cache(maxsize=64)
def open_vault(url: str, timeout: float) -> Vault:
    """The vault behind a URL of `{token}_keyset`; `timeout` in seconds, of a network's answer.

    Raises `ConfigurationError` for one whose library is not installed, `StoreError`.
    """
    return cast("Vault", load_backend("keyset", url, BACKENDS).open_url(url, timeout))
