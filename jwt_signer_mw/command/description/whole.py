"""What will happen to a request, in the order of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.command.description.binding import proof_headers, schemes
from jwt_signer_mw.command.description.checks import spell
from jwt_signer_mw.command.description.sentence import Section, Sentence
from jwt_signer_mw.command.description.token import describe_token
from jwt_signer_mw.request.metadata import Metadata
from jwt_signer_mw.request.names import CONSUMER_HEADERS
from jwt_signer_mw.settings.redaction import redact_url
from jwt_signer_mw.settings.reporting import enforced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.settings import Settings, TokenSettings

FAMILIES = ("X-Consumer-*", "X-Credential-*", "X-Anonymous-Consumer*")


def describe(settings: Settings) -> tuple[Section, ...]:
    """Both tokens, what goes on, what is answered, and what is around it."""
    return (
        Section("Access token", tuple(describe_token(enforced(settings.access_token), settings))),
        Section("Channel token", tuple(describe_token(enforced(settings.channel_token), settings))),
        *(
            Section(title, tuple(map(Sentence, texts(settings))))
            for title, texts in (
                ("Headers of the request that goes on", _headers),
                ("Answers to requests that are refused", _answers),
                ("Paths", _paths),
                ("Memory", _memory),
                ("Key sets", _keysets),
                ("Who hears of it", _listeners),
            )
        ),
    )


def _tokens(settings: Settings) -> tuple[TokenSettings, TokenSettings]:
    return settings.access_token, settings.channel_token


def _headers(settings: Settings) -> Iterator[str]:
    """Decision 22: what a client sent under these names never comes through."""
    tokens = _tokens(settings)
    options = [token.request_header for token in tokens]
    options += [
        header for token in tokens for header in (token.upstream_header, token.original_upstream_header)
    ]
    options += proof_headers(settings)
    names = dict.fromkeys(_name(option) for option in options if option)
    yield (
        f"Removed, whatever the client put there: {', '.join((*names, *FAMILIES))}; case does not count, "
        "and -, _ and . are taken for one."
    )
    rules = [rules for token in tokens for rules in (token.claims, token.introspection)]
    if any(one.consumer_claim for one in rules):
        yield f"Written for the consumer, as far as they are known: {', '.join(CONSUMER_HEADERS)}."


def _answers(settings: Settings) -> Iterator[str]:
    realm = "the request's host" if settings.realm is None else repr(settings.realm)
    yield f"All carry a challenge for {schemes(settings)} with the realm {realm}, and a message in JSON."
    metadata = Metadata.of(settings)
    if metadata is not None:
        yield f"The challenge names {metadata.url}, where clients learn whom to ask for a token."
    yield "401: the token is missing, malformed, expired, inactive, or not to be trusted."
    yield "403: the token is good, but its scopes, audience, subject or consumer do not fit."
    yield "503 with Retry-After: a provider or a store that the request needs does not answer."
    yield "500: the settings or our own keys are at fault."
    yield from _reported(settings)


def _reported(settings: Settings) -> Iterator[str]:
    for token in _tokens(settings):
        names = token.reporting.report_only
        if names:
            yield f"Checks of the {token.name.replace('_', ' ')} that only report: {spell(names)}."
    if settings.overlay is not None:
        yield f"A shadow judges what is accepted, with its own {spell(tuple(settings.overlay))}."
    elif settings.shadow is not None:
        yield f"The policy {settings.shadow!r} judges in the shadow what is accepted."


def _paths(settings: Settings) -> Iterator[str]:
    if settings.exempt_paths:
        yield f"Let through unchecked, but without the headers above: {spell(settings.exempt_paths)}."
    else:
        yield "Every path is checked."
    metadata = Metadata.of(settings)
    if metadata is not None:
        yield f"The metadata of the resource are shown to everybody at {metadata.path}."


def _memory(settings: Settings) -> Iterator[str]:
    size, ttl = settings.verdict_cache_size, settings.verdict_cache_ttl
    if size and ttl:
        yield f"Up to {size} accepted requests are remembered, for {ttl:g} seconds or until they expire."
    else:
        yield "Nothing is remembered of accepted requests: every request is verified anew."
    if any(token.introspects and token.cache_introspection for token in _tokens(settings)):
        ttl = settings.introspection_cache_ttl
        yield (
            f"Introspection results are kept in {_place(settings.cache)} for {ttl:g} seconds at most; "
            "a token that is revoked meanwhile passes as long."
        )
    yield f"Tokens of more than {settings.max_token_bytes} bytes are refused unread."


def _listeners(settings: Settings) -> Iterator[str]:
    yield "The log jwt_signer_mw.decisions has a line for every refusal."
    if settings.enable_instrumentation:
        yield "The log jwt_signer_mw.instrumentation has a line for every decision, at level CRITICAL."
    if settings.observers:
        names = tuple(
            one if isinstance(one, str) else f"<{type(one).__name__}>" for one in settings.observers
        )
        yield f"Observers: {spell(names)}."
    if settings.request_id_header is not None:
        yield f"Lines and events have the value of {settings.request_id_header} as `request_id`."


def _keysets(settings: Settings) -> Iterator[str]:
    store = "the adapter's own store" if settings.keyset_store is None else _place(settings.keyset_store)
    sealed = "encrypted" if settings.keyset_encryption_keys else "not encrypted"
    yield f"Our own key sets are kept in {store}, private keys {sealed}."
    yield "The endpoints show everybody the public keys of a set."
    if settings.admin_token is None:
        yield "Listing, deleting and rotating need an `admin_token`, which is not set."
    else:
        yield "Listing, deleting and rotating need the `admin_token`."


def _place(service: object) -> str:
    """Of a URL what is no secret, of an object its type."""
    return redact_url(service) if isinstance(service, str) else f"<{type(service).__name__}>"


def _name(option: str) -> str:
    """`authorization:basic` and `Authorization:Bearer` are one header."""
    name = option.partition(":")[0]
    return name.title() if name.lower() == "authorization" else name
