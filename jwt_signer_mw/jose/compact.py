"""Signing and verifying compact tokens (RFC 7515 sections 5.1 and 5.2), whatever their payload is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.algorithms import ALGORITHMS, SYMMETRIC
from jwt_signer_mw.errors import AlgorithmNotAllowed, KeyUnknown, SignatureInvalid, TokenMalformed
from jwt_signer_mw.jose.keyset import KeySet, load_keyset
from jwt_signer_mw.tokens.compact import Compact, split_compact
from jwt_signer_mw.wire import Malformed, dump_json, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jwt_signer_mw.jose.key import Key


def verify_compact(
    token: str | bytes, jwks: KeySet | Mapping[str, Any] | bytes | str, *, algorithms: Collection[str]
) -> bytes:
    """The payload of a token whose signature is good. Raises a `Refusal`, and nothing else.

    HS* count only when `algorithms` names them; secrets count in a `KeySet` that was loaded with them,
    or in a document that holds nothing else. A set that can't be read has no key: `KeyUnknown`.
    """
    allowed = frozenset((algorithms,) if isinstance(algorithms, str) else algorithms)
    compact = split_compact(_text(token))
    verify_signature(compact, _keyset(jwks, allowed), algorithms=allowed)
    return compact.payload


def verify_signature(compact: Compact, keyset: KeySet, *, algorithms: Collection[str]) -> Key:
    """The key that made the signature. Raises `AlgorithmNotAllowed`, `KeyUnknown` or `SignatureInvalid`."""
    if compact.alg not in algorithms or compact.alg not in ALGORITHMS:
        raise AlgorithmNotAllowed("alg is not in the list")
    key = find_signer(compact, keyset)
    if key is not None:
        return key
    if keyset.candidates(compact.alg, compact.kid):
        raise SignatureInvalid("no key of the set made this signature")
    raise KeyUnknown("no key of the set fits kid and alg")


def find_signer(compact: Compact, keyset: KeySet) -> Key | None:
    """The key of the set that made the signature; None where none of those that fit did."""
    alg = compact.alg
    for key in keyset.candidates(alg, compact.kid):
        if key.verify(alg, compact.signing_input, compact.signature):
            return key
    return None


def sign_compact(payload: bytes, key: Key, alg: str, *, typ: str = "JWT") -> str:
    """A token whose header holds alg, kid and typ, nothing else. Raises `SigningFailed`."""
    signing_input = f"{_header(alg, key.published_kid, typ)}.{encode_base64url(payload)}"
    return f"{signing_input}.{encode_base64url(key.sign(alg, signing_input.encode('ascii')))}"


@lru_cache(maxsize=256)
def _header(alg: str, kid: str, typ: str) -> str:
    return encode_base64url(dump_json({"alg": alg, "kid": kid, "typ": typ}))


def _text(token: object) -> str:
    if isinstance(token, bytes):
        return token.decode("latin-1")
    if not isinstance(token, str):
        raise TokenMalformed("not text")
    return token


def _keyset(jwks: KeySet | Mapping[str, Any] | bytes | str, allowed: frozenset[str]) -> KeySet:
    if isinstance(jwks, KeySet):
        return jwks
    try:
        keyset = load_keyset(jwks, symmetric=not SYMMETRIC.isdisjoint(allowed), private=False)
    except Malformed as error:
        raise KeyUnknown(f"key set: {error}") from None
    public = [key for key in keyset.keys if key.kty != "oct"]
    return KeySet(public) if 0 < len(public) < len(keyset.keys) else keyset
