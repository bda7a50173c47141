"""Key sets that somebody else keeps: behind a URL, or in a file."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange, call, compute, fetch
from jwt_signer_mw.flows.discovery import Issuer, read_metadata
from jwt_signer_mw.jose import KeySet, load_keyset
from jwt_signer_mw.settings.vault_addresses import is_vault
from jwt_signer_mw.vaults import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.flows.commands import Flow

log = logging.getLogger("jwt_signer_mw.keys")

ACCEPT = (("Accept", "application/jwk-set+json, application/json;q=0.9, */*;q=0.1"),)
MAX_LIFE = 31_536_000.0  # seconds, a year: longer is no sense
MAX_DIGITS = 12
_DIRECTIVE = re.compile(r'([a-z-]+)(?:\s*=\s*("[^"]*"|[^\s,]*))?')
MAX_REASONS = 8  # unusable keys that are named in the log


class Source(NamedTuple):
    """Where a key set is and how to get in; equal sources share one fetched set.

    `signing`: private halves and oct keys are wanted. `timeout` in seconds.
    """

    url: str
    basic: tuple[str, str] | None = None
    certificate: tuple[str, str] | None = None
    verify: bool = True
    signing: bool = False
    timeout: float = 5.0
    max_bytes: int = 1 << 20
    discovers: bool = False  # `url` is an issuer, whose metadata say where the set is

    def __repr__(self) -> str:
        return f"Source({self.place})"

    @property
    def is_file(self) -> bool:
        return self.url[:5].lower() == "file:"

    @property
    def is_vault(self) -> bool:
        return is_vault(self.url)

    @property
    def place(self) -> str:
        """The URL for a log: without user, query and fragment, which may hold secrets."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class Document(NamedTuple):
    """What was read, and a digest of the bytes. `fresh_for`: see the function."""

    keys: KeySet
    digest: bytes
    fresh_for: float | None = None


def read_document(source: Source) -> Flow[Document]:
    """Raises `TransportError` for anything but a 200 with a body, `Malformed` for what is no key set.

    The content type does not matter: real providers send many.
    """
    if source.is_vault:
        return (yield from call(_read_vault, source))
    if source.is_file:
        return (yield from call(_read_file, source))
    if source.discovers:
        source = yield from _discovered(source)
    exchange = Exchange(
        source.url,
        headers=ACCEPT,
        basic=source.basic,
        certificate=source.certificate,
        verify=source.verify,
        timeout=source.timeout,
        max_bytes=source.max_bytes,
        purpose="jwks",
    )
    reply = yield from fetch(exchange)
    if reply.status != 200:
        raise TransportError(f"{source.place}: status {reply.status}")
    document = yield from compute(_parse, source, reply.body)
    return document._replace(fresh_for=fresh_for(reply.headers))


def _discovered(source: Source) -> Flow[Source]:
    """Where the metadata say that the set is: they are read anew each time, as the set may have moved."""
    issuer = Issuer(source.url, source.verify, source.timeout, source.max_bytes)
    metadata = yield from read_metadata(issuer)
    if metadata.jwks_uri is None:
        raise TransportError(f"{source.place}: its metadata name no key set at a URL that can be trusted")
    return source._replace(url=metadata.jwks_uri, discovers=False)


def fresh_for(headers: Mapping[str, str]) -> float | None:
    """For how many seconds a private cache may use a reply (RFC 9111 section 4.2.1); None: it does not say.

    Names are in lower case. What is malformed is stale (section 4.2.1 again).
    """
    directives = dict(_DIRECTIVE.findall(headers.get("cache-control", "").lower()))
    if directives.keys() & {"no-cache", "no-store"}:
        return 0.0
    if "max-age" not in directives:
        return None
    life, age = directives["max-age"].strip('"'), headers.get("age", "0").strip()
    if not (life.isascii() and life.isdigit() and age.isascii() and age.isdigit()):
        return 0.0
    return max(0.0, min(float(life[:MAX_DIGITS]), MAX_LIFE) - min(float(age[:MAX_DIGITS]), MAX_LIFE))


def _read_vault(source: Source) -> Document:
    """The keys as they are now; which of them signs is part of the digest."""
    keys = open_vault(source.url, source.timeout).read()
    names = " ".join(key.thumbprint for key in keys)
    return Document(KeySet(keys), hashlib.sha256(names.encode()).digest())


def _read_file(source: Source) -> Document:
    try:
        # Without waiting: a pipe under the name would hold us until somebody writes to it.
        path = unquote(urlsplit(source.url).path)
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TransportError(f"{source.place}: not a regular file")
            data = file.read(source.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise TransportError(f"{source.place}: {type(error).__name__}") from None
    if len(data) > source.max_bytes:
        raise TransportError(f"{source.place}: more than {source.max_bytes} bytes")
    return _parse(source, data)


def _parse(source: Source, data: bytes) -> Document:
    """Keys of a set from the network never become HMAC secrets of incoming tokens, those of a file may."""
    keys = load_keyset(data, symmetric=source.signing or source.is_file, private=source.signing)
    return Document(keys, hashlib.sha256(data).digest())


def log_findings(source: Source, keys: KeySet) -> None:
    """What is wrong with the keys of a document, in one line."""
    findings = (*keys.unusable, *keys.warnings)
    if findings:
        shown = "; ".join(findings[:MAX_REASONS])
        more = f" and {len(findings) - MAX_REASONS} more" if len(findings) > MAX_REASONS else ""
        log.warning("key set %s: %s%s", source.place, shown, more)
