"""DPoP proofs: form, key and signature (RFC 9449 sections 4.2 and 4.3, points 2 to 7)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.binding.refusals import ProofInvalid
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.jose import ASYMMETRIC, Key, load_key
from jwt_signer_mw.tokens.claims import is_date
from jwt_signer_mw.tokens.compact import read_for
from jwt_signer_mw.wire import Malformed, dump_json, encode_base64url, parse_object

if TYPE_CHECKING:
    from collections.abc import Collection

    from jwt_signer_mw.tokens.compact import Compact

TYP = "dpop+jwt"
MAX_PROOF = 8192  # characters; one with an RSA key of 4096 bits has some 1700
MAX_TEXT = 2048  # characters of a claim
REMEMBERED_KEYS = 512  # a client sends one key with all its proofs

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6


class Proof(NamedTuple):
    """A proof whose signature is good. `thumbprint` is that of its key (RFC 7638)."""

    thumbprint: str
    jti: str
    htm: str
    htu: str
    iat: float
    ath: str | None
    nonce: str | None


def read_proof(text: str, algorithms: Collection[str], option: str = "") -> Proof:
    """The proof in the value of a `DPoP` header. `option` names the list of algorithms.

    Raises `ProofInvalid`.
    """
    if len(text) > MAX_PROOF:
        raise ProofInvalid(f"the proof has {len(text)} characters")
    try:
        compact = read_for(TYP, text)
    except Refusal as refusal:
        raise ProofInvalid(f"the proof is malformed: {refusal.detail}") from None
    if compact.alg not in algorithms or compact.alg not in ASYMMETRIC:
        raise ProofInvalid("the algorithm of the proof is not allowed", option=option)
    key = _key_of(compact)
    if not key.verify(compact.alg, compact.signing_input, compact.signature):
        raise ProofInvalid("the key of the proof did not sign it")
    return _claims_of(compact, key.thumbprint)


def token_hash(token: str) -> str:
    """RFC 9449 section 4.2, `ath`."""
    return encode_base64url(hashlib.sha256(token.encode()).digest())


def _key_of(compact: Compact) -> Key:
    jwk = compact.header.get("jwk")
    if not isinstance(jwk, dict):
        raise ProofInvalid("the header of the proof has no jwk")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise ProofInvalid("the proof shows a private or a symmetric key")
    try:
        return _load(dump_json(jwk))
    except Malformed as problem:
        raise ProofInvalid(f"the jwk of the proof: {problem}") from None


@lru_cache(REMEMBERED_KEYS)
def _load(jwk: bytes) -> Key:
    return load_key(parse_object(jwk), private=False)


def _claims_of(compact: Compact, thumbprint: str) -> Proof:
    try:
        claims = parse_object(compact.payload)
    except Malformed as problem:
        raise ProofInvalid(f"the payload of the proof: {problem}") from None
    jti, htm, htu = (_text(claims, name) for name in ("jti", "htm", "htu"))
    iat = claims.get("iat")
    if not jti or not htm or not htu or not is_date(iat):
        raise ProofInvalid("the proof lacks one of jti, htm, htu and iat")
    return Proof(thumbprint, jti, htm, htu, iat, _text(claims, "ath"), _text(claims, "nonce"))


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
        raise ProofInvalid(f"the claim {name} of the proof is no text, or too long")
    return value
