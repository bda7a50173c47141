"""The raw operations of `cryptography`, which nobody can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from benchmarks.measuring import Case, each
from benchmarks.tokens import PROVIDER_KEY, token
from jwt_signer_mw.wire import decode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

VERIFY = "raw RS256 verify"
_PKCS1, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


def sign_name(alg: str) -> str:
    return f"raw {alg} sign"


def floor_cases() -> list[Case]:
    """One raw verification of a token of ours, and one raw signature with each algorithm worth asking for."""
    message = token(0).rpartition(".")[0].encode()
    return [
        Case(VERIFY, each(_verification())),
        *(Case(sign_name(alg), each(_signature(alg, message))) for alg in _SIGN),
    ]


def _verification() -> Callable[[], object]:
    jwk = PROVIDER_KEY.public_jwk()
    n, e = (int.from_bytes(decode_base64url(jwk[name])) for name in ("n", "e"))
    public = rsa.RSAPublicNumbers(e, n).public_key()
    message, _, signature = token(0).rpartition(".")
    octets, data = decode_base64url(signature), message.encode()
    return lambda: public.verify(octets, data, _PKCS1, _SHA256)


def _rs256(message: bytes) -> Callable[[], object]:
    key = rsa.generate_private_key(65537, 2048)
    return lambda: key.sign(message, _PKCS1, _SHA256)


def _ps256(message: bytes) -> Callable[[], object]:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(_SHA256), 32)
    return lambda: key.sign(message, pss, _SHA256)


def _es256(message: bytes) -> Callable[[], object]:
    key, ecdsa = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(_SHA256)
    return lambda: key.sign(message, ecdsa)


def _eddsa(message: bytes) -> Callable[[], object]:
    key = ed25519.Ed25519PrivateKey.generate()
    return lambda: key.sign(message)


_SIGN: dict[str, Callable[[bytes], Callable[[], object]]] = {
    "RS256": _rs256,
    "PS256": _ps256,
    "ES256": _es256,
    "EdDSA": _eddsa,
}
SIGNING = tuple(_SIGN)


def _signature(alg: str, message: bytes) -> Callable[[], object]:
    return _SIGN[alg](message)
