"""Named test keys and the documents made of them. They are generated once per test run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt.algorithms import Algorithm

_PREFIXES: Final[Mapping[str, Callable[[], Any]]] = {
    "weak": lambda: rsa.generate_private_key(65537, 1024),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed": ed25519.Ed25519PrivateKey.generate,
    "oct": lambda: secrets.token_bytes(64),
}
_JWK_ALGORITHM: Final = {
    "weak": "RS256",
    "rsa": "RS256",
    "p256": "ES256",
    "p384": "ES384",
    "p521": "ES512",
    "ed": "EdDSA",
    "oct": "HS256",
}


def _prefix(name: str) -> str:
    return next(prefix for prefix in _PREFIXES if name.startswith(prefix))


@cache
def private_key(name: str) -> Any:
    """The key of that name: its start says the kind (`rsa1`, `p256`...), every name is another key."""
    return _PREFIXES[_prefix(name)]()


@cache
def algorithm(alg: str) -> Algorithm:
    """PyJWT's implementation of a JWS algorithm: the second opinion that signs and verifies here."""
    return jwt.get_algorithm_by_name(alg)


@cache
def _members(name: str, private: bool) -> dict[str, Any]:
    key = private_key(name)
    material = key if isinstance(key, bytes) or private else key.public_key()
    jwk: dict[str, Any] = dict(algorithm(_JWK_ALGORITHM[_prefix(name)]).to_jwk(material, as_dict=True))
    jwk.pop("key_ops", None)
    return jwk


@dataclass(frozen=True, slots=True)
class Jwk:
    """A JWK of a named key. Its `kid` is the name; `members` overrides and adds, None leaves out."""

    name: str
    members: Mapping[str, object] = field(default_factory=dict)
    private: bool = False

    def as_json(self) -> dict[str, object]:
        jwk = {"kid": self.name, **_members(self.name, self.private), **self.members}
        return {name: value for name, value in jwk.items() if value is not None}


@dataclass(frozen=True, slots=True)
class JwkSet:
    """The document `{"keys": [...]}`; entries that are neither names nor `Jwk` go in as they are."""

    keys: tuple[object, ...]

    def as_json(self) -> dict[str, object]:
        return {"keys": [Jwk(key).as_json() if isinstance(key, str) else key for key in self.keys]}


@dataclass(frozen=True, slots=True)
class Pem:
    """The PKCS #8 text of a named private key, or the text of its public half."""

    name: str
    public: bool = False

    def as_bytes(self) -> bytes:
        key, encoding = private_key(self.name), serialization.Encoding.PEM
        if self.public:
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            return bytes(key.public_key().public_bytes(encoding, form))
        plain = serialization.NoEncryption()
        return bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))


def jwks(*keys: object) -> JwkSet:
    """A public set, keys given by name or as `Jwk`."""
    return JwkSet(keys)


def signing(name: str, alg: str, **members: object) -> Jwk:
    """A private JWK for signing sets."""
    return Jwk(name, {"alg": alg, **members}, private=True)
