"""From a key object of `cryptography` to a JWK, so that every key is checked in one place, as a JWK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from jwt_signer_mw.wire import Malformed, encode_base64url

if TYPE_CHECKING:
    from jwt_signer_mw.jose.primitives import PrivateKey

_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def to_jwk(key: object) -> dict[str, str]:
    """The members of a JWK, the private ones included when there are any. Raises `Malformed`."""
    match key:
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            return _public_numbers(key)
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(key.public_bytes_raw())}
        case ed448.Ed448PublicKey():
            return {"kty": "OKP", "crv": "Ed448", "x": encode_base64url(key.public_bytes_raw())}
        case (
            rsa.RSAPrivateKey()
            | ec.EllipticCurvePrivateKey()
            | ed25519.Ed25519PrivateKey()
            | ed448.Ed448PrivateKey()
        ):
            return to_jwk(key.public_key()) | _private_members(key)
        case _:
            raise Malformed("key type is not supported")


def _public_numbers(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> dict[str, str]:
    if isinstance(key, rsa.RSAPublicKey):
        return {"kty": "RSA", "n": _text(key.public_numbers().n), "e": _text(key.public_numbers().e)}
    crv = _CURVE_NAMES.get(key.curve.name)
    if crv is None:
        raise Malformed("curve is not supported")
    return {"kty": "EC", "crv": crv, "x": _text(key.public_numbers().x), "y": _text(key.public_numbers().y)}


def _private_members(key: PrivateKey) -> dict[str, str]:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        return {
            "d": _text(numbers.d),
            "p": _text(numbers.p),
            "q": _text(numbers.q),
            "dp": _text(numbers.dmp1),
            "dq": _text(numbers.dmq1),
            "qi": _text(numbers.iqmp),
        }
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"d": _text(key.private_numbers().private_value)}
    return {"d": encode_base64url(key.private_bytes_raw())}


def _text(number: int) -> str:
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8))
