"""Whatever a client sends as a proof, a certificate or a URI: a refusal of our own, or nothing."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.proofs import Proof
from conformance.tokens import segment
from jwt_signer_mw.binding.bond import read_bond
from jwt_signer_mw.binding.certificates import FORMS, thumbprint_in_header, thumbprint_of_pem
from jwt_signer_mw.binding.nonces import Nonces
from jwt_signer_mw.binding.proofs import read_proof
from jwt_signer_mw.binding.refusals import CertificateInvalid, ProofInvalid
from jwt_signer_mw.binding.uris import Origins, read_uri
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ClaimMalformed

ALGORITHMS = ("ES256", "EdDSA", "RS256")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "x5c"])
KEYS = st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "alg", "use"]), JSON)


@given(st.text())
def test_any_text_is_no_proof(text: str) -> None:
    with pytest.raises(ProofInvalid):
        read_proof(text, ALGORITHMS)


@given(st.dictionaries(NAMES, JSON), KEYS, JSON)
def test_any_header_and_payload_are_no_proof(header: dict[str, object], jwk: object, payload: object) -> None:
    whole = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, **header}
    text = ".".join([segment(json.dumps(part).encode()) for part in (whole, payload)] + [segment(b"x" * 64)])
    with pytest.raises(ProofInvalid):
        read_proof(text, ALGORITHMS)


@given(st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "exp"]), JSON))
def test_any_claims_are_read_or_refused(claims: dict[str, object]) -> None:
    with contextlib.suppress(ProofInvalid):
        proof = read_proof(str(Proof("a token", claims)), ALGORITHMS)
        assert all(isinstance(text, str) for text in (proof.jti, proof.htm, proof.htu))


@given(st.integers(0, 400), st.integers(0, 255))
def test_no_octet_of_a_proof_can_be_changed(place: int, octet: int) -> None:
    text = str(Proof("a token"))
    place = place * len(text) // 401
    changed = text[:place] + chr(octet) + text[place + 1 :]
    if changed != text:
        with pytest.raises(ProofInvalid):
            read_proof(changed, ALGORITHMS)


@given(st.sampled_from(sorted(FORMS)), st.text() | st.from_regex(r"(Hash|Cert|By)=[^\n]*"))
def test_any_header_is_a_certificate_or_refused(form: str, value: str) -> None:
    with contextlib.suppress(CertificateInvalid):
        assert len(thumbprint_in_header(value, form)) == 43
    with contextlib.suppress(CertificateInvalid):
        assert len(thumbprint_of_pem(value)) == 43


@given(st.text() | st.from_regex(r"https?://[^\n]*"), st.text(), st.text())
def test_any_uri_is_compared(uri: str, host: str, path: str) -> None:
    found = read_uri(uri)
    assert found is None or found.path.startswith("/")
    assert Origins(()).fits(uri, "https", host, path) in (True, False)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{32}"))
def test_any_text_is_no_nonce(text: str) -> None:
    assert not Nonces("a secret", Clock()).is_good(text)


@given(JSON, JSON)
def test_any_cnf_is_read_or_refused(one: object, other: object) -> None:
    with contextlib.suppress(ClaimMalformed):
        bond = read_bond(one, other)
        assert all(member is None or isinstance(member, str) for member in bond)
