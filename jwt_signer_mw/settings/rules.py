"""Rules across options: what is wrong is an error. Each rule yields what it finds."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from jwt_signer_mw.request.names import fold
from jwt_signer_mw.settings.addresses import (
    HTTP,
    KEYSET_SCHEMES,
    fault_of_exemption,
    fault_of_input,
    fault_of_issuer,
    fault_of_keyset,
    fault_of_output,
    fault_of_path,
    fault_of_service,
    fault_of_url,
)
from jwt_signer_mw.settings.binding_rules import find_binding_problems
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.contradictions import find_contradictions
from jwt_signer_mw.settings.introspection_rules import find_introspection_faults
from jwt_signer_mw.settings.issuer_rules import find_one_issuer_among_several, find_silent_issuers
from jwt_signer_mw.settings.issuers import with_issuers
from jwt_signer_mw.settings.observation_rules import find_bad_request_id, find_unknown_observers
from jwt_signer_mw.settings.services import CONSUMER_FIELDS
from jwt_signer_mw.settings.weaknesses import find_weaknesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters, TokenSettings

STORE_SCHEMES = ("memory", "sqlite", "postgresql", "mysql", "mariadb", "redis", "rediss", "django")
CACHE_SCHEMES = ("memory", "redis", "rediss", "django")
FERNET_KEY_BYTES = 32

_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 section 2.1
_FORM = re.compile(r"[A-Za-z0-9\-._~*+%&=!'(),;:@/?$]+")


def check(settings: Parameters) -> Iterator[Problem]:
    """Errors and warnings of settings whose single values are all readable."""
    found = [one for rule in RULES for one in rule(settings)]
    found += (*find_contradictions(settings), *find_binding_problems(settings), *find_weaknesses(settings))
    yield from dict.fromkeys(found)  # once, what issuers share


def find_halves_of_pairs(settings: Parameters) -> Iterator[Problem]:
    for token in tokens_and_issuers(settings):
        for source in (token.jwks, token.keyset):
            present = (source.client_username is not None, source.client_password is not None)
            if present == (True, False):
                yield problem("settings.E020", source.option("client_password"), "is missing.")
            if present == (False, True):
                yield problem("settings.E020", source.option("client_username"), "is missing.")


def find_unusable_user_names(settings: Parameters) -> Iterator[Problem]:
    for token in tokens_and_issuers(settings):
        for source in (token.jwks, token.keyset):
            if ":" in (source.client_username or ""):
                yield problem("settings.E021", source.option("client_username"), "has a colon in it.")


def find_bad_headers(settings: Parameters) -> Iterator[Problem]:
    for token in tokens(settings):
        if token.request_header and (fault := fault_of_input(token.request_header)):
            yield problem("settings.E022", token.option("request_header"), fault)
        for field in ("upstream_header", "original_upstream_header"):
            header = getattr(token, field)
            if header and (fault := fault_of_output(header)):
                yield problem("settings.E022", token.option(field), fault)


def find_equal_outputs(settings: Parameters) -> Iterator[Problem]:
    """By name, as servers fold names; an output that is switched off does not count."""
    seen: dict[str, str] = {}
    for option, header in _outputs(settings):
        name = fold(header.partition(":")[0])
        if name in seen:
            yield problem("settings.E023", option, f"names the same header as {seen[name]}.")
        seen.setdefault(name, option)


def _outputs(settings: Parameters) -> Iterator[tuple[str, str]]:
    for token in tokens(settings):
        if token.signing and token.upstream_header:
            yield token.option("upstream_header"), token.upstream_header
        if token.original_upstream_header:
            yield token.option("original_upstream_header"), token.original_upstream_header


def find_bad_urls(settings: Parameters) -> Iterator[Problem]:
    for token in tokens_and_issuers(settings):
        if token.jwks.uri and (fault := fault_of_url(token.jwks.uri, KEYSET_SCHEMES)):
            yield problem("settings.E024", token.jwks.option("uri"), fault)
        if token.keyset.uri and (fault := fault_of_keyset(token.keyset.uri)):
            yield problem("settings.E025", token.keyset.option("uri"), fault)
        endpoint = token.introspection_endpoint
        if endpoint and (fault := fault_of_url(endpoint, HTTP)):
            yield problem("settings.E024", token.option("introspection_endpoint"), fault)


def find_bad_issuers(settings: Parameters) -> Iterator[Problem]:
    for token in tokens_and_issuers(settings):
        issuer = token.discovery.issuer
        if issuer is not None and (fault := fault_of_issuer(issuer)):
            yield problem("settings.E034", token.discovery.option("issuer"), fault)


def find_unknown_services(settings: Parameters) -> Iterator[Problem]:
    if fault := fault_of_service(settings.keyset_store, STORE_SCHEMES):
        yield problem("settings.E026", "keyset_store", fault)
    if fault := fault_of_service(settings.cache, CACHE_SCHEMES):
        yield problem("settings.E026", "cache", fault)
    if fault := fault_of_service(settings.consumers, ("django",)):
        yield problem("settings.E026", "consumers", fault)


def find_bad_encryption_keys(settings: Parameters) -> Iterator[Problem]:
    for position, key in enumerate(settings.keyset_encryption_keys or ()):
        if not _is_fernet_key(key):
            text = f"has an element (number {position + 1}) that is not a Fernet key."
            yield problem("settings.E027", "keyset_encryption_keys", text)


def _is_fernet_key(key: str) -> bool:
    try:
        return len(urlsafe_b64decode(key)) == FERNET_KEY_BYTES
    except ValueError:
        return False


def find_bad_paths(settings: Parameters) -> Iterator[Problem]:
    for pattern in settings.exempt_paths:
        if fault := fault_of_exemption(pattern):
            yield problem("settings.E028", "exempt_paths", f"{pattern!r} {fault}")
    path = settings.admin_path
    if path and (fault := fault_of_path(path) or ("ends with a slash." if path.endswith("/") else "")):
        yield problem("settings.E028", "admin_path", fault)


def find_unsendable_values(settings: Parameters) -> Iterator[Problem]:
    for option in ("admin_token", "purge_token"):
        secret = getattr(settings, option)
        if secret and not _BEARER.fullmatch(secret):
            yield problem("settings.E029", option, "has a character that a bearer token can't have.")
    if not (settings.realm or "").isascii():
        yield problem("settings.E029", "realm", "has a character outside ASCII.")
    for token in tokens_and_issuers(settings):
        if not (token.introspection_authorization or "").isascii():
            option = token.option("introspection_authorization")
            yield problem("settings.E029", option, "has a character outside ASCII.")


def find_bad_body_arguments(settings: Parameters) -> Iterator[Problem]:
    for token in tokens_and_issuers(settings):
        arguments = token.introspection_body_args
        if arguments is None:
            continue
        option = token.option("introspection_body_args")
        if not _FORM.fullmatch(arguments):
            yield problem("settings.E030", option, "has characters that must be percent-encoded.")
        elif "token" in dict(parse_qsl(arguments, keep_blank_values=True)):
            yield problem("settings.E030", option, "sets `token`, which is the suite's to set.")


def find_ambiguous_consumers(settings: Parameters) -> Iterator[Problem]:
    if not isinstance(settings.consumers, tuple):
        return
    for field in CONSUMER_FIELDS:
        values = sorted(value for one in settings.consumers if (value := getattr(one, field)) is not None)
        if any(first == second for first, second in pairwise(values)):
            yield problem("settings.E031", "consumers", f"has two elements with the same {field}.")


def find_bad_resource(settings: Parameters) -> Iterator[Problem]:
    """RFC 9728 section 1.2: a URL without a fragment; a query is not recommended, and refused here."""
    identifier = settings.resource.identifier
    if identifier is None:
        if settings.resource.members:
            yield problem("settings.E090", "resource_metadata", "is set, and `resource` is not.")
        return
    fault = fault_of_url(identifier, HTTP) or ("has a query." if "?" in identifier else "")
    path = "" if fault else unquote(urlsplit(identifier).path)
    if fault := fault or (fault_of_path(path) if path not in ("", "/") else ""):
        yield problem("settings.E024", "resource", fault, "Write https://api.example/orders, for example.")


def tokens(settings: Parameters) -> tuple[TokenSettings, TokenSettings]:
    return settings.access_token, settings.channel_token


def tokens_and_issuers(settings: Parameters) -> Iterator[TokenSettings]:
    """Also the settings that each trusted issuer's tokens are judged by."""
    for token in tokens(settings):
        yield from with_issuers(token)


RULES: tuple[Callable[[Parameters], Iterator[Problem]], ...] = (
    find_halves_of_pairs,
    find_unusable_user_names,
    find_bad_headers,
    find_equal_outputs,
    find_bad_urls,
    find_bad_issuers,
    find_unknown_services,
    find_unknown_observers,
    find_bad_request_id,
    find_bad_encryption_keys,
    find_bad_paths,
    find_unsendable_values,
    find_bad_body_arguments,
    find_ambiguous_consumers,
    find_bad_resource,
    find_introspection_faults,
    find_one_issuer_among_several,
    find_silent_issuers,
)
