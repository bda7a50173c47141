"""The seam to python-jose: what it is handed, and what stays as it is for its other users."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jwk
from jose.exceptions import JWKError

from jwt_signer_mw.jose import ASYMMETRIC, SYMMETRIC, generate_key
from jwt_signer_mw.jose.primitives import build_primitive
from parts import ROOT

ED25519 = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)


def test_one_file_imports_python_jose() -> None:
    importers = set()
    for path in (ROOT / "jwt_signer_mw").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(module.split(".")[0] == "jose" for module in modules):
                importers.add(path.relative_to(ROOT).as_posix())
    assert importers == {"jwt_signer_mw/jose/primitives.py"}


@pytest.mark.parametrize("alg", sorted(ASYMMETRIC | SYMMETRIC))
def test_every_algorithm_has_a_primitive_of_python_jose(alg: str) -> None:
    key = generate_key(alg)
    primitive, _ = key._verifiers[alg]
    registered = jwk.get_key(alg)
    assert registered is not None
    assert isinstance(primitive, registered)
    assert primitive.verify(b"message", key._signers[alg].sign(b"message"))


@pytest.mark.parametrize("alg, own", [("PS256", RSA), ("PS512", RSA), ("EdDSA", ED25519)])
def test_registered_classes_take_key_objects_only(alg: str, own: Any) -> None:
    """They serve every user of python-jose in the process, who might hand in anything."""
    pem = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    others: list[Any] = [pem, pem.decode(), b"", "secret", {"kty": "oct", "k": "AAAA"}, None]
    for other in [*others, ec.generate_private_key(ec.SECP256R1())]:
        with pytest.raises(JWKError):
            jwk.construct(other, alg)
    assert build_primitive(own.public_key(), alg).verify(b"m", build_primitive(own, alg).sign(b"m"))


@pytest.mark.parametrize("size", [0, 1, 63, 65, 113, 114])
def test_an_edwards_signature_of_another_size(size: int) -> None:
    assert not build_primitive(ED25519.public_key(), "EdDSA").verify(b"m", bytes(size))
