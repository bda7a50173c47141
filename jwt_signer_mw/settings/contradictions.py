"""Rules across a token's own options: what can't be meant together is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.issuers import by_issuer
from jwt_signer_mw.settings.shape_rules import RULES as SHAPE_RULES
from jwt_signer_mw.tokens.compact import OTHER_PURPOSES, bare_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters, TokenSettings


def find_contradictions(settings: Parameters) -> Iterator[Problem]:
    for token in (settings.access_token, settings.channel_token):
        for rule in (find_limit_without_expiry, *SHAPE_RULES):
            yield from rule(token)
        for judged in by_issuer(token).values() or (token,):
            for rule in RULES_OF_JUDGEMENT:
                yield from rule(judged)


def find_limit_without_expiry(token: TokenSettings) -> Iterator[Problem]:
    if token.shape.upstream_max_lifetime is not None and "exp" in token.remove_claims:
        text = f"limits an `exp` that {token.option('remove_claims')} leaves out."
        yield problem("settings.E060", token.shape.option("upstream_max_lifetime"), text)


def find_impossible_types(token: TokenSettings) -> Iterator[Problem]:
    typing = token.typing
    allowed = set(map(bare_type, typing.typ_allowed or ()))
    if never := sorted(allowed & OTHER_PURPOSES):
        text = f"has {', '.join(never)}, which is made for something else and never accepted."
        yield problem("settings.E061", typing.option("typ_allowed"), text)
    if typing.profile is not None and typing.typ_allowed is not None and typing.profile not in allowed:
        text = f"lacks {typing.profile}, which {typing.option('profile')} demands."
        yield problem("settings.E060", typing.option("typ_allowed"), text)


def find_unmet_profiles(token: TokenSettings) -> Iterator[Problem]:
    """RFC 9068 section 4: what a resource server MUST do, apart from looking at `typ`."""
    if token.typing.profile is None:
        return
    rules, option = token.claims, token.typing.option("profile")
    demands = (
        (token.verify_signature, token.option("verify_signature")),
        (rules.verify_expiry, rules.option("verify_expiry")),
        (rules.verify_issuer and rules.issuers_allowed, rules.option("issuers_allowed")),
        (rules.verify_audience and rules.audiences_allowed, rules.option("audiences_allowed")),
    )
    for is_met, demanded in demands:
        if not is_met:
            yield problem("settings.E062", option, f"demands {demanded}, which is not in use.")
    for field, claim in (("expiry_claim", "exp"), ("issuer_claim", "iss"), ("audience_claim", "aud")):
        if getattr(rules, field) != (claim,):
            text = f"demands that `{claim}` is checked, and {rules.option(field)} names another."
            yield problem("settings.E062", option, text)


def find_unmeasured_staleness(token: TokenSettings) -> Iterator[Problem]:
    outages = token.outages
    if outages.jwks_max_stale is not None and not token.jwks.rotate_period:
        text = f"needs {token.jwks.option('rotate_period')}: else nobody looks whether the provider answers."
        yield problem("settings.E035", outages.option("jwks_max_stale"), text)
    if outages.introspection_max_stale is not None and not token.cache_introspection:
        text = f"needs {token.option('cache_introspection')}: else there is no result to use."
        yield problem("settings.E035", outages.option("introspection_max_stale"), text)


RULES_OF_JUDGEMENT: tuple[Callable[[TokenSettings], Iterator[Problem]], ...] = (
    find_impossible_types,
    find_unmet_profiles,
    find_unmeasured_staleness,
)
