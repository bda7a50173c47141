"""Rules across options: what works but is weak, or can't be meant, is a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.request.metadata import issuers_of
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.settings.addresses import is_plain_http
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.issuer_rules import find_shared_keys
from jwt_signer_mw.settings.issuers import with_issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import ClaimRules, Parameters, TokenSettings

SHORT_SECRET = 16  # characters; fewer can be tried out

_LISTS = {"issuer": "issuers_allowed", "audience": "audiences_allowed"}
_UNENFORCED = ("scopes_required", "subjects_allowed", "required_claims", "max_lifetime", "max_age")


def find_weaknesses(settings: Parameters) -> Iterator[Problem]:
    """Warnings about settings as a whole and about each token."""
    for rule in RULES:
        yield from rule(settings)
    for token in (settings.access_token, settings.channel_token):
        for one in with_issuers(token):
            for token_rule in TOKEN_RULES:
                yield from token_rule(one)
        yield from find_shared_keys(token)


def find_symmetric_signatures(settings: Parameters) -> Iterator[Problem]:
    if settings.enable_hs_signatures:
        text = "accepts signatures that everybody who can check them can make."
        yield problem("settings.W001", "enable_hs_signatures", text)


def find_short_secret(settings: Parameters) -> Iterator[Problem]:
    for option in ("admin_token", "purge_token"):
        secret = getattr(settings, option)
        if secret and len(secret) < SHORT_SECRET:
            yield problem("settings.W002", option, f"is shorter than {SHORT_SECRET} characters.")


def find_shared_input(settings: Parameters) -> Iterator[Problem]:
    headers = (settings.access_token.request_header, settings.channel_token.request_header)
    access, channel = (fold((header or "").partition(":")[0]) for header in headers)
    if access and access == channel:
        option = settings.channel_token.option("request_header")
        text = f"is the header of {settings.access_token.option('request_header')} as well."
        yield problem("settings.W003", option, text)


def find_free_expiry(settings: Parameters) -> Iterator[Problem]:
    """Decision 28: a new token outlives the old one only where somebody says so."""
    signing = [one for one in (settings.access_token, settings.channel_token) if one.signs]
    if signing and "exp" in dict(settings.set_claims):
        yield problem("settings.W004", "set_claims", "sets the expiry of new tokens.")
    for token in signing:
        if "exp" in dict(token.set_claims):
            yield problem("settings.W004", token.option("set_claims"), "sets the expiry of new tokens.")
        if "exp" in token.remove_claims:
            yield problem("settings.W004", token.option("remove_claims"), "leaves out the expiry.")


def find_unlimited_reloads(settings: Parameters) -> Iterator[Problem]:
    if not settings.jwks_reload_interval:
        yield problem("settings.W013", "jwks_reload_interval", "lets every bad token cause a fetch.")


def find_open_resource(settings: Parameters) -> Iterator[Problem]:
    """RFC 9728 section 7.4: a token for one resource must be no good at another."""
    identifier, token = settings.resource.identifier, settings.access_token
    if identifier is None:
        return
    if is_plain_http(identifier):
        yield problem("settings.W007", "resource", "is not https: clients will refuse it.")
    for families in [family for judged in with_issuers(token) for family in _families(judged)]:
        if not any(one.verify_audience and one.audiences_allowed for one in families):
            text = f"is set, and {families[0].option('audiences_allowed')} is not."
            yield problem("settings.W090", "resource", text)
    given = dict(settings.resource.members).get("authorization_servers")
    if given == "null" or (given is None and not any(True for _ in issuers_of(token))):
        yield problem("settings.W091", "resource", "leaves clients without a server to get a token from.")


def find_reporting(token: TokenSettings) -> Iterator[Problem]:
    if token.reporting.report_only:
        text = f"lets pass what these would refuse: {', '.join(token.reporting.report_only)}."
        yield problem("settings.W092", token.reporting.option("report_only"), text)


def find_unchecked_signature(token: TokenSettings) -> Iterator[Problem]:
    if not token.verify_signature:
        text = "lets everybody make up tokens, which are then signed."
        yield problem("settings.W005", token.option("verify_signature"), text)


def find_unchecked_certificates(token: TokenSettings) -> Iterator[Problem]:
    if not token.endpoints_ssl_verify:
        text = "lets everybody on the way stand in for the provider."
        yield problem("settings.W006", token.option("endpoints_ssl_verify"), text)


def find_plain_http(token: TokenSettings) -> Iterator[Problem]:
    urls = {
        token.jwks.option("uri"): token.jwks.uri,
        token.keyset.option("uri"): token.keyset.uri,
        token.option("introspection_endpoint"): token.introspection_endpoint,
    }
    for option, url in urls.items():
        if is_plain_http(url):
            yield problem("settings.W007", option, "goes over the network unencrypted.")


def find_plain_discovery(token: TokenSettings) -> Iterator[Problem]:
    if (token.discovery.issuer or "").startswith("http://"):
        text = "is http, which is for providers of this machine only."
        yield problem("settings.W015", token.discovery.option("issuer"), text)


def find_missing_lists(token: TokenSettings) -> Iterator[Problem]:
    if token.request_header is None:
        return
    for check, field in _LISTS.items():
        for families in _families(token):
            if not any(getattr(one, f"verify_{check}") and getattr(one, field) for one in families):
                text = f"is not in use: every {check} is accepted."
                yield problem("settings.W008", families[0].option(field), text)


def _families(token: TokenSettings) -> Iterator[list[ClaimRules]]:
    """For each form in which the token is accepted, the claim rules that it has to pass."""
    if not token.trusted_issuers and (accepts_jwt(token) or not token.introspects):
        yield [token.claims]
    if token.introspects:
        yield [token.introspection, *([] if token.trust_introspection else [token.claims])]


def find_unenforced_rules(token: TokenSettings) -> Iterator[Problem]:
    """While introspection is trusted, an opaque token meets the rules for introspection results only."""
    if not token.introspects or not token.trust_introspection:
        return
    for field in _UNENFORCED:
        if getattr(token.claims, field) and not getattr(token.introspection, field):
            text = f"is not enforced on opaque tokens; {token.introspection.option(field)} would be."
            yield problem("settings.W009", token.claims.option(field), text)


def find_certain_refusal(token: TokenSettings) -> Iterator[Problem]:
    if token.request_header is None:
        if not token.optional:
            text = "is not set and the token is not optional: every request is answered with 500."
            yield problem("settings.W010", token.option("request_header"), text)
    elif not token.trusted_issuers and not accepts_jwt(token) and not token.introspects:
        text = "is not set, and neither is an introspection endpoint: every token is refused."
        yield problem("settings.W011", token.jwks.option("uri"), text)


def find_unchecked_expiry(token: TokenSettings) -> Iterator[Problem]:
    if not token.claims.verify_expiry and accepts_jwt(token):
        yield problem("settings.W012", token.claims.option("verify_expiry"), "accepts expired tokens.")
    if not token.introspection.verify_expiry and token.introspects:
        yield problem("settings.W012", token.introspection.option("verify_expiry"), "accepts expired tokens.")


def accepts_jwt(token: TokenSettings) -> bool:
    return token.has_keys or not token.verify_signature


RULES: tuple[Callable[[Parameters], Iterator[Problem]], ...] = (
    find_symmetric_signatures,
    find_short_secret,
    find_shared_input,
    find_free_expiry,
    find_unlimited_reloads,
    find_open_resource,
)
TOKEN_RULES: tuple[Callable[[TokenSettings], Iterator[Problem]], ...] = (
    find_unchecked_signature,
    find_reporting,
    find_unchecked_certificates,
    find_plain_http,
    find_plain_discovery,
    find_missing_lists,
    find_unenforced_rules,
    find_certain_refusal,
    find_unchecked_expiry,
)
