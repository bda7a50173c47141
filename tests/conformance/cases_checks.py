"""Required claims, issuer, audience, subject and scopes, for tokens and introspection results alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import ISSUER, NOW, BadSettings, Case, Send
from conformance.outcomes import (
    AUDIENCE_NOT_ALLOWED,
    CLAIM_MALFORMED,
    CLAIM_MISSING,
    CONSUMER_NOT_FOUND,
    ISSUER_NOT_ALLOWED,
    SCOPES_INSUFFICIENT,
    SUBJECT_NOT_ALLOWED,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET_VALID,
)
from conformance.tokens import good
from conformance.ways import WAYS, in_every_way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Refused


def _required() -> Iterator[Case]:
    rules = {"required_claims": [["tenant", "id"]]}
    yield from in_every_way("a required claim is there", rules, {"tenant": {"id": "t1"}})
    yield from in_every_way(
        "a required claim is missing", rules, {"tenant": {}}, CLAIM_MISSING, proves=("required_claims",)
    )
    yield from in_every_way("a required claim is null", rules, {"tenant": {"id": None}}, CLAIM_MISSING)
    for kind, value in {"empty text": "", "zero": 0, "false": False}.items():
        yield from in_every_way(f"a required claim is {kind}", rules, {"tenant": {"id": value}})
    yield from in_every_way(
        "a claim both required and optional is required",
        rules | {"optional_claims": [["tenant", "id"]]},
        None,
        CLAIM_MISSING,
    )


def _matching(noun: str, claim: str, refusal: Refused, others: Mapping[str, object]) -> Iterator[Case]:
    """What issuer, audience and subject have in common: the list is exact and any of it is enough."""
    allowed = f"{noun}s_allowed"
    rules = {allowed: ["https://other.example", "https://mine.example"]}
    yield from in_every_way(f"the {noun} is in the list", rules, {claim: "https://mine.example"})
    yield from in_every_way(
        f"the {noun} is not in the list", rules, {claim: "https://theirs.example"}, refusal, proves=(allowed,)
    )
    yield from in_every_way(
        f"the {noun} is not in the list, but the check is off",
        rules | {f"verify_{noun}": False},
        {claim: "https://theirs.example"},
        proves=(f"verify_{noun}",),
    )
    yield from in_every_way(f"the {noun} is absent", rules, None, refusal, without=(claim,))
    yield from in_every_way(f"the {noun} is null", rules, {claim: None}, refusal)
    yield from in_every_way(
        f"the {noun} is absent, but optional",
        rules | {"optional_claims": [[claim]]},
        None,
        without=(claim,),
        proves=("optional_claims",),
    )
    yield from in_every_way(
        f"the {noun} is wrong, though optional",
        rules | {"optional_claims": [[claim]]},
        {claim: "https://theirs.example"},
        refusal,
    )
    yield from in_every_way(
        f"the {noun} is read through another path",
        rules | {f"{noun}_claim": ["about", noun]},
        {"about": {noun: "https://mine.example"}},
        proves=(f"{noun}_claim",),
    )
    for kind, value in others.items():
        yield from in_every_way(f"the {noun} is {kind}", rules, {claim: value}, refusal)


_NEARLY: Final[Mapping[str, object]] = {
    "the start of an allowed one": "https://mine.exam",
    "an allowed one and more": "https://mine.example-admin",
    "an allowed one with a slash": "https://mine.example/",
    "an allowed one in capitals": "HTTPS://MINE.EXAMPLE",
    "two allowed ones with a blank": "https://mine.example https://other.example",
    "empty": "",
}
_NO_AUDIENCE: Final[Mapping[str, object]] = {
    "a number": 1,
    "a list of numbers": [1],
    "a list in a list": [["https://mine.example"]],
    "an object": {"https://mine.example": True},
    "an empty list": [],
}


def _audience_lists() -> Iterator[Case]:
    rules = {"audiences_allowed": ["https://mine.example"]}
    yield from in_every_way(
        "the audience is a list with an allowed one",
        rules,
        {"aud": ["https://x.example", "https://mine.example"]},
    )
    yield from in_every_way(
        "the audience is a list without an allowed one",
        rules,
        {"aud": ["https://x.example"]},
        AUDIENCE_NOT_ALLOWED,
    )


def _registered_types() -> Iterator[Case]:
    for claim in ("iss", "sub", "jti"):
        for kind, value in {"a number": 7, "a list": ["alice"], "an object": {}}.items():
            yield from in_every_way(f"{claim} is {kind}", {}, {claim: value}, CLAIM_MALFORMED)


def _scopes() -> Iterator[Case]:
    rules = {"scopes_required": ["employee demo-service", "superadmin"]}
    yield from in_every_way("all words of one alternative", rules, {"scope": "demo-service x employee"})
    yield from in_every_way("the other alternative", rules, {"scope": "superadmin"})
    yield from in_every_way("scopes as a list", rules, {"scope": ["employee", "demo-service"]})
    yield from in_every_way(
        "half an alternative", rules, {"scope": "employee"}, SCOPES_INSUFFICIENT, proves=("scopes_required",)
    )
    yield from in_every_way(
        "half an alternative, but the check is off",
        rules | {"verify_scopes": False},
        {"scope": "employee"},
        proves=("verify_scopes",),
    )
    yield from in_every_way("no scopes", rules, None, SCOPES_INSUFFICIENT)
    yield from in_every_way("no scopes, but optional", rules | {"optional_claims": [["scope"]]}, None)
    yield from in_every_way(
        "scopes read through another path",
        rules | {"scopes_claim": ["realm_access", "roles"]},
        {"realm_access": {"roles": ["superadmin"]}},
        proves=("scopes_claim",),
    )
    yield from in_every_way(
        "a scopes path through null",
        rules | {"scopes_claim": ["realm_access", "roles"]},
        {"realm_access": None},
        SCOPES_INSUFFICIENT,
    )
    for kind, value in _NO_SCOPES.items():
        yield from in_every_way(f"scopes that are {kind}", rules, {"scope": value}, SCOPES_INSUFFICIENT)


_NO_SCOPES: Final[Mapping[str, object]] = {
    "more than the required word": "superadministrator",
    "the start of the required word": "super",
    "in capitals": "SUPERADMIN",
    "an object": {"superadmin": True},
    "a number": 1,
    "separated by tab and newline": "employee\tdemo-service\nx",
    "separated by a no-break space": "employee\u00a0demo-service",
    "a list whose element holds a blank": ["employee demo-service"],
}

# Decision 3: with every check failing, putting them right one by one shows each refusal in turn.
_EVERY_RULE: Final = {
    "verify_notbefore": True,
    "required_claims": [["tenant"]],
    "issuers_allowed": [ISSUER],
    "audiences_allowed": ["orders"],
    "subjects_allowed": ["alice"],
    "scopes_required": ["read"],
    "consumer_claim": ["client"],
}
_ALL_WRONG: Final = {
    "exp": NOW - 1,
    "nbf": NOW + 9,
    "iss": "x",
    "aud": "x",
    "sub": "x",
    "scope": "x",
    "client": "x",
}
_LADDER: Final[tuple[tuple[Mapping[str, object], Refused], ...]] = (
    ({}, TOKEN_EXPIRED),
    ({"exp": NOW + 300}, TOKEN_NOT_YET_VALID),
    ({"nbf": NOW}, CLAIM_MISSING),
    ({"tenant": "t1"}, ISSUER_NOT_ALLOWED),
    ({"iss": ISSUER}, AUDIENCE_NOT_ALLOWED),
    ({"aud": "orders"}, SUBJECT_NOT_ALLOWED),
    ({"sub": "alice"}, SCOPES_INSUFFICIENT),
    ({"scope": "read"}, CONSUMER_NOT_FOUND),
)


def _order() -> Iterator[Case]:
    claims: dict[str, object] = dict(_ALL_WRONG)
    for rung, (mended, refusal) in enumerate(_LADDER):
        claims |= mended
        yield from in_every_way(f"order of checks, rung {rung}", _EVERY_RULE, claims, refusal)


def _empty_lists() -> Iterator[Case]:
    for way in WAYS:
        for field in ("issuers_allowed", "audiences_allowed", "subjects_allowed"):
            option = way.name(field)
            yield Case(
                f"{option} is empty",
                way.settings({field: []}),
                bad=BadSettings(frozenset({option})),
            )


def _untouched_families() -> Iterator[Case]:
    """The rules of one family say nothing about the other."""
    for way in WAYS:
        other = WAYS[WAYS.index(way) ^ 1]
        rules = {
            other.name(field): value for field, value in _EVERY_RULE.items() if field != "consumer_claim"
        }
        yield Case(
            f"{way.label}: the rules of the other family do not apply",
            way.settings({}) | rules,
            (Send(way.request(good()), way.accepted()),),
            way.provider(good()),
        )


CASES: Final = (
    *_required(),
    *_matching("issuer", "iss", ISSUER_NOT_ALLOWED, _NEARLY),
    *_matching("audience", "aud", AUDIENCE_NOT_ALLOWED, {**_NEARLY, **_NO_AUDIENCE}),
    *_matching("subject", "sub", SUBJECT_NOT_ALLOWED, _NEARLY),
    *_audience_lists(),
    *_registered_types(),
    *_scopes(),
    *_order(),
    *_empty_lists(),
    *_untouched_families(),
)
