"""Where a vault keeps our signing keys: `pkcs11:` (RFC 7512) and `awskms:` URLs, read strictly."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from jwt_signer_mw.wire import Malformed

PKCS11, AWS_KMS = "pkcs11", "awskms"
SCHEMES = (PKCS11, AWS_KMS)

_PIN_SOURCE = re.compile(r"file:/.+|env:[A-Za-z_][A-Za-z0-9_]*")
_KMS_KEY = re.compile(
    r"alias/[A-Za-z0-9/_-]{1,250}|[A-Za-z0-9-]{1,64}|arn:[a-z-]+:kms:[A-Za-z0-9:/_-]{1,300}"
)


class Token(NamedTuple):
    """Keys of a PKCS#11 token: all that are labelled `object`. `id` is the CKA_ID of the one that signs."""

    label: str
    object: str
    id: bytes | None
    module: str  # path of the device's library
    pin_source: str | None  # `file:/path` or `env:NAME`


class Service(NamedTuple):
    """Keys of AWS KMS. The first signs; all are published."""

    keys: tuple[str, ...]
    region: str | None
    endpoint: str | None


def is_vault(url: str) -> bool:
    return url.partition(":")[0].lower() in SCHEMES


def read_address(url: str) -> Token | Service:
    """Raises `Malformed`, whose text never repeats the URL."""
    return _read_token(url) if url[:7].lower() == f"{PKCS11}:" else _read_service(url)


def _read_token(url: str) -> Token:
    path, _, query = url[len(PKCS11) + 1 :].partition("?")
    names = _attributes(path, ";", {"token", "object", "id", "type"})
    options = _attributes(query, "&", {"module-path", "pin-source"})
    for name in ("token", "object"):
        if not names.get(name):
            raise Malformed(f"names no {name}.")
    if names.get("type", b"private") != b"private":
        raise Malformed("has a type that is not private.")
    module = options.get("module-path", b"").decode(errors="replace")
    if not module.startswith("/"):
        raise Malformed("names no module-path, the absolute path of the device's library.")
    source = options["pin-source"].decode(errors="replace") if "pin-source" in options else None
    if source is not None and not _PIN_SOURCE.fullmatch(source):
        raise Malformed("has a pin-source that is neither file:/path nor env:NAME.")
    label, thing = (names[name].decode(errors="replace") for name in ("token", "object"))
    return Token(label, thing, names.get("id"), module, source)


def _attributes(text: str, separator: str, known: set[str]) -> dict[str, bytes]:
    """RFC 7512 section 2.3: each attribute once, percent-encoded. A PIN has no place in a URL."""
    found: dict[str, bytes] = {}
    for pair in filter(None, text.split(separator)):
        name, equals, value = pair.partition("=")
        if name == "pin-value":
            raise Malformed("has a PIN in it: name a pin-source.")
        if not equals or name not in known or name in found:
            raise Malformed(f"has an attribute that is unknown or repeated: {name[:32]!r}.")
        found[name] = unquote_to_bytes(value)
    return found


def _read_service(url: str) -> Service:
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise Malformed("is not a URL.") from None
    keys = tuple(parts.path.removeprefix("/").split(","))
    if parts.netloc or not all(map(_KMS_KEY.fullmatch, keys)) or len(set(keys)) < len(keys):
        raise Malformed("names no keys, as in awskms:///alias/new,alias/old.")
    if not options.keys() <= {"region", "endpoint"} or "#" in url:
        raise Malformed("has an option that is neither region nor endpoint.")
    return Service(keys, options.get("region"), options.get("endpoint"))
