"""Keys that are well-formed and still not safe to use."""

from __future__ import annotations

from binascii import a2b_base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from jwt_signer_mw.wire import Malformed, parse_object

# CVE-2017-15361: moduli of the flawed generator are powers of 65537 modulo each of these primes.
_ROCA_GENERATOR = 65537
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)

_P25519 = 2**255 - 19
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_P448 = 2**448 - 2**224 - 1
# The y of every point whose order divides the cofactor, also in unreduced form. Anybody can make a
# "signature" for such a public key.
_SMALL_ORDER = {
    32: frozenset(
        {
            0,
            1,
            _P25519 - 1,
            _P25519,
            _P25519 + 1,
            _Y_OF_ORDER_8,
            _P25519 - _Y_OF_ORDER_8,
        }
    ),
    57: frozenset({0, 1, _P448 - 1, _P448, _P448 + 1}),
}

_PEM = b"-----BEGIN "
_SSH = (b"ssh-", b"ecdsa-sha2-")


def _powers(prime: int) -> frozenset[int]:
    values, value = set[int](), 1
    while value not in values:
        values.add(value)
        value = value * _ROCA_GENERATOR % prime
    return frozenset(values)


_ROCA_RESIDUES = tuple((prime, _powers(prime)) for prime in _ROCA_PRIMES)


def has_roca_fingerprint(modulus: int) -> bool:
    """True for RSA moduli of the generator with the ROCA flaw, which can be factored."""
    return all(modulus % prime in residues for prime, residues in _ROCA_RESIDUES)


def has_small_order(point: bytes) -> bool:
    """True for an encoded Edwards point (RFC 8032) whose order divides the cofactor."""
    y = int.from_bytes(point, "little") & ~(1 << (8 * len(point) - 1))  # without the sign of x
    return y in _SMALL_ORDER[len(point)]


def is_key_text(secret: bytes) -> bool:
    """True when an HMAC secret is really the PEM, JWK, SSH or DER form of a key, which may be public."""
    if _PEM in secret or secret.lstrip().startswith(_SSH):
        return True
    return _is_jwk(secret) or _is_der(secret) or _is_der(_decoded(secret))


def _is_jwk(secret: bytes) -> bool:
    """A key, or a set of them."""
    try:
        return not {"kty", "keys"}.isdisjoint(parse_object(secret))
    except Malformed:
        return False


def _decoded(secret: bytes) -> bytes:
    """What the secret is the base64 text of; nothing where it is none."""
    try:
        return a2b_base64(secret)
    except ValueError:
        return b""


def _is_der(secret: bytes) -> bool:
    try:
        load_der_public_key(secret)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
