"""Rules about introspection: who we are there, signed answers, and JWTs that are introspected too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.settings.addresses import HTTP, fault_of_keyset
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.introspecting import NEVER, PRIVATE_KEY, SECRET_BASIC, SECRET_POST, TLS
from jwt_signer_mw.settings.issuers import by_issuer, with_issuers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters, TokenSettings

_NEEDED = {
    SECRET_BASIC: ("id", "secret"),
    SECRET_POST: ("id", "secret"),
    PRIVATE_KEY: ("id", "keyset"),
    TLS: ("id", "certificate"),
}


def find_introspection_faults(settings: Parameters) -> Iterator[Problem]:
    for token in (settings.access_token, settings.channel_token):
        for one in with_issuers(token):
            yield from _find_missing_credentials(one)
            yield from _find_bad_assertion_keys(one)
            yield from _find_unverifiable_answers(one)
        for judged in by_issuer(token).values() or (token,):
            yield from _find_unaskable_jwts(judged)


def _find_missing_credentials(token: TokenSettings) -> Iterator[Problem]:
    client = token.introspection_client
    if client.method is None:
        return
    for field in _NEEDED[client.method]:
        if getattr(client, field) is None:
            yield problem("settings.E050", client.option(field), f"is missing for {client.method}.")
    if token.introspection_authorization is not None:
        text = f"is set beside {client.option('method')}: there can be one way to authenticate."
        yield problem("settings.E050", token.option("introspection_authorization"), text)


def _find_bad_assertion_keys(token: TokenSettings) -> Iterator[Problem]:
    client = token.introspection_client
    if client.keyset is None:
        return
    if client.keyset.partition(":")[0].lower() in HTTP:
        text = "is not a name, a file or a vault: private keys are not fetched."
        yield problem("settings.E025", client.option("keyset"), text)
    elif fault := fault_of_keyset(client.keyset):
        yield problem("settings.E025", client.option("keyset"), fault)


def _find_unaskable_jwts(token: TokenSettings) -> Iterator[Problem]:
    if token.introspect_jwt == NEVER:
        return
    if not token.enable_introspection:
        text = f"needs introspection, and {token.option('enable_introspection')} is off."
        yield problem("settings.E051", token.option("introspect_jwt"), text)
    elif not token.introspects:
        text = f"needs {token.option('introspection_endpoint')}."
        yield problem("settings.E051", token.option("introspect_jwt"), text)


def _find_unverifiable_answers(token: TokenSettings) -> Iterator[Problem]:
    signed = token.introspection_signed
    if signed.mode == NEVER:
        return
    option = signed.option("mode")
    if not token.has_keys:
        yield problem("settings.E052", option, f"needs {token.jwks.option('uri')}.")
    if token.introspection_client.id is None:
        needed = token.introspection_client.option("id")
        yield problem("settings.E052", option, f"needs {needed}, for whom answers are signed.")
    if signed.issuer is None and token.claims.issuers_allowed is None:
        needed = f"{signed.option('issuer')} or {token.claims.option('issuers_allowed')}"
        yield problem("settings.E052", option, f"needs {needed}.")
