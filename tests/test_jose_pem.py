"""Keys from PEM files."""

from __future__ import annotations

import datetime
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from jwt_signer_mw.jose import load_keyset, load_pem
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from pathlib import Path

    from jwt_signer_mw.jose.primitives import PrivateKey

RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, PrivateKey] = {
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
MESSAGE = b"message"


def private_pem(
    key: PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def public_pem(key: PrivateKey, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, form)


def certificate_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Self-signed, and out of date since 2001."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
    builder = builder.not_valid_after(datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("alg", KEYS)
def test_private_keys_sign_and_public_keys_verify(alg: str) -> None:
    (private,) = load_pem(private_pem(KEYS[alg])).keys
    (public,) = load_pem(public_pem(KEYS[alg])).keys
    assert private.is_private
    assert not public.is_private
    assert (private.kid, private.alg) == (None, None)
    assert private.thumbprint == public.thumbprint == public.published_kid
    assert public.verify(alg, MESSAGE, private.sign(alg, MESSAGE))


def test_traditional_forms() -> None:
    assert load_pem(private_pem(RSA, PrivateFormat.TraditionalOpenSSL)).signer("PS512")
    assert load_pem(private_pem(KEYS["ES384"], PrivateFormat.TraditionalOpenSSL)).signer("ES384")
    assert load_pem(public_pem(RSA, PublicFormat.PKCS1)).candidates("RS256", None)


def test_ed448() -> None:
    assert load_pem(private_pem(ed448.Ed448PrivateKey.generate())).signer("EdDSA")


def test_a_certificate_is_its_public_key() -> None:
    (key,) = load_pem(certificate_pem(RSA)).keys
    assert key.thumbprint == load_pem(public_pem(RSA)).keys[0].thumbprint
    (by_kid,) = load_keyset({"2011": certificate_pem(RSA).decode()}).keys
    assert (by_kid.kid, by_kid.thumbprint) == ("2011", key.thumbprint)


def test_of_a_key_and_its_certificate_the_key_stays() -> None:
    keys = load_pem(certificate_pem(RSA) + private_pem(RSA) + public_pem(KEYS["ES256"]))
    assert [(key.kty, key.is_private) for key in keys.keys] == [("RSA", True), ("EC", False)]
    assert not keys.unusable


def test_several_blocks_with_text_around_them() -> None:
    text = b"# the first\n%b\n\nBag Attributes: x\r\n%b" % (public_pem(RSA), public_pem(KEYS["EdDSA"]))
    assert [key.kty for key in load_pem(text).keys] == ["RSA", "OKP"]
    assert [key.kty for key in load_pem(text.replace(b"\n", b"\r\n")).keys] == ["RSA", "OKP"]


def test_a_file_written_by_openssl(tmp_path: Path) -> None:
    """With its EC PARAMETERS block in front."""
    path = tmp_path / "key.pem"
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the command openssl is not installed")
    assert b"EC PARAMETERS" in path.read_bytes()
    keys = load_pem(path.read_bytes())
    assert keys.signer("ES256")
    assert not keys.unusable


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no PEM",
        b"-----BEGIN PUBLIC KEY-----",
        b"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PRIVATE KEY-----",
        b"-----END PUBLIC KEY-----",
        b"\xff\xfe\0",
    ],
)
def test_no_pem(text: bytes) -> None:
    with pytest.raises(Malformed, match="PEM"):
        load_pem(text)


def test_blocks_that_can_not_be_used() -> None:
    encrypted = private_pem(RSA, encryption=BestAvailableEncryption(b"passphrase"))
    traditional = private_pem(RSA, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"passphrase"))
    blocks = {
        b"-----BEGIN PUBLIC KEY-----\nbad\n-----END PUBLIC KEY-----\n": "unreadable PEM block",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "unreadable PEM block",
        public_pem(RSA).replace(b"PUBLIC KEY", b"CERTIFICATE KEY"): "PEM block of an unsupported type",
        encrypted: "PEM block of an unsupported type",
        traditional: "unreadable PEM block",
        dsa.generate_private_key(1024)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo): "key type is not supported",
        x25519.X25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo): "key type is not supported",
        public_pem(ec.generate_private_key(ec.SECP256K1())): "curve is not supported",
        public_pem(rsa.generate_private_key(65537, 1024)): "RSA modulus of 1024 bits",
    }
    keys = load_pem(b"".join(blocks) + public_pem(KEYS["ES256"]))
    assert [key.kty for key in keys.keys] == ["EC"]
    assert keys.unusable == tuple(f"keys[{index}]: {text}" for index, text in enumerate(blocks.values()))


def test_a_key_set_document_may_be_pem() -> None:
    assert load_keyset(public_pem(RSA)).candidates("RS256", None)
    assert load_keyset(b"\n" + private_pem(RSA), private=False).signer("RS256") is None
