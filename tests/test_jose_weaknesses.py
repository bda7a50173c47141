"""Keys that are well-formed and still not safe to use."""

from __future__ import annotations

import math
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwt_signer_mw.jose import generate_key, load_key
from jwt_signer_mw.jose.weaknesses import has_roca_fingerprint, has_small_order, is_key_text
from jwt_signer_mw.wire import Malformed, decode_base64url, dump_json, encode_base64url

P25519 = 2**255 - 19
D25519 = -121665 * pow(121666, -1, P25519) % P25519


# The flawed generator's factors are k * PRIMORIAL + (65537 ** a mod PRIMORIAL), and so is their product.
PRIMORIAL = math.prod(p for p in range(2, 168) if all(p % q for q in range(2, p)))


def test_roca() -> None:
    modulus = math.prod(secrets.randbits(700) * PRIMORIAL + pow(65537, n, PRIMORIAL) for n in (12345, 678))
    assert has_roca_fingerprint(modulus)
    assert not has_roca_fingerprint(modulus + 2)


def test_honest_moduli_have_no_roca_fingerprint() -> None:
    for _ in range(500):
        assert not has_roca_fingerprint(secrets.randbits(2048) | 1)


def test_a_key_with_the_roca_fingerprint_is_refused() -> None:
    modulus = pow(65537, 99, PRIMORIAL) + PRIMORIAL * ((1 << 2047) // PRIMORIAL + 2)
    assert modulus % 2
    n = encode_base64url(modulus.to_bytes(256))
    with pytest.raises(Malformed, match="weak"):
        load_key({"kty": "RSA", "n": n, "e": "AQAB"})


def add(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
    """The addition law of RFC 8032 section 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = one, two
    t = D25519 * x1 * x2 * y1 * y2 % P25519
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P25519)
    y = (y1 * y2 + x1 * x2) * pow(1 - t, -1, P25519)
    return x % P25519, y % P25519


def points_of_small_order() -> list[tuple[int, int]]:
    """All eight, from one of order eight."""
    y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    square = (y * y - 1) * pow(D25519 * y * y + 1, -1, P25519) % P25519
    x = pow(square, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != square:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    assert x * x % P25519 == square
    points = [(x, y)]
    for _ in range(7):
        points.append(add(points[-1], points[0]))
    assert points[-1] == (0, 1)
    return points


def test_ed25519_points_of_small_order() -> None:
    points = points_of_small_order()
    assert len(set(points)) == 8
    for x, y in points:
        encoded = (y | (x & 1) << 255).to_bytes(32, "little")
        assert has_small_order(encoded)
        with pytest.raises(Malformed):
            load_key({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(encoded)})
    for unreduced in (P25519, P25519 + 1):
        assert has_small_order(unreduced.to_bytes(32, "little"))


def test_ed448_points_of_small_order() -> None:
    prime = 2**448 - 2**224 - 1
    for y in (0, 1, prime - 1, prime, prime + 1):
        for sign in (0, 1):
            assert has_small_order((y | sign << 455).to_bytes(57, "little"))
    assert not has_small_order((2).to_bytes(57, "little"))


def test_honest_points_have_a_large_order() -> None:
    for _ in range(50):
        assert not has_small_order(decode_base64url(generate_key("EdDSA").public_jwk()["x"]))


def texts_of_public_keys() -> dict[str, bytes]:
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    ec_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = rsa_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without the last newline": pem.rstrip(),
        "PEM with CRLF and a leading blank": b" " + pem.replace(b"\n", b"\r\n"),
        "PKCS#1": rsa_key.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": rsa_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "DER, EC": ec_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "SSH, RSA": rsa_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "SSH, EC": ec_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": dump_json(generate_key("RS256").public_jwk()),
    }


TEXTS = texts_of_public_keys()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_the_text_of_a_key_is_no_secret(text: bytes) -> None:
    assert is_key_text(text)
    with pytest.raises(Malformed, match="text of another key"):
        load_key({"kty": "oct", "k": encode_base64url(text)}, symmetric=True)


@pytest.mark.parametrize(
    "secret",
    [
        b"{" * 32,
        b'{"a":1}' * 8,
        b"\x30" * 64,
        b"\x30\x82" + b"s" * 62,
        b"correct horse battery staple, and more",
    ],
)
def test_a_secret_may_look_odd(secret: bytes) -> None:
    assert not is_key_text(secret)
    assert load_key({"kty": "oct", "k": encode_base64url(secret)}, symmetric=True).fits("HS256")
