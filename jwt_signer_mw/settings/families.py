"""The parts of a token's settings that occur twice: rules for claims, and sources of key sets."""

# ruff: noqa: RUF009  (the functions that are called here declare fields)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.declaring import Part, parameter, switch, text
from jwt_signer_mw.settings.kinds import CLAIM_PATH, Number, PathList, Text, TextList
from jwt_signer_mw.settings.lifetimes import Lifetimes
from jwt_signer_mw.settings.services import CONSUMER_FIELDS, Certificate

if TYPE_CHECKING:
    from jwt_signer_mw.settings.services import ClientCertificate

ONE_YEAR = 31_536_000  # seconds; no skew of clocks is longer

_TEXTS = TextList()
_LEEWAY = Number(0, ONE_YEAR)
_PERIOD = Number(0, 10 * ONE_YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules(Lifetimes):
    """What is asked of a set of claims: of a JWT's, or of an introspection result's. Times in seconds."""

    verify_expiry: bool = switch("verify_{}_expiry", True, "Refuse what has expired.", since="<=3.4")
    expiry_claim: tuple[str, ...] = parameter(
        "{}_expiry_claim", CLAIM_PATH, ("exp",), "Path of the expiry claim.", since="3.12"
    )
    leeway: float = parameter(
        "{}_leeway", _LEEWAY, 0, "Clock skew allowed in checks of time.", since="<=3.4", unit="seconds"
    )
    verify_notbefore: bool = switch(
        "verify_{}_notbefore", False, "Refuse what is not valid yet.", since="3.12"
    )
    notbefore_claim: tuple[str, ...] = parameter(
        "{}_notbefore_claim", CLAIM_PATH, ("nbf",), "Path of the not-before claim.", since="3.12"
    )
    verify_scopes: bool = switch(
        "verify_{}_scopes", True, "Check the scopes, if any are required.", since="<=3.4"
    )
    scopes_claim: tuple[str, ...] = parameter(
        "{}_scopes_claim", CLAIM_PATH, ("scope",), "Path of the scopes claim.", since="<=3.4"
    )
    scopes_required: tuple[str, ...] | None = parameter(
        "{}_scopes_required",
        _TEXTS,
        None,
        "Alternatives: one element must be met, with all its space-separated scopes.",
        since="<=3.4",
    )
    verify_issuer: bool = switch(
        "verify_{}_issuer", True, "Check the issuer, if a list is set.", since="3.12"
    )
    issuer_claim: tuple[str, ...] = parameter(
        "{}_issuer_claim", CLAIM_PATH, ("iss",), "Path of the issuer claim.", since="3.12"
    )
    issuers_allowed: tuple[str, ...] | None = parameter(
        "{}_issuers_allowed", _TEXTS, None, "Issuers that are accepted, compared exactly.", since="3.12"
    )
    verify_subject: bool = switch(
        "verify_{}_subject", True, "Check the subject, if a list is set.", since="3.12"
    )
    subject_claim: tuple[str, ...] = parameter(
        "{}_subject_claim", CLAIM_PATH, ("sub",), "Path of the subject claim.", since="3.12"
    )
    subjects_allowed: tuple[str, ...] | None = parameter(
        "{}_subjects_allowed", _TEXTS, None, "Subjects that are accepted, compared exactly.", since="3.12"
    )
    verify_audience: bool = switch(
        "verify_{}_audience", True, "Check the audience, if a list is set.", since="3.12"
    )
    audience_claim: tuple[str, ...] = parameter(
        "{}_audience_claim", CLAIM_PATH, ("aud",), "Path of the audience claim.", since="3.12"
    )
    audiences_allowed: tuple[str, ...] | None = parameter(
        "{}_audiences_allowed", _TEXTS, None, "Audiences of which one has to be named.", since="3.12"
    )
    required_claims: tuple[tuple[str, ...], ...] | None = parameter(
        "{}_required_claims", PathList(), None, "Paths of claims that have to be present.", since="3.12"
    )
    optional_claims: tuple[tuple[str, ...], ...] | None = parameter(
        "{}_optional_claims",
        PathList(),
        None,
        "Paths of claims whose checks are skipped where the claim is absent.",
        since="3.12",
    )
    consumer_claim: tuple[str, ...] | None = parameter(
        "{}_consumer_claim", CLAIM_PATH, None, "Path of the claim that names the consumer.", since="<=3.4"
    )
    consumer_by: tuple[str, ...] = parameter(
        "{}_consumer_by",
        TextList(Text(CONSUMER_FIELDS), unique=True),
        ("username", "custom_id"),
        "Fields of a consumer that are compared with the claim, in this order.",
        since="<=3.4",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysetSource(Part):
    """Where a key set comes from, and how to get in there."""

    uri: str | None = text(
        "{}", None, "URL of a key set; a `keyset` may also be a name.", since="<=3.4", null="default"
    )
    client_username: str | None = text(
        "{}_client_username", None, "User name for HTTP Basic.", since="3.7", referenceable=True
    )
    client_password: str | None = text(
        "{}_client_password", None, "Password for HTTP Basic.", since="3.7", secret=True, referenceable=True
    )
    client_certificate: ClientCertificate | None = parameter(
        "{}_client_certificate", Certificate(), None, "Client certificate for TLS.", since="3.7"
    )
    rotate_period: float = parameter(
        "{}_rotate_period",
        _PERIOD,
        0,
        "Time between two reloads or rotations; 0 for never.",
        since="3.7",
        unit="seconds",
    )
