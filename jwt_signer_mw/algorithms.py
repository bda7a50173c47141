"""The signature algorithms of RFC 7518 section 3 and RFC 8037, and what each asks of a key."""

from __future__ import annotations

from typing import Final, NamedTuple


class Algorithm(NamedTuple):
    """`crv` names the one curve that fits; `hash_size` is in bytes, and the least size of an HMAC key."""

    kty: str
    crv: str | None = None
    hash_size: int = 0


HMAC: Final = {
    "HS256": Algorithm("oct", hash_size=32),
    "HS384": Algorithm("oct", hash_size=48),
    "HS512": Algorithm("oct", hash_size=64),
}
RSA: Final = {
    "RS256": Algorithm("RSA", hash_size=32),
    "RS384": Algorithm("RSA", hash_size=48),
    "RS512": Algorithm("RSA", hash_size=64),
    "PS256": Algorithm("RSA", hash_size=32),
    "PS384": Algorithm("RSA", hash_size=48),
    "PS512": Algorithm("RSA", hash_size=64),
}
EC: Final = {
    "ES256": Algorithm("EC", "P-256", 32),
    "ES384": Algorithm("EC", "P-384", 48),
    "ES512": Algorithm("EC", "P-521", 64),
}
EDWARDS: Final = {"EdDSA": Algorithm("OKP")}

ALGORITHMS: Final = HMAC | RSA | EC | EDWARDS
SYMMETRIC: Final = frozenset(HMAC)
ASYMMETRIC: Final = frozenset(ALGORITHMS) - SYMMETRIC

# An RSA signature takes about a millisecond, every other one a twentieth of it: worth a thread.
SLOW: Final = frozenset(RSA)

# The choices of `{token}_signing_algorithm`; no RS384, as in Kong.
SIGNING_ALGORITHMS: Final = (
    *("RS256", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"),
)
