"""One key: what it may be used for, and its prebuilt primitives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from jwt_signer_mw.algorithms import ALGORITHMS
from jwt_signer_mw.errors import SigningFailed, StoreError
from jwt_signer_mw.jose.material import Material, read_material
from jwt_signer_mw.jose.primitives import build_primitive
from jwt_signer_mw.wire import Malformed, dump_json, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.jose.primitives import Primitive

_SURROGATE = re.compile("[\ud800-\udfff]")  # no text: only a mapping made by a program can hold one


class Signer(Protocol):
    """Signs with one algorithm."""

    def sign(self, message: bytes, /) -> bytes: ...


class Elsewhere(NamedTuple):
    """Has a signature made where the private half is: `ask` gets the algorithm and the message."""

    ask: Callable[[str, bytes], bytes]
    alg: str

    def sign(self, message: bytes, /) -> bytes:
        return self.ask(self.alg, message)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """An immutable key. Its primitives are built when it is loaded, never when it is used.

    `kid` and `alg` are as declared, `thumbprint` is the one of RFC 7638. `is_elsewhere`: the private half
    is, and a signature takes a way there and back.
    """

    kty: str
    crv: str | None
    kid: str | None
    alg: str | None
    thumbprint: str
    is_private: bool
    _members: dict[str, str]
    _private_members: dict[str, str]
    _verifiers: Mapping[str, tuple[Primitive, int]]  # with the exact length of a signature in bytes
    _signers: Mapping[str, Signer]
    is_elsewhere: bool = False

    def __repr__(self) -> str:
        return f"<Key {self.kty} kid={self.kid!r} alg={self.alg!r} private={self.is_private}>"

    @property
    def algorithms(self) -> Iterable[str]:
        """The algorithms that it verifies with."""
        return self._verifiers

    @property
    def published_kid(self) -> str:
        """What a token signed with this key names: its own `kid`, else the thumbprint."""
        return self.kid if self.kid is not None else self.thumbprint

    def fits(self, alg: str) -> bool:
        """Whether kty, crv, alg, use and key_ops all allow to verify with this algorithm."""
        return alg in self._verifiers

    def signature_size(self, alg: str) -> int:
        """The exact length of a signature in bytes; 0 for an algorithm that does not fit."""
        verifier = self._verifiers.get(alg)
        return 0 if verifier is None else verifier[1]

    def can_sign(self, alg: str) -> bool:
        """Whether there is a private half and everything the key declares allows to sign with it."""
        return alg in self._signers

    def verify(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Whether the signature has the exact length (RFC 7518 section 3) and is good. Never raises."""
        verifier = self._verifiers.get(alg)
        if verifier is None or len(signature) != verifier[1]:
            return False
        try:
            return verifier[0].verify(message, signature)
        except Exception:  # noqa: BLE001  whatever a backend thinks of these bytes, they are not accepted
            return False

    def sign(self, alg: str, message: bytes) -> bytes:
        """The signature in the form of RFC 7518 section 3. Raises `SigningFailed`; `StoreError` for a key
        elsewhere that can't be reached. What comes from elsewhere is checked before anybody gets it."""
        signer = self._signers.get(alg)
        if signer is None:
            raise SigningFailed(f"the key does not sign with {alg}")
        try:
            signature = signer.sign(message)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  the backend's own text could show key material
            raise SigningFailed(f"{type(error).__name__} while signing with {alg}") from None
        if self.is_elsewhere and not self.verify(alg, message, signature):
            raise SigningFailed(f"what came from elsewhere is no signature with {alg}")
        return signature

    def public_jwk(self) -> dict[str, str]:
        """No private member, ever. Raises `ValueError` for an oct key, which has no public half."""
        if self.kty == "oct":
            raise ValueError("an oct key has no public half")
        return self._description() | self._members

    def private_jwk(self) -> dict[str, str]:
        """The whole key, to be stored. Raises `ValueError` when there is no private half."""
        if not self.is_private:
            raise ValueError("the key has no private half")
        return self._description() | self._members | self._private_members

    def _description(self) -> dict[str, str]:
        alg = {} if self.alg is None else {"alg": self.alg}
        return {"kid": self.published_kid, "use": "sig"} | alg


def load_key(jwk: Mapping[str, Any], *, symmetric: bool = False, private: bool = True) -> Key:
    """A key from its JWK (RFC 7517). Raises `Malformed` when it can neither verify nor sign here.

    `symmetric` admits oct keys; without `private` the private half of a key is left behind.
    """
    if not isinstance(jwk, Mapping):
        raise Malformed("not a JWK object")
    if jwk.get("kty") == "oct" and not symmetric:
        raise Malformed("oct keys are not accepted here")
    if jwk.get("use", "sig") != "sig":
        raise Malformed("use is not sig")
    kid, alg, operations = _optional_text(jwk, "kid"), _optional_text(jwk, "alg"), _operations(jwk)
    if alg is not None and alg not in ALGORITHMS:
        raise Malformed("alg is not a supported signature algorithm")
    material = read_material(jwk, private=private)
    if alg is not None and alg not in material.sizes:
        raise Malformed(f"{material.members['kty']} key that does not fit its alg")
    return _build_key(material, kid, alg, operations)


def bind_key(jwk: Mapping[str, Any], ask: Callable[[str, bytes], bytes]) -> Key:
    """A key of which only the public half is here. `ask` returns a signature in the form of RFC 7518.

    Raises `Malformed` like `load_key`.
    """
    public = load_key(jwk, private=False)
    signers = {alg: Elsewhere(ask, alg) for alg in public.algorithms}
    return replace(public, _signers=signers, is_elsewhere=True)


def _build_key(material: Material, kid: str | None, alg: str | None, operations: frozenset[str]) -> Key:
    secret = material.private if "sign" in operations else None
    if secret is None and "verify" not in operations:
        raise Malformed("key_ops allow neither verify nor sign")
    sizes = material.sizes if alg is None else {alg: material.sizes[alg]}
    verifiers = {name: (build_primitive(material.public, name), size) for name, size in sizes.items()}
    return Key(
        kty=material.members["kty"],
        crv=material.crv,
        kid=kid,
        alg=alg,
        thumbprint=_thumbprint(material),
        is_private=material.private is not None,
        _members=material.members,
        _private_members=material.private_members,
        _verifiers=verifiers if "verify" in operations else {},
        _signers={name: build_primitive(secret, name) for name in sizes} if secret is not None else {},
    )


def _thumbprint(material: Material) -> str:
    """RFC 7638 section 3: the required members in the order of their names."""
    secret = material.private_members if material.members["kty"] == "oct" else {}
    required = sorted((material.members | secret).items())
    return encode_base64url(sha256(dump_json(dict(required))).digest())


def _optional_text(jwk: Mapping[str, Any], name: str) -> str | None:
    if name not in jwk:
        return None
    value = jwk[name]
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise Malformed(f"{name} is not text")
    return value


def _operations(jwk: Mapping[str, Any]) -> frozenset[str]:
    """RFC 7517 section 4.3: absent means anything; each operation may be named once."""
    if "key_ops" not in jwk:
        return frozenset({"verify", "sign"})
    value = jwk["key_ops"]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Malformed("key_ops is not a list of text")
    if len(set(value)) != len(value):
        raise Malformed("key_ops repeats an operation")
    return frozenset(value)
