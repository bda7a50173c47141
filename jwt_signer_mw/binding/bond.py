"""The confirmation of a token (RFC 7800): what binds it to its client, and how the new token tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.errors import ClaimMalformed

if TYPE_CHECKING:
    from jwt_signer_mw.tokens.claims import Claims

CLAIM = "cnf"
RECORD = "original_cnf"  # as `original_iss`: what was verified here, and is no business of the next hop
CERTIFICATE = "x5t#S256"  # RFC 8705 section 3.1: the thumbprint of a certificate
KEY = "jkt"  # RFC 9449 section 6.1: the thumbprint of a key


class Bond(NamedTuple):
    """What a token is bound to; None: to nothing of that kind."""

    key: str | None = None
    certificate: str | None = None


def read_bond(*confirmations: object) -> Bond:
    """From the `cnf` of one token in several documents; what comes later wins. Raises `ClaimMalformed`."""
    members: dict[str, Any] = {}
    for confirmation in confirmations:
        if isinstance(confirmation, dict):
            members |= confirmation
        elif confirmation is not None:
            raise ClaimMalformed(f"the claim {CLAIM} is no object")
    return Bond(_text(members, KEY), _text(members, CERTIFICATE))


def record(claims: Claims, verified: dict[str, str], *, moves: bool) -> Claims:
    """The claims with what was verified under a name that only we write; `moves`: and not in `cnf` too.

    A service that enforces `cnf` would ask us for proofs that only the client can make.
    """
    claims = {name: value for name, value in claims.items() if name != RECORD}
    if verified:
        claims[RECORD] = verified
        if moves and isinstance(confirmation := claims.pop(CLAIM, None), dict):
            rest = {name: value for name, value in confirmation.items() if name not in verified}
            claims |= {CLAIM: rest} if rest else {}
    return claims


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise ClaimMalformed(f"the member {name} of {CLAIM} is no text")
    return value
