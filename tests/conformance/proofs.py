"""DPoP proofs, made when a case is played: PyJWT signs them, and nothing of the suite is used."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from conformance.case import HOST, NOW
from conformance.keys import Jwk
from conformance.tokens import Recipe, render, signed, token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.tokens import Token

URI: Final = f"http://{HOST}/orders"  # of the request that cases send


@dataclass(frozen=True, slots=True)
class Thumbprint(Recipe):
    """RFC 7638, of a named key."""

    key: str

    def __str__(self) -> str:
        members = {name: value for name, value in Jwk(self.key).as_json().items() if name != "kid"}
        text = json.dumps(members, sort_keys=True, separators=(",", ":"))
        return _encoded(hashlib.sha256(text.encode()).digest())


@dataclass(frozen=True, slots=True)
class Bound(Recipe):
    """A good token with `cnf.jkt` of a named key."""

    key: str = "p256"
    claims: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.token())

    def token(self) -> Token:
        return token({"cnf": {"jkt": str(Thumbprint(self.key))}, **self.claims})


@dataclass(frozen=True, slots=True)
class Proof(Recipe):
    """A proof for one token. Claims and header members override; None leaves out."""

    of: object
    claims: Mapping[str, object] = field(default_factory=dict)
    header: Mapping[str, object] = field(default_factory=dict)
    key: str = "p256"
    alg: str = "ES256"
    jti: str = "one"

    def __str__(self) -> str:
        ath = _encoded(hashlib.sha256(str(self.of).encode()).digest())
        claims = {"jti": self.jti, "htm": "GET", "htu": URI, "iat": NOW, "ath": ath, **self.claims}
        header: dict[str, object] = {"typ": "dpop+jwt", "kid": None, "jwk": _public(self.key), **self.header}
        kept = {name: value for name, value in claims.items() if value is not None}
        return str(signed(render(kept), alg=self.alg, key=self.key, header=render(header)))


@dataclass(frozen=True, slots=True)
class Nonce(Recipe):
    """What a server with this secret hands out at a moment."""

    secret: str
    at: int = NOW

    def __str__(self) -> str:
        key = hashlib.sha256(f"jwt_signer_mw dpop nonce {self.secret}".encode()).digest()
        moment = self.at.to_bytes(8, "big")
        return _encoded(moment + hmac.digest(key, moment, "sha256")[:16])


def _public(key: str) -> dict[str, object]:
    return {name: value for name, value in Jwk(key).as_json().items() if name != "kid"}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
