"""Keys of a PKCS#11 device (a hardware security module, a smart card, SoftHSM), by python-pkcs11."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_ec_public_key

from jwt_signer_mw.algorithms import ALGORITHMS
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.jose import bind_key, to_jwk
from jwt_signer_mw.settings.vault_addresses import Token, read_address
from jwt_signer_mw.vaults.sessions import open_session
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from jwt_signer_mw.jose import Key

ED25519_SIZE = 32  # bytes of a public key (RFC 8032)

_RSA: Final = {
    "RS256": (Mechanism.SHA256_RSA_PKCS, None),
    "RS384": (Mechanism.SHA384_RSA_PKCS, None),
    "RS512": (Mechanism.SHA512_RSA_PKCS, None),
    "PS256": (Mechanism.SHA256_RSA_PKCS_PSS, (Mechanism.SHA256, MGF.SHA256, 32)),
    "PS384": (Mechanism.SHA384_RSA_PKCS_PSS, (Mechanism.SHA384, MGF.SHA384, 48)),
    "PS512": (Mechanism.SHA512_RSA_PKCS_PSS, (Mechanism.SHA512, MGF.SHA512, 64)),
}

Handles = dict[bytes, Any]


def open_url(url: str, _timeout: float) -> Device:
    address = read_address(url)
    assert isinstance(address, Token)  # noqa: S101  by its scheme
    return Device(address)


class Device:
    """The keys of one token that have one label."""

    def __init__(self, address: Token) -> None:
        self._address = address
        self._session = open_session(address.module, address.label, address.pin_source)

    def read(self) -> list[Key]:
        """Raises `StoreError`."""
        return self._session.use(self._read)

    def _read(self, session: Any, _handles: Handles) -> list[Key]:
        address = self._address
        template = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: address.object}
        ids = sorted({bytes(found[Attribute.ID]) for found in session.get_objects(template)}, reverse=True)
        ids.sort(key=lambda one: one != address.id)  # stable: the one that is named comes first
        if not ids or (address.id is not None and ids[0] != address.id):
            raise StoreError(f"the device has no key {address.object!r} as it is asked for")
        return [bind_key(_public(session, one), partial(self._sign, one)) for one in ids]

    def _sign(self, key_id: bytes, alg: str, message: bytes) -> bytes:
        """In the form of RFC 7518 section 3. Raises `StoreError`."""
        return self._session.use(partial(_sign, key_id, alg, message))


def _sign(key_id: bytes, alg: str, message: bytes, session: Any, handles: Handles) -> bytes:
    key = _private(key_id, session, handles)
    if alg in _RSA:
        mechanism, parameters = _RSA[alg]
        return bytes(key.sign(message, mechanism=mechanism, mechanism_param=parameters))
    if alg == "EdDSA":
        return bytes(key.sign(message, mechanism=Mechanism.EDDSA))
    digest = hashlib.new(f"sha{ALGORITHMS[alg].hash_size * 8}", message).digest()
    return bytes(key.sign(digest, mechanism=Mechanism.ECDSA))


def _private(key_id: bytes, session: Any, handles: Handles) -> Any:
    if key_id not in handles:
        found = _find(session, ObjectClass.PRIVATE_KEY, key_id)
        if found is None:
            raise StoreError(f"the device has no key {key_id.hex()} any more")
        handles[key_id] = found
    return handles[key_id]


def _public(session: Any, key_id: bytes) -> dict[str, str]:
    """The public half, as a JWK: an object beside the private one."""
    found = _find(session, ObjectClass.PUBLIC_KEY, key_id)
    if found is None:
        raise StoreError(f"the device shows no public half of the key {key_id.hex()}")
    try:
        return to_jwk(_load(found))
    except (Malformed, ValueError) as error:
        raise StoreError(f"a key that can't be used: {type(error).__name__}") from None


def _find(session: Any, kind: ObjectClass, key_id: bytes) -> Any:
    template = {Attribute.CLASS: kind, Attribute.ID: key_id}
    return next(iter(session.get_objects(template)), None)


def _load(public: Any) -> Any:
    kind = public[Attribute.KEY_TYPE]
    if kind == KeyType.RSA:
        numbers = (int.from_bytes(public[one]) for one in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
        return rsa.RSAPublicNumbers(*numbers).public_key()
    if kind == KeyType.EC:
        return load_der_public_key(encode_ec_public_key(public))
    if kind == KeyType.EC_EDWARDS:  # the point is a DER octet string, or bare
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes(public[Attribute.EC_POINT])[-ED25519_SIZE:])
    raise Malformed("a key of another kind")
