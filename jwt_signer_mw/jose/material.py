"""From the members of a JWK to checked key material (RFC 7518 section 6, RFC 8037 section 2).

Each kty has one reader. It raises `Malformed` with a text that names sizes and members, never values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from jwt_signer_mw.algorithms import EC, HMAC, RSA
from jwt_signer_mw.jose.weaknesses import has_roca_fingerprint, has_small_order, is_key_text
from jwt_signer_mw.wire import Malformed, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.jose.primitives import KeyMaterial

MIN_RSA_BITS = 2048  # RFC 7518 section 3.3
MAX_RSA_BITS = 8192  # a verification with more costs milliseconds
MAX_RSA_EXPONENT = 1 << 32

_RSA_PRIMES = ("p", "q", "dp", "dq", "qi")  # RFC 7518 section 6.3.2: all of them or none

_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_OF_ALGORITHM = {name: algorithm.crv for name, algorithm in EC.items()}
_ALGORITHM_OF_CURVE = {algorithm.crv: name for name, algorithm in EC.items()}
_EDWARDS_SIZES = {"Ed25519": 32, "Ed448": 57}  # of a point in bytes; a signature has twice as many


class Material(NamedTuple):
    """`members` and `private_members` are canonical JWK members; `sizes` maps each algorithm that the
    key can be used with to the exact length of its signatures in bytes."""

    public: KeyMaterial
    private: KeyMaterial | None
    members: dict[str, str]
    private_members: dict[str, str]
    sizes: dict[str, int]
    crv: str | None = None


def read_material(jwk: Mapping[str, Any], *, private: bool) -> Material:
    """The key material of a JWK; with `private` false its private half is not even looked at."""
    kty = jwk.get("kty")
    reader = _READERS.get(kty) if isinstance(kty, str) else None
    if reader is None:
        raise Malformed("kty is missing or not supported")
    try:
        return reader(jwk, private and _names_private_half(jwk))
    except Malformed:
        raise
    except (ValueError, OverflowError):  # of cryptography, whose texts may show numbers
        raise Malformed(f"{kty} key with impossible values") from None


def _names_private_half(jwk: Mapping[str, Any]) -> bool:
    return jwk.get("d") is not None


def _read_rsa(jwk: Mapping[str, Any], private: bool) -> Material:
    n, e = _number(jwk, "n"), _number(jwk, "e")
    bits = n.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise Malformed(f"RSA modulus of {bits} bits")
    if n % 2 == 0 or has_roca_fingerprint(n):
        raise Malformed("RSA modulus is weak")
    if e % 2 == 0 or not 3 <= e < MAX_RSA_EXPONENT:
        raise Malformed("RSA exponent out of range")
    numbers = rsa.RSAPublicNumbers(e, n)
    own = _rsa_private_numbers(jwk, numbers) if private else None
    return Material(
        public=numbers.public_key(),
        # The library's own validation takes 40 ms with the lock held; ours covers the same relations.
        private=own.private_key(unsafe_skip_rsa_key_validation=True) if own else None,
        members={"kty": "RSA", "n": _text(n), "e": _text(e)},
        private_members=_rsa_private_members(own) if own else {},
        sizes=dict.fromkeys(RSA, (bits + 7) // 8),
    )


def _rsa_private_numbers(jwk: Mapping[str, Any], public: rsa.RSAPublicNumbers) -> rsa.RSAPrivateNumbers:
    """RFC 7518 section 6.3.2; a key without primes gets them computed. Refuses halves that don't match."""
    if "oth" in jwk:
        raise Malformed("RSA keys with more than two primes are not supported")
    n, e, d = public.n, public.e, _number(jwk, "d")
    if any(name in jwk for name in _RSA_PRIMES):
        p, q, dp, dq, qi = (_number(jwk, name) for name in _RSA_PRIMES)
    elif d < n and pow(pow(2, e, n), d, n) == 2:  # else the search for the primes may not end
        p, q = rsa.rsa_recover_prime_factors(n, e, d)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    else:
        raise Malformed("public and private half do not match")
    if min(p, q) < 3 or p * q != n or (e * d - 1) % (p - 1) or (e * d - 1) % (q - 1):
        raise Malformed("public and private half do not match")
    if dp != d % (p - 1) or dq != d % (q - 1) or qi * q % p != 1:
        raise Malformed("RSA key with inconsistent private members")
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public)


def _rsa_private_members(numbers: rsa.RSAPrivateNumbers) -> dict[str, str]:
    primes = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    return {"d": _text(numbers.d)} | dict(zip(_RSA_PRIMES, map(_text, primes), strict=True))


def _read_ec(jwk: Mapping[str, Any], private: bool) -> Material:
    crv = _ec_curve(jwk)
    curve = _CURVES[crv]
    size = (curve.key_size + 7) // 8
    x, y = _coordinate(jwk, "x", size), _coordinate(jwk, "y", size)
    numbers = ec.EllipticCurvePublicNumbers(x, y, curve)
    public = numbers.public_key()  # raises when the point is not on its curve
    own, own_members = None, {}
    if private:
        d = _coordinate(jwk, "d", size)
        own, own_members = ec.derive_private_key(d, curve), {"d": _text(d, size)}
        if own.public_key().public_numbers() != numbers:
            raise Malformed("public and private half do not match")
    members = {"kty": "EC", "crv": crv, "x": _text(x, size), "y": _text(y, size)}
    return Material(public, own, members, own_members, {_ALGORITHM_OF_CURVE[crv]: 2 * size}, crv)


def _ec_curve(jwk: Mapping[str, Any]) -> str:
    """Some providers leave `crv` out although RFC 7518 section 6.2.1.1 asks for it: then the algorithm
    tells, or it is P-256; the point has to lie on that curve."""
    alg = jwk.get("alg", "ES256")
    crv = jwk.get("crv", _CURVE_OF_ALGORITHM.get(alg) if isinstance(alg, str) else None)
    if not isinstance(crv, str) or crv not in _CURVES:
        raise Malformed("crv is missing or not supported")
    return crv


def _read_okp(jwk: Mapping[str, Any], private: bool) -> Material:
    crv = jwk.get("crv")
    if not isinstance(crv, str) or crv not in _EDWARDS_SIZES:
        raise Malformed("crv is missing or not supported")
    x, size = _octets(jwk, "x"), _EDWARDS_SIZES[crv]
    if len(x) != size or has_small_order(x):
        raise Malformed(f"{crv} key with an impossible point")
    own, own_members = None, {}
    if private:
        d = _octets(jwk, "d")
        own, own_members = _edwards_private(crv, d), {"d": encode_base64url(d)}
        if own.public_key().public_bytes_raw() != x:
            raise Malformed("public and private half do not match")
    members = {"kty": "OKP", "crv": crv, "x": encode_base64url(x)}
    return Material(_edwards_public(crv, x), own, members, own_members, {"EdDSA": 2 * size}, crv)


def _edwards_public(crv: str, x: bytes) -> ed25519.Ed25519PublicKey | ed448.Ed448PublicKey:
    if crv == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(x)
    return ed448.Ed448PublicKey.from_public_bytes(x)


def _edwards_private(crv: str, d: bytes) -> ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey:
    if crv == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(d)
    return ed448.Ed448PrivateKey.from_private_bytes(d)


def _read_oct(jwk: Mapping[str, Any], _private: bool) -> Material:
    """RFC 7518 section 3.2: a secret at least as long as the hash. Key text is no secret."""
    secret = _octets(jwk, "k")
    sizes = {name: hmac.hash_size for name, hmac in HMAC.items() if hmac.hash_size <= len(secret)}
    if not sizes:
        raise Malformed(f"HMAC key of {len(secret)} bytes")
    if is_key_text(secret):
        raise Malformed("HMAC key that is the text of another key")
    return Material(secret, secret, {"kty": "oct"}, {"k": encode_base64url(secret)}, sizes)


_READERS: dict[str, Callable[[Mapping[str, Any], bool], Material]] = {
    "RSA": _read_rsa,
    "EC": _read_ec,
    "OKP": _read_okp,
    "oct": _read_oct,
}


def _octets(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing or not text")
    try:
        return decode_base64url(value)
    except Malformed:
        raise Malformed(f"{name} is not base64url") from None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_octets(jwk, name))


def _coordinate(jwk: Mapping[str, Any], name: str, size: int) -> int:
    """Leading zero octets may be missing (some libraries drop them), but none may be added."""
    octets = _octets(jwk, name)
    if len(octets) > size:
        raise Malformed(f"{name} is too long")
    return int.from_bytes(octets)


def _text(number: int, size: int = 0) -> str:
    return encode_base64url(number.to_bytes(size or (number.bit_length() + 7) // 8))
