"""Nonces that a server hands out (RFC 9449 section 9), without a memory: a time, sealed with a key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from jwt_signer_mw.wire import Malformed, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock

LIFE = 300  # seconds
_OWN = secrets.token_hex()  # of this process, and of those that it forks
_TIME, _SEAL = 8, 16  # bytes


class Nonces:
    """Every process that has the secret takes the nonces of the others; without one, only its own."""

    def __init__(self, secret: str | None, clock: Clock) -> None:
        self._key = hashlib.sha256(b"jwt_signer_mw dpop nonce " + (secret or _OWN).encode()).digest()
        self._now = clock.now

    def make(self) -> str:
        moment = int(self._now()).to_bytes(_TIME, "big")
        return encode_base64url(moment + self._seal(moment))

    def is_good(self, nonce: str) -> bool:
        """Whether it was made here, and not more than `LIFE` seconds ago."""
        try:
            data = decode_base64url(nonce)
        except Malformed:
            return False
        moment, seal = data[:_TIME], data[_TIME:]
        if not hmac.compare_digest(seal, self._seal(moment)):
            return False
        return -1 <= self._now() - int.from_bytes(moment, "big") <= LIFE

    def _seal(self, moment: bytes) -> bytes:
        return hmac.digest(self._key, moment, "sha256")[:_SEAL]
