"""What to do about a refusal: one sentence or two per reason, with the names that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.explain.bound import BOUND
from jwt_signer_mw.explain.case import Case, listed
from jwt_signer_mw.explain.trace import shown
from jwt_signer_mw.flows.verify import printable
from jwt_signer_mw.jose import SYMMETRIC
from jwt_signer_mw.tokens.claims import read_claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain.trace import Trace
    from jwt_signer_mw.settings import Settings


def suggest(refusal: Refusal, trace: Trace, settings: Settings) -> str:
    case = Case(refusal, trace, settings)
    if refusal.code in BOUND:
        return BOUND[refusal.code].format(case.name)
    return SUGGESTIONS[refusal.code](case)


def _missing(case: Case) -> str:
    return (
        f"Send the {case.name} in {case.token.request_header}, or set {case.name}_optional to true "
        "if requests without it may pass."
    )


def _malformed(case: Case) -> str:
    if case.trace.stage == "found":
        return f"Send `{case.token.request_header}` as `Bearer <token>`, with one blank in it."
    return "Ask the provider for a new token; this one was damaged, or is not meant for this."


def _too_large(case: Case) -> str:
    return f"max_token_bytes is {case.settings.max_token_bytes}; raise it if such tokens are expected."


def _repeated(case: Case) -> str:
    return f"Send {case.token.request_header} once. A proxy in front may have added a second one."


def _no_header(case: Case) -> str:
    return f"Set {case.name}_request_header to the header of the token, or {case.name}_optional to true."


def _bad_signature(case: Case) -> str:
    return (
        f"The token was changed, or somebody else signed it: is {_jwks(case)} the key set of its issuer? "
        "Another environment of the same provider often has the same kids."
    )


def _unknown_key(case: Case) -> str:
    kids = [] if case.trace.keys is None else [printable(key.kid) for key in case.trace.keys.keys]
    held = f"The set holds {listed(kids)}. " if kids else ""
    return f"{held}Is {_jwks(case)} the key set of the token's issuer, and are its keys for this algorithm?"


def _algorithm(case: Case) -> str:
    alg = case.trace.compact.alg if case.trace.compact is not None else "none"
    if alg in SYMMETRIC:
        return (
            "Prefer tokens that are signed with RS256, ES256 or EdDSA; else set enable_hs_signatures to true "
            "and keep the secret in a key set file."
        )
    return "Have the provider sign its tokens with RS256, PS256, ES256 or EdDSA."


def _typ(case: Case) -> str:
    typing = case.token.typing
    if case.refusal.option == typing.option("typ_allowed"):
        allowed = listed(map(shown, typing.typ_allowed or ()))
        return f"{case.refusal.option} has {allowed}: send such a token, or add the `typ` of this one."
    if case.refusal.option:
        return (
            f"Send an access token as RFC 9068 wants it, with `typ` {typing.profile}, or unset "
            f"{case.refusal.option}: ID tokens, for one, have another `typ` and are for the client alone."
        )
    return f"Send an access token as the {case.name}: this one is made for another purpose."


def _no_jwks(case: Case) -> str:
    return f"Set {case.token.jwks.option('uri')} to the key set of the provider, or send an opaque token."


def _no_endpoint(case: Case) -> str:
    return (
        f"Send a JWT (three parts with dots between them), or set {_endpoint(case)} "
        "to have opaque tokens introspected."
    )


def _introspection_off(case: Case) -> str:
    return f"Send a JWT, or set {case.token.option('enable_introspection')} to true."


def _inactive(case: Case) -> str:
    return (
        f"Get a new token: the provider at {_endpoint(case)} says that this one expired, was revoked, or is "
        f"none of its own. If it should know it: may the client of {_authorization(case)} "
        "ask about it?"
    )


def _introspection_refused(case: Case) -> str:
    return (
        f"Check {_authorization(case)}: {_endpoint(case)} has to take it, and to answer "
        "with status 200 and JSON."
    )


def _no_jwt_inside(case: Case) -> str:
    path = ".".join(case.token.introspection_jwt_claim or ())
    return f"`{path}` of the introspection result has to hold a JWT; else unset {case.refusal.option}."


def _expired(case: Case) -> str:
    if case.refusal.option.endswith("upstream_leeway"):
        return f"{case.refusal.option} takes more away than is left; raise it, or get a newer token."
    return f"Get a new token. For clocks that differ set {case.rules.option('leeway')} (in seconds)."


def _early(case: Case) -> str:
    return f"Wait, or set {case.rules.option('leeway')} (in seconds) for clocks that differ."


def _long_lived(case: Case) -> str:
    limit = case.rules.max_lifetime or 0
    return (
        f"Have the provider issue tokens for {limit:g} seconds at most, or raise {case.refusal.option} "
        f"(now {limit:g})."
    )


def _old(case: Case) -> str:
    return (
        f"Get a new token; {case.refusal.option} wants one that is younger than "
        f"{case.rules.max_age or 0:g} seconds."
    )


def _bad_claim(case: Case) -> str:
    return f"The provider has to write it as RFC 7519 says: {case.refusal.detail}."


def _no_claim(case: Case) -> str:
    rules = case.rules
    if case.refusal.option == case.token.typing.option("profile"):
        return f"Have the provider put it into its access tokens, or unset {case.refusal.option}."
    if case.refusal.option == rules.option("required_claims"):
        return f"Have the provider put it into the token, or take it out of {case.refusal.option}."
    return (
        f"Have the provider put it into the token, or add its path to {rules.option('optional_claims')}; "
        f"{_off_switch(case)}."
    )


def _off_switch(case: Case) -> str:
    limits = (case.rules.option("max_lifetime"), case.rules.option("max_age"))
    what = f"without {case.refusal.option} it" if case.refusal.option in limits else case.refusal.option
    return f"{what} switches the check off" if what == case.refusal.option else f"{what} is not asked for"


def _not_in_list(claim: str, allowed: str) -> Callable[[Case], str]:
    def suggestion(case: Case) -> str:
        trusted = [one.issuer for one in case.token.trusted_issuers]
        value, entries = case.claim(claim), getattr(case.rules, allowed) or trusted
        option = case.refusal.option
        if value is None:
            optional = "" if trusted else f", or add the path to {case.rules.option('optional_claims')}"
            return f"The token has no `{case.path(claim)}`. Get one that has{optional}."
        known = listed(map(shown, entries))
        return f"{shown(value)} is not in {option} ({known}): add it, or get a token for those."

    return suggestion


def _scopes(case: Case) -> str:
    held = case.claim("scopes_claim")
    needed = " or ".join(map(shown, case.rules.scopes_required or ()))
    has = "is absent" if held is None else f"is {shown(held)}"
    return (
        f"{case.rules.option('scopes_required')} wants {needed}, and `{case.path('scopes_claim')}` {has}: "
        "get a token with that scope. Case counts."
    )


def _no_consumer(case: Case) -> str:
    fields = ", ".join(case.rules.consumer_by)
    value = read_claim(case.trace.claims, case.rules.consumer_claim or ())
    return (
        f"Add a consumer whose {fields} is {shown(value)} to `consumers`, "
        f"or unset {case.refusal.option or 'the consumer claim'}."
    )


def _unusable_consumer(case: Case) -> str:
    return f"Let {case.refusal.option or 'the consumer claim'} name a claim that holds text or an integer."


def _no_signing_key(case: Case) -> str:
    return (
        f"{case.name}_keyset has to hold a private key for {case.name}_signing_algorithm "
        f"({case.token.signing_algorithm}), with that `alg` or none."
    )


def _provider(case: Case) -> str:
    return (
        "Can that address be reached from here, does it have a certificate that is trusted, and does it "
        f"answer within http_timeout ({case.settings.http_timeout:g} ms)?"
    )


def _store(case: Case) -> str:  # noqa: ARG001
    return "Check keyset_store: it has to answer before anything can be signed."


def _internal(case: Case) -> str:  # noqa: ARG001
    return "This is a mistake of ours: please report it with the traceback in the log."


def _offline(case: Case) -> str:  # noqa: ARG001
    return "Ask again without offline."


SUGGESTIONS: Mapping[str, Callable[[Case], str]] = {
    "token_missing": _missing,
    "token_malformed": _malformed,
    "token_too_large": _too_large,
    "token_repeated": _repeated,
    "request_header_not_configured": _no_header,
    "signature_invalid": _bad_signature,
    "key_unknown": _unknown_key,
    "algorithm_not_allowed": _algorithm,
    "typ_not_allowed": _typ,
    "jwks_uri_missing": _no_jwks,
    "introspection_endpoint_missing": _no_endpoint,
    "introspection_disabled": _introspection_off,
    "token_inactive": _inactive,
    "introspection_refused": _introspection_refused,
    "introspection_jwt_missing": _no_jwt_inside,
    "token_expired": _expired,
    "token_not_yet_valid": _early,
    "lifetime_too_long": _long_lived,
    "token_too_old": _old,
    "claim_malformed": _bad_claim,
    "claim_missing": _no_claim,
    "issuer_not_allowed": _not_in_list("issuer_claim", "issuers_allowed"),
    "audience_not_allowed": _not_in_list("audience_claim", "audiences_allowed"),
    "subject_not_allowed": _not_in_list("subject_claim", "subjects_allowed"),
    "scopes_insufficient": _scopes,
    "consumer_not_found": _no_consumer,
    "consumer_claim_unusable": _unusable_consumer,
    "signing_key_missing": _no_signing_key,
    "signing_failed": _no_signing_key,
    "provider_unavailable": _provider,
    "service_unavailable": _provider,
    "store_unavailable": _store,
    "internal_error": _internal,
    "undecided": _offline,
}


REASONS = SUGGESTIONS.keys() | BOUND.keys()  # every code that a request can be refused with


def _jwks(case: Case) -> str:
    return f"{case.token.jwks.option('uri')}{case.issuer}"


def _endpoint(case: Case) -> str:
    return case.token.option("introspection_endpoint")


def _authorization(case: Case) -> str:
    return case.token.option("introspection_authorization")
