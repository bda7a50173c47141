"""Rules across options about several issuers for one token."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.issuers import by_issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters, TokenSettings


def find_one_issuer_among_several(settings: Parameters) -> Iterator[Problem]:
    """Where the issuer that a token names chooses, no parameter for all of them says it otherwise."""
    for token in (settings.access_token, settings.channel_token):
        if not token.trusted_issuers:
            continue
        options = {
            token.jwks.option("uri"): token.jwks.uri is not None,
            token.discovery.option("issuer"): token.discovery.issuer is not None,
            token.claims.option("issuers_allowed"): token.claims.issuers_allowed is not None,
            token.claims.option("verify_issuer"): not token.claims.verify_issuer,
        }
        for option, is_set in options.items():
            if is_set:
                text = f"is for one issuer; {token.option('trusted_issuers')} is set and says it for each."
                yield problem("settings.E032", option, text)
        if token.introspection_endpoint and token.introspection_jwt_claim and not token.trust_introspection:
            text = "has no keys: it is not known whose answers they are. Name the endpoint for one issuer."
            yield problem("settings.E032", token.option("introspection_jwt_claim"), text)


def find_silent_issuers(settings: Parameters) -> Iterator[Problem]:
    for token in (settings.access_token, settings.channel_token):
        for one in by_issuer(token).values():
            if not one.has_keys and one.introspection_endpoint is None and one.verify_signature:
                yield problem("settings.E033", one.jwks.option("uri"), "is missing.")


def find_shared_keys(token: TokenSettings) -> Iterator[Problem]:
    """Whoever holds the keys of two issuers can speak for both."""
    users: dict[str, list[str]] = defaultdict(list)
    for issuer, one in by_issuer(token).items():
        if one.jwks.uri is not None:
            users[one.jwks.uri].append(issuer)
    for url, issuers in users.items():
        if len(issuers) > 1:
            text = f"has {url} for several issuers: {', '.join(issuers[:5])}. Each of them can speak for all."
            yield problem("settings.W014", token.option("trusted_issuers"), text)
