"""The only file that imports python-jose: one prebuilt key object of that library per algorithm.

python-jose is only ever handed keys of `cryptography` and `oct` JWKs, never text: its own loaders
take a public key for an HMAC secret. PS* and EdDSA, which it lacks, are registered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jose import jwk
from jose.backends.base import Key as JoseKey
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey
from jose.exceptions import JWKError

from jwt_signer_mw.wire import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

PublicKey: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)
KeyMaterial: TypeAlias = PublicKey | PrivateKey | bytes  # bytes: an HMAC secret
Primitive: TypeAlias = JoseKey

_RSA = (rsa.RSAPublicKey, rsa.RSAPrivateKey)
_EDWARDS = (
    ed25519.Ed25519PublicKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PublicKey,
    ed448.Ed448PrivateKey,
)
# RFC 8032 sections 5.1.7 and 5.2.7, by the length of a signature: S must be lower than the order.
_ORDERS = {
    64: 2**252 + 27742317777372353535851937790883648493,
    114: 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
}


class _RSAKey(CryptographyRSAKey):
    """The library's own, but for a hash and a padding that it makes anew for every signature."""

    def __init__(self, key: Any, algorithm: str) -> None:
        super().__init__(key, algorithm)
        self._hash = self.hash_alg()
        self._padding = padding.PKCS1v15()

    def sign(self, msg: bytes) -> bytes:
        return cast("bytes", self.prepared_key.sign(msg, self._padding, self._hash))

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self.prepared_key.verify(sig, msg, self._padding, self._hash)
        except InvalidSignature:
            return False
        return True


class _ECKey(CryptographyECKey):
    """The library's own, but for what it asks the curve about every signature."""

    def __init__(self, key: Any, algorithm: str) -> None:
        super().__init__(key, algorithm)
        self._ecdsa = ec.ECDSA(self.hash_alg())
        self._size = (key.key_size + 7) // 8

    def sign(self, msg: bytes) -> bytes:
        r, s = decode_dss_signature(self.prepared_key.sign(msg, self._ecdsa))
        return r.to_bytes(self._size) + s.to_bytes(self._size)


class _PSSKey(JoseKey):
    """RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as the hash."""

    def __init__(self, key: Any, algorithm: str) -> None:
        self._key = _expect(key, _RSA)
        self._hash = {"PS256": hashes.SHA256(), "PS384": hashes.SHA384(), "PS512": hashes.SHA512()}[algorithm]
        self._padding = padding.PSS(padding.MGF1(self._hash), self._hash.digest_size)

    def sign(self, msg: bytes) -> bytes:
        return cast("bytes", self._key.sign(msg, self._padding, self._hash))

    def verify(self, msg: bytes, sig: bytes) -> bool:
        try:
            self._key.verify(sig, msg, self._padding, self._hash)
        except InvalidSignature:
            return False
        return True


class _EdwardsKey(JoseKey):
    """RFC 8037 section 3.1, for Ed25519 and Ed448."""

    def __init__(self, key: Any, _algorithm: str) -> None:
        self._key = _expect(key, _EDWARDS)

    def sign(self, msg: bytes) -> bytes:
        return cast("bytes", self._key.sign(msg))

    def verify(self, msg: bytes, sig: bytes) -> bool:
        order = _ORDERS.get(len(sig), 0)
        if int.from_bytes(sig[len(sig) // 2 :], "little") >= order:
            return False
        try:
            self._key.verify(sig, msg)
        except InvalidSignature:
            return False
        return True


def _expect(key: Any, classes: tuple[type, ...]) -> Any:
    """Registered classes serve every user of python-jose in the process: text stays no key here either."""
    if not isinstance(key, classes):
        raise JWKError("expected a key object of the cryptography library")
    return key


for _name in ("PS256", "PS384", "PS512"):
    jwk.register_key(_name, _PSSKey)
jwk.register_key("EdDSA", _EdwardsKey)


# Not registered: other users of the library get the library's own.
_SWIFT: dict[str, Callable[[Any, str], JoseKey]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512"), _RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), _ECKey),
}


def build_primitive(material: KeyMaterial, alg: str) -> JoseKey:
    """The library's key object for one algorithm; the material is known to fit it."""
    if isinstance(material, bytes):
        return jwk.construct({"kty": "oct", "k": encode_base64url(material)}, alg)
    if alg in _SWIFT:
        return _SWIFT[alg](material, alg)
    return jwk.construct(cast("Any", material), alg)
