"""PEM files (RFC 7468): public keys, private keys and certificates, turned into JWKs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from jwt_signer_mw.jose.export import to_jwk
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)


def is_pem(data: bytes) -> bool:
    return data.lstrip().startswith(b"-----BEGIN ")


def read_pem(data: bytes) -> list[dict[str, str] | Malformed]:
    """A JWK for each block, or why there is none. Of a public and a private half, the private one stays.

    The dates and the issuer of a certificate are not looked at: it carries a key, as in a JWKS.
    """
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(data) if match[1] != b"EC PARAMETERS"]
    if not blocks:
        raise Malformed("no PEM block")
    return _without_public_doubles([_read_block(label, block) for label, block in blocks])


def _read_block(label: bytes, block: bytes) -> dict[str, str] | Malformed:
    loader = _LOADERS.get(label)
    if loader is None:
        return Malformed("PEM block of an unsupported type")
    try:
        return to_jwk(loader(block))
    except Malformed as reason:
        return reason
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: a private key with a passphrase
        return Malformed("unreadable PEM block")


def _without_public_doubles(jwks: list[dict[str, str] | Malformed]) -> list[dict[str, str] | Malformed]:
    """Files often hold a private key and its certificate."""
    private = [jwk for jwk in jwks if isinstance(jwk, dict) and "d" in jwk]
    return [
        jwk
        for jwk in jwks
        if not isinstance(jwk, dict) or "d" in jwk or not any(jwk.items() <= own.items() for own in private)
    ]


def _load_private(block: bytes) -> object:
    # What the library would check here, at 40 ms and more, is checked when the JWK is read.
    return load_pem_private_key(block, password=None, unsafe_skip_rsa_key_validation=True)


def _load_certificate(block: bytes) -> object:
    return load_pem_x509_certificate(block).public_key()


_LOADERS: dict[bytes, Callable[[bytes], Any]] = {
    b"PUBLIC KEY": load_pem_public_key,
    b"RSA PUBLIC KEY": load_pem_public_key,
    b"PRIVATE KEY": _load_private,
    b"RSA PRIVATE KEY": _load_private,
    b"EC PRIVATE KEY": _load_private,
    b"CERTIFICATE": _load_certificate,
}
