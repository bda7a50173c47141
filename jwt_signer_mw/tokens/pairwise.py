"""Pairwise subjects: who is behind a token is somebody else for every service (OpenID Connect Core 8.1).

Two services that compare their users find no pair, and nobody without the secret finds the way back.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.wire import dump_json, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.tokens.claims import Claims, Path


class Pairwise:
    """Pseudonyms for one sector: HMAC-SHA-256 over the sector, the issuer and its subject.

    The issuer counts, because two issuers may both have an `alice`.
    """

    def __init__(self, secret: str, sector: str, paths: Iterable[Path]) -> None:
        """`paths`: where a subject may stand."""
        self._key = secret.encode()
        self._sector = sector
        self._paths = tuple(paths)

    def pseudonym(self, issuer: object, subject: str | int) -> str:
        """43 characters of base64url."""
        message = dump_json([self._sector, issuer, subject])  # a list: no two inputs share a text
        return encode_base64url(hmac.digest(self._key, message, "sha256"))

    def hide(self, claims: Claims, issuer: object) -> None:
        """Puts pseudonyms in the place of subjects. One that is neither text nor an integer is left out."""
        claims.pop("original_sub", None)
        for path in self._paths:
            value = read_claim(claims, path)
            if value is not None:
                _replace(claims, path, self._new_value(issuer, value))

    def _new_value(self, issuer: object, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return self.pseudonym(issuer, value)


def _replace(claims: Claims, path: Path, value: Any) -> None:
    """Sets what is there, or takes it away; the objects on the way become copies, since claims share them."""
    *parents, name = path
    place = claims
    for parent in parents:
        place[parent] = place[parent].copy()
        place = place[parent]
    if value is None:
        del place[name]
    else:
        place[name] = value
