"""What settings of the page may reach: the demo's own providers, and nothing else.

The page's server reads no file, opens no connection and imports nothing that a page names. Three rules see
to that; the first two are applied before the settings are loaded, for loading reads references:

1. An option that names a store, a cache, a certificate, an observer or the path of a callable is closed to
   the page, as is one that holds other settings; so is it for one of several issuers.
2. The one reference that is read is `{vault://env/INTROSPECTION_AUTHORIZATION}`, which is no variable of
   the environment here but the credentials of the demo.
3. An option that holds an address has one of a provider of the demo: no file, no vault, no other host. The
   transport refuses others as well.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from jwt_signer_mw.errors import Problem, TransportError
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.settings.issuers import IssuerMap
from jwt_signer_mw.settings.kinds import Unreadable, read_json
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.observation import Observers
from jwt_signer_mw.settings.references import mentions_reference
from jwt_signer_mw.settings.reporting import Shadow
from jwt_signer_mw.settings.services import Certificate, CertificateMap, Consumers, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.demo.stage import Providers
    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.flows.commands import Exchange, Reply
    from jwt_signer_mw.settings.declaring import Option

CREDENTIALS = "INTROSPECTION_AUTHORIZATION"
REFERENCE = f"{{vault://env/{CREDENTIALS}}}"

# Kinds of options that name something outside, or hold settings of their own.
_OUTSIDE = (Service, Certificate, CertificateMap, Observers, Shadow)
_OURS = {"keyset_encryption_keys", "admin_token", "purge_token"}
_MERE_TEXT = re.compile(r"realm|resource|\w+_issuer|\w+_client_(id|audience)")  # may look like a URL


def is_closed(option: Option) -> bool:
    return isinstance(option.declared.kind, _OUTSIDE) or option.name in _OURS


CLOSED = frozenset(name for name, option in OPTIONS.items() if is_closed(option))


def find_closed(given: Mapping[str, Any]) -> Iterator[Problem]:
    """What must not even be loaded."""
    for name, value in given.items():
        option = OPTIONS.get(name)
        kind = None if option is None else option.declared.kind
        if name in CLOSED:
            hint = "Take it out: the demo brings its own, and a page must not reach anything else."
            yield Problem("playground.E001", "error", name, "is closed to this page.", hint)
        elif mentions_foreign_reference(value):
            hint = f"Write the value itself, or {REFERENCE}, the only reference that is known here."
            yield Problem("playground.E002", "error", name, "refers to a file or a variable.", hint)
        elif isinstance(kind, Consumers) and not isinstance(value, list):
            hint = 'Write a list, as in [{ username = "alice" }].'
            yield Problem("playground.E001", "error", name, "may only be a list here.", hint)
        elif isinstance(kind, IssuerMap):
            yield from _closed_of_issuers(name, kind, value)


def _closed_of_issuers(name: str, kind: IssuerMap, value: Any) -> Iterator[Problem]:
    """Each issuer has options of its own, some of which name files."""
    options = kind.options()
    if isinstance(value, str):
        yield Problem("playground.E001", "error", name, "may only be a map here.", "Write no text around it.")
        return
    for issuer, own in value.items() if isinstance(value, dict) else ():
        for short in own if isinstance(own, dict) else ():
            if short in options and is_closed(options[short]):
                where = f"{name}.{issuer}.{short}"
                yield Problem("playground.E001", "error", name, f"has {where}, which is closed to this page.")


def mentions_foreign_reference(value: Any) -> bool:
    """Also in what is written as JSON inside a text, where a brace may hide behind an escape."""
    if isinstance(value, dict):
        return any(map(mentions_foreign_reference, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(mentions_foreign_reference, value))
    if not isinstance(value, str) or value == REFERENCE:
        return False
    if mentions_reference(value):
        return True
    try:
        return value.lstrip()[:1] in {"[", "{"} and mentions_foreign_reference(read_json(value))
    except Unreadable:
        return False


def find_foreign_urls(values: Mapping[str, Any], providers: Providers) -> Iterator[Problem]:
    """URLs that lead to anything but a provider of the demo, and what is in a vault. `values` as they were
    given or as they were loaded."""
    for name, value in values.items():
        for url in _addresses(OPTIONS.get(name), value):
            if not is_provider(url, providers):
                known = " or ".join(one.origin for one in providers)
                yield Problem("playground.E003", "error", name, "leads out of the demo.", f"Use {known}.")


def _addresses(option: Option | None, value: Any) -> Iterator[str]:
    """Whatever may be an address there: an option that is new one day is suspected, too."""
    if option is None:
        return
    kind = option.declared.kind
    if isinstance(kind, IssuerMap) and isinstance(value, dict):
        for own in value.values():
            for short, one in own.items() if isinstance(own, dict) else ():
                yield from _addresses(kind.options().get(short), one)
    elif isinstance(value, str) and is_url(value) and not _is_free(option.name):
        yield value


def _is_free(name: str) -> bool:
    """What is closed is the demo's own."""
    return name in CLOSED or _MERE_TEXT.fullmatch(name) is not None


def is_provider(url: str, providers: Providers) -> bool:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" in {one.origin for one in providers}


class Fetched(NamedTuple):
    """One exchange with a provider; `status` 0: there was no answer."""

    provider: str
    method: str
    path: str
    status: int
    milliseconds: float


class FencedTransport:
    """Makes exchanges with the providers of the demo, and with nobody else. `take` tells of them."""

    def __init__(self, inner: Transport, providers: Providers) -> None:
        self._inner = inner
        self._providers = providers
        self._fetched: list[Fetched] = []

    def send(self, exchange: Exchange) -> Reply:
        if not is_provider(exchange.url, self._providers):
            raise TransportError("the playground asks nobody but the providers of the demo")
        began, status = time.perf_counter(), 0
        try:
            reply = self._inner.send(exchange)
            status = reply.status
            return reply
        finally:
            took = round((time.perf_counter() - began) * 1000, 1)
            parts = urlsplit(exchange.url)
            name = next(one.name for one in self._providers if one.origin.endswith(parts.netloc))
            self._fetched.append(Fetched(name, exchange.method, parts.path, status, took))

    def take(self) -> tuple[Fetched, ...]:
        """What was asked since this was asked last."""
        fetched, self._fetched[:] = tuple(self._fetched), []
        return fetched
