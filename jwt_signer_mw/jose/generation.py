"""New keys."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from jwt_signer_mw.algorithms import ALGORITHMS
from jwt_signer_mw.jose.export import to_jwk
from jwt_signer_mw.jose.key import Key, load_key
from jwt_signer_mw.wire import encode_base64url

RSA_BITS: Final = 2048
RSA_EXPONENT: Final = 65537

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}


def generate_key(alg: str) -> Key:
    """A new key for one algorithm; its `kid` is its thumbprint, and one that commands take for a name.

    Takes some tenths of a second for RSA. Raises `ValueError` for a foreign algorithm.
    """
    while True:
        jwk = _generate(alg) | {"alg": alg}
        kid = load_key(jwk, symmetric=True).thumbprint
        if not kid.startswith("-"):  # on a command line that would be an option
            return load_key(jwk | {"kid": kid}, symmetric=True)


def _generate(alg: str) -> dict[str, str]:
    algorithm = ALGORITHMS.get(alg)
    if algorithm is None:
        raise ValueError("not a signature algorithm")
    if algorithm.kty == "RSA":
        return to_jwk(rsa.generate_private_key(RSA_EXPONENT, RSA_BITS))
    if algorithm.kty == "EC":
        return to_jwk(ec.generate_private_key(_CURVES[alg]))
    if algorithm.kty == "OKP":
        return to_jwk(ed25519.Ed25519PrivateKey.generate())
    return {"kty": "oct", "k": encode_base64url(secrets.token_bytes(algorithm.hash_size))}
