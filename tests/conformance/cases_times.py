"""Expiry, not-before and leeway, of tokens and of introspection results (decisions 1, 13 and 28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import NOW
from conformance.outcomes import (
    CLAIM_MALFORMED,
    CLAIM_MISSING,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET_VALID,
)
from conformance.ways import WAYS, in_every_way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case

JWT_WAYS: Final = tuple(way for way in WAYS if not way.opaque)
OPAQUE_WAYS: Final = tuple(way for way in WAYS if way.opaque)
NOT_DATES: Final[dict[str, object]] = {
    "text": "4102444800",
    "text with underscores": "4_102_444_800",
    "true": True,
    "a list": [NOW + 300],
    "an object": {},
    "a date beyond the year 9999": 2.001e206,
}


def _expiry() -> Iterator[Case]:
    yield from in_every_way("one second before expiry", {}, {"exp": NOW + 1})
    yield from in_every_way("at the second of expiry", {}, {"exp": NOW}, TOKEN_EXPIRED)
    yield from in_every_way("a fraction before expiry", {}, {"exp": NOW + 0.5})
    yield from in_every_way("exp 0 is long ago, not absent", {}, {"exp": 0}, TOKEN_EXPIRED)
    yield from in_every_way(
        "expired, but the check is off", {"verify_expiry": False}, {"exp": NOW - 1}, proves=("verify_expiry",)
    )
    yield from in_every_way("within the leeway", {"leeway": 10}, {"exp": NOW - 9}, proves=("leeway",))
    yield from in_every_way("at the end of the leeway", {"leeway": 10}, {"exp": NOW - 10}, TOKEN_EXPIRED)
    yield from in_every_way("no exp in a JWT", {}, None, CLAIM_MISSING, without=("exp",), ways=JWT_WAYS)
    yield from in_every_way("a null exp is absent", {}, {"exp": None}, CLAIM_MISSING, ways=JWT_WAYS)
    yield from in_every_way("no exp in an introspection result", {}, None, without=("exp",), ways=OPAQUE_WAYS)
    yield from in_every_way(
        "no exp, but optional",
        {"optional_claims": [["exp"]]},
        None,
        without=("exp",),
        proves=("optional_claims",),
        ways=JWT_WAYS,
    )
    yield from in_every_way(
        "no exp, but required",
        {"required_claims": [["exp"]]},
        None,
        CLAIM_MISSING,
        without=("exp",),
        proves=("required_claims",),
        ways=OPAQUE_WAYS,
    )
    yield from in_every_way(
        "expiry read through another path",
        {"expiry_claim": ["times", "ends"]},
        {"times": {"ends": NOW}},
        TOKEN_EXPIRED,
        proves=("expiry_claim",),
    )
    yield from in_every_way(
        "a path whose parents are of another type leads nowhere",
        {"expiry_claim": ["sub", "ends"]},
        None,
        CLAIM_MISSING,
        ways=JWT_WAYS,
    )
    for kind, value in NOT_DATES.items():
        yield from in_every_way(f"exp is {kind}", {}, {"exp": value}, CLAIM_MALFORMED)
    yield from in_every_way("iat is a list", {}, {"iat": [NOW]}, CLAIM_MALFORMED)


def _notbefore() -> Iterator[Case]:
    on = {"verify_notbefore": True}
    yield from in_every_way("nbf ahead, but the check is off by default", {}, {"nbf": NOW + 100})
    yield from in_every_way("nbf now", on, {"nbf": NOW})
    yield from in_every_way(
        "nbf ahead", on, {"nbf": NOW + 1}, TOKEN_NOT_YET_VALID, proves=("verify_notbefore",)
    )
    yield from in_every_way(
        "nbf ahead by the leeway", {**on, "leeway": 10}, {"nbf": NOW + 10}, proves=("leeway",)
    )
    yield from in_every_way(
        "nbf ahead by more than the leeway", {**on, "leeway": 10}, {"nbf": NOW + 11}, TOKEN_NOT_YET_VALID
    )
    yield from in_every_way("no nbf", on, None, CLAIM_MISSING)
    yield from in_every_way("no nbf, but optional", {**on, "optional_claims": [["nbf"]]}, None)
    yield from in_every_way(
        "nbf ahead, though optional",
        {**on, "optional_claims": [["nbf"]]},
        {"nbf": NOW + 1},
        TOKEN_NOT_YET_VALID,
    )
    yield from in_every_way(
        "not-before read through another path",
        {**on, "notbefore_claim": ["times", "starts"]},
        {"times": {"starts": NOW + 1}},
        TOKEN_NOT_YET_VALID,
        proves=("notbefore_claim",),
    )
    yield from in_every_way("nbf is an object", on, {"nbf": {}}, CLAIM_MALFORMED)


CASES: Final = (*_expiry(), *_notbefore())
