"""Client certificates, as servers and proxies tell of them: only their SHA-256 thumbprints are of interest.

Whoever sets the header checked the certificate: here it is only compared with the token's.
"""

from __future__ import annotations

import hashlib
import re
from binascii import a2b_base64
from typing import TYPE_CHECKING
from urllib.parse import unquote

from jwt_signer_mw.binding.refusals import CertificateInvalid
from jwt_signer_mw.wire import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_HEADER = 65_536  # characters

_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
_BARE = re.compile(r"[A-Za-z0-9+/=\s]+")
_PAIR = r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"\s]*)'
_ELEMENT = re.compile(rf"{_PAIR}(?:;{_PAIR})*")
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def thumbprint_of_pem(text: str) -> str:
    """RFC 8705 section 3.1, of the first certificate. Raises `CertificateInvalid`."""
    match = _PEM.match(text)
    if match is None:
        raise CertificateInvalid("no certificate in PEM")
    return _of_base64(match[1])


def thumbprint_in_header(value: str, form: str) -> str:
    """From a header in one of `FORMS`. Several certificates are refused: a client may have added one.

    Raises `CertificateInvalid`.
    """
    if len(value) > MAX_HEADER:
        raise CertificateInvalid(f"{len(value)} characters of a certificate")
    return FORMS[form](value)


def _read_structured(value: str) -> str:
    """RFC 9440 section 2.2: `:base64:`."""
    if len(value) < 2 or value[0] != ":" or value[-1] != ":" or _BARE.fullmatch(value[1:-1]) is None:
        raise CertificateInvalid("no value of RFC 9440")
    return _of_base64(value[1:-1])


def _read_pem(value: str) -> str:
    """PEM, percent-encoded or folded, or the base64 in it alone: nginx, Traefik, HAProxy."""
    text = unquote(value)
    match = _PEM.fullmatch(text)
    if match is None and _BARE.fullmatch(text) is None:
        raise CertificateInvalid("not one certificate in PEM")
    return _of_base64(match[1] if match else text)


def _read_xfcc(value: str) -> str:
    """One element of Envoy's header, as `SANITIZE_SET` writes it; `Hash` is the thumbprint in hex."""
    if _ELEMENT.fullmatch(value) is None:
        raise CertificateInvalid("not one element of X-Forwarded-Client-Cert")
    pairs = [(name.lower(), text.strip('"')) for name, text in re.findall(_PAIR, value)]
    known = dict(pairs)
    if [name for name, _ in pairs].count("hash") == 1 and _HEX.fullmatch(known["hash"]):
        return encode_base64url(bytes.fromhex(known["hash"]))
    raise CertificateInvalid("X-Forwarded-Client-Cert without one Hash")


FORMS: Mapping[str, Callable[[str], str]] = {
    "rfc9440": _read_structured,
    "pem": _read_pem,
    "xfcc": _read_xfcc,
}


def _of_base64(text: str) -> str:
    try:
        der = a2b_base64("".join(text.split()).encode(), strict_mode=True)
    except ValueError:
        raise CertificateInvalid("a certificate that is no base64") from None
    if not der:
        raise CertificateInvalid("an empty certificate")
    return encode_base64url(hashlib.sha256(der).digest())
