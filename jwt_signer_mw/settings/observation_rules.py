"""Rules for the options about observers and request ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jwt_signer_mw.observability import NAMED
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.settings.addresses import fault_of_input, is_dotted
from jwt_signer_mw.settings.catalogue import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters

SECRETS: Final = frozenset(map(fold, ("Authorization", "Proxy-Authorization", "Cookie", "DPoP")))


def find_unknown_observers(settings: Parameters) -> Iterator[Problem]:
    for observer in settings.observers:
        if isinstance(observer, str) and observer not in NAMED and not is_dotted(observer):
            yield problem("settings.E070", "observers", f"{observer!r} is none.")


def find_bad_request_id(settings: Parameters) -> Iterator[Problem]:
    """What is logged must not be what a token comes in."""
    header, option = settings.request_id_header, "request_id_header"
    if header is None:
        return
    if ":" in header or fault_of_input(header):
        yield problem("settings.E071", option, "is no name of a header for it.")
    elif fold(header) in SECRETS | set(_headers_of_tokens(settings)):
        yield problem("settings.E071", option, f"names {header}, which holds secrets.")


def _headers_of_tokens(settings: Parameters) -> Iterator[str]:
    yield fold(settings.client_certificate_header or "")
    for token in (settings.access_token, settings.channel_token):
        for header in (token.request_header, token.upstream_header, token.original_upstream_header):
            if header:
                yield fold(header.partition(":")[0])
