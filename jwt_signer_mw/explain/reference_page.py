"""The reference page of refusals, written from their classes and from what `explain` suggests.

`python -m jwt_signer_mw.explain.reference_page > docs/reference/errors.md` brings it up to date.
"""

from __future__ import annotations

import logging
import re
import sys
from functools import cache
from http import HTTPStatus
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import INSUFFICIENT_SCOPE, Refusal
from jwt_signer_mw.explain.suggestions import REASONS, suggest
from jwt_signer_mw.explain.trace import Trace, Undecided
from jwt_signer_mw.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

INTRODUCTION = """\
# Refusals

<!-- Generated: python -m jwt_signer_mw.explain.reference_page > docs/reference/errors.md -->

Every request that does not go on is refused for one reason. Its code is stable: it is in the log, in
metrics and signals, in `explanation.reason`, and in `refusal.code` for those who write the answer
themselves. The client learns less: the status, a challenge (RFC 6750) with a fixed sentence, and
`{"message": ...}`. Never a claim, a key or a name of an option.

To learn why *one* request was refused, with the values of its own token, [have it explained](../explain.md).
What helps stands here as it would say it of an example: the access token of a client is for `invoices`, the
settings want `orders`. Everything is true of the channel token as well, with its own options.

Settings that can't be used are no refusals: see [problems](settings.md#problems). What the
[endpoints](endpoints.md) answer has a page of its own.
"""

EXAMPLE = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_introspection_endpoint": "https://idp.example/introspect",
    "access_token_issuers_allowed": ["https://idp.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_subjects_allowed": ["alice"],
    "access_token_scopes_required": ["read"],
    "access_token_consumer_claim": ["sub"],
    "access_token_max_lifetime": 3600,
    "access_token_max_age": 600,
    "access_token_introspection_jwt_claim": ["token"],
    "channel_token_optional": True,
}
CLAIMS = {"iss": "https://other.example", "aud": "invoices", "sub": "bob", "scope": "write"}


class Cause(NamedTuple):
    """When a refusal comes up, and the option of the example that decides."""

    when: str
    option: str = ""
    detail: str = ""


CAUSES = {
    "token_missing": Cause("A token that is not optional is in none of its headers."),
    "token_malformed": Cause(
        "The header holds no token in its form, or what should be a JWT is none: not three parts of "
        "base64url, no JSON, a name that occurs twice, a `crit` that nobody here understands."
    ),
    "token_too_large": Cause("The token is longer than `max_token_bytes`; it was not read."),
    "token_repeated": Cause("The header of the token came twice, or with a comma in it."),
    "signature_invalid": Cause("The key is known, but it did not make this signature."),
    "algorithm_not_allowed": Cause(
        "The `alg` is `none` or unknown, does not fit the key, or is HMAC while that is switched off."
    ),
    "key_unknown": Cause("The key set holds no key for the token's `kid` and `alg`, after a reload either."),
    "typ_not_allowed": Cause("The `typ` of the token's header says that it is made for another purpose."),
    "jwks_uri_missing": Cause("A JWT came, and the settings name no key set to verify it."),
    "introspection_endpoint_missing": Cause(
        "An opaque token came, and the settings name no endpoint to ask."
    ),
    "introspection_disabled": Cause(
        "An opaque token came, and introspection is off.", "enable_access_token_introspection"
    ),
    "token_inactive": Cause("The provider says that the token is not active."),
    "introspection_refused": Cause(
        "The provider answered with something else than RFC 7662 wants, or refused our credentials."
    ),
    "introspection_jwt_missing": Cause(
        "The answer of the provider holds no JWT where the settings say that one is.",
        "access_token_introspection_jwt_claim",
    ),
    "token_expired": Cause("Its time is over.", "verify_access_token_expiry"),
    "token_not_yet_valid": Cause("Its time has not come.", "verify_access_token_notbefore"),
    "lifetime_too_long": Cause("It was issued for longer than is allowed.", "access_token_max_lifetime"),
    "token_too_old": Cause("It was issued longer ago than is allowed.", "access_token_max_age"),
    "claim_malformed": Cause(
        "A claim that is checked has another type than RFC 7519 gives it.",
        "verify_access_token_expiry",
        "the claim exp is no number",
    ),
    "claim_missing": Cause("A claim that is checked or required is not there.", "verify_access_token_expiry"),
    "issuer_not_allowed": Cause("Its issuer is not in the list.", "access_token_issuers_allowed"),
    "subject_not_allowed": Cause("Its subject is not in the list.", "access_token_subjects_allowed"),
    "audience_not_allowed": Cause("None of its audiences is in the list.", "access_token_audiences_allowed"),
    "scopes_insufficient": Cause(
        "It has none of the scopes that will do, or a view of yours asks for another one.",
        "access_token_scopes_required",
    ),
    "consumer_not_found": Cause("Nobody in `consumers` is who it names.", "access_token_consumer_claim"),
    "consumer_claim_unusable": Cause(
        "The claim that names the consumer is not there, or holds neither text nor an integer.",
        "access_token_consumer_claim",
    ),
    "token_not_bound": Cause("Only tokens that are bound to their client are taken, and this one is not."),
    "token_bound_to_key": Cause("It is bound to a key, and came as a bearer token (RFC 9449 section 7.2)."),
    "dpop_key_mismatch": Cause("The key of the proof is not the one that the token is bound to."),
    "dpop_proof_missing": Cause("The token needs a proof, and the request has none."),
    "dpop_proof_repeated": Cause("The header `DPoP` came twice, or with several values."),
    "dpop_proof_invalid": Cause("What should be a proof is none, or its signature is not by its own key."),
    "dpop_proof_for_another": Cause("The proof is for another method, another URI or another token."),
    "dpop_proof_outdated": Cause("The proof was made too long ago, or in the future."),
    "dpop_proof_replayed": Cause("A proof with this `jti` was here before."),
    "dpop_nonce_required": Cause(
        "Proofs need a nonce of ours, and this one has none or an old one; the answer holds a new one."
    ),
    "client_certificate_missing": Cause(
        "The token is bound to a certificate, and the connection shows none (RFC 8705 section 3)."
    ),
    "client_certificate_invalid": Cause("The header of the certificate holds none, or more than one."),
    "client_certificate_mismatch": Cause("The token is bound to another certificate."),
    "request_mismatch": Cause("For a service behind us: the new token was made for another request."),
    "body_too_large": Cause(
        "The new token is to be bound to the body, which is longer than `max_bound_body_bytes`."
    ),
    "internal_error": Cause("Something happened that nobody thought of; the log has a traceback."),
    "request_header_not_configured": Cause("A token is demanded, and the settings name no header for it."),
    "signing_key_missing": Cause("The key set that signs has no private key for the algorithm."),
    "signing_failed": Cause("The key that should sign could not."),
    "service_unavailable": Cause("Too much waits for a provider already, or something outside is silent."),
    "provider_unavailable": Cause(
        "A key set can't be fetched, or an introspection endpoint does not answer."
    ),
    "store_unavailable": Cause("The key set store is silent, and no key is in memory."),
}
OPTION = re.compile(r"(?<![`\w.])([a-z]+(?:_[a-z]+)+)(?![`\w])")


def reasons() -> list[type[Refusal]]:
    """The class of each reason, by status. What nothing is suggested about is a family, never a reason."""
    by_code = {kind.code: kind for kind in _below(Refusal) if kind.code in REASONS and kind is not Undecided}
    return sorted(by_code.values(), key=lambda kind: kind.status)


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("jwt_signer_mw."):  # and no test's own
            yield one
        yield from _below(one)


def render() -> str:
    """The whole page, in Markdown."""
    return "\n".join([INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    for status, kinds in groupby(reasons(), key=lambda kind: kind.status):
        yield f"## {status} {HTTPStatus(status).phrase}\n"
        for kind in kinds:
            yield from _reason(kind)


def _reason(kind: type[Refusal]) -> Iterator[str]:
    cause = CAUSES.get(kind.code) or Cause((vars(kind).get("__doc__") or f"{kind.text}.").partition("\n")[0])
    yield f"### `{kind.code}`\n"
    yield f"{cause.when}\n"
    yield f"- **Challenge**: {_challenge(kind)}"
    yield f"- **What helps**: {_cure(kind(cause.detail, option=cause.option))}\n"


def _challenge(kind: type[Refusal]) -> str:
    """What stands beside the realm."""
    if kind.error is None:
        return "the realm alone"
    scope = ", and the scope that would do" if kind.error == INSUFFICIENT_SCOPE else ""
    return f'`error="{kind.error}", error_description="{kind.text}"`{scope}'


def _cure(refusal: Refusal) -> str:
    trace = Trace(lambda: 0.0, offline=True)
    trace.token, trace.claims = "access_token", CLAIMS
    return OPTION.sub(r"`\1`", suggest(refusal, trace, _example()))


@cache
def _example() -> Settings:
    return Settings.load(EXAMPLE)


if __name__ == "__main__":
    logging.getLogger("jwt_signer_mw").addHandler(logging.NullHandler())  # the example is warned about
    sys.stdout.write(render())
