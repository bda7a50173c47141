"""Short-lived tokens only: lifetime and age of what comes in, the life of what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import NOW, Answer, BadSettings, Case, Provider, Send, Wait
from conformance.cases_caches import KEYS
from conformance.outcomes import (
    CLAIM_MALFORMED,
    CLAIM_MISSING,
    LIFETIME_TOO_LONG,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET_VALID,
    TOKEN_TOO_OLD,
)
from conformance.tokens import good, token
from conformance.ways import OPAQUE, SIDES, WAYS, in_every_way

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR: Final = 3600


def _lifetime() -> Iterator[Case]:
    rules = {"max_lifetime": HOUR}
    issued = {"iat": NOW - 10, "exp": NOW - 10 + HOUR}
    yield from in_every_way("issued for the longest time", rules, issued)
    yield from in_every_way(
        "issued for a second too long",
        rules,
        {**issued, "iat": NOW - 11},
        LIFETIME_TOO_LONG,
        proves=("max_lifetime",),
    )
    yield from in_every_way(
        "leeway adds nothing to a lifetime",
        {**rules, "leeway": 60},
        {**issued, "iat": NOW - 11},
        LIFETIME_TOO_LONG,
    )
    yield from in_every_way("a lifetime, but no iat", rules, {"iat": None}, CLAIM_MISSING)
    yield from in_every_way("a lifetime, but no exp", rules, {"iat": NOW, "exp": None}, CLAIM_MISSING)
    yield from in_every_way(
        "an iat that may be absent", {**rules, "optional_claims": [["iat"]]}, {"iat": None}
    )
    yield from in_every_way(
        "an iat that may be absent, but is there",
        {**rules, "optional_claims": [["iat"]]},
        {**issued, "iat": NOW - HOUR},
        LIFETIME_TOO_LONG,
    )
    yield from in_every_way(
        "an exp that may be absent", {**rules, "optional_claims": [["exp"]]}, {"iat": NOW, "exp": None}
    )
    yield from in_every_way(
        "lifetime by another expiry claim",
        {**rules, "expiry_claim": ["ends"]},
        {"iat": NOW, "ends": NOW + HOUR + 1},
        LIFETIME_TOO_LONG,
    )
    yield from in_every_way(
        "an unchecked expiry has a lifetime all the same",
        {**rules, "verify_expiry": False},
        {"iat": NOW - 2 * HOUR, "exp": NOW - 1},
        LIFETIME_TOO_LONG,
    )
    for name, moment in (("a second", NOW + 1), ("a year", NOW + 31_536_000)):
        yield from in_every_way(
            f"issued {name} from now, and so short-lived by its own word",
            rules,
            {"iat": moment, "exp": moment + 60},
            TOKEN_NOT_YET_VALID,
        )
    yield from in_every_way(
        "issued a moment from now, within the leeway",
        {**rules, "leeway": 5},
        {"iat": NOW + 5, "exp": NOW + 60},
    )


def _age() -> Iterator[Case]:
    rules = {"max_age": 600}
    yield from in_every_way("a second younger than allowed", rules, {"iat": NOW - 599})
    yield from in_every_way(
        "as old as no token may be", rules, {"iat": NOW - 600}, TOKEN_TOO_OLD, proves=("max_age",)
    )
    yield from in_every_way("too old, within the leeway", {**rules, "leeway": 5}, {"iat": NOW - 604})
    yield from in_every_way(
        "too old for the leeway", {**rules, "leeway": 5}, {"iat": NOW - 605}, TOKEN_TOO_OLD
    )
    yield from in_every_way("an age, but no iat", rules, {"iat": None}, CLAIM_MISSING)
    yield from in_every_way("an age that is not asked for", {**rules, "optional_claims": [["iat"]]}, None)
    yield from in_every_way("issued in an hour", rules, {"iat": NOW + HOUR}, TOKEN_NOT_YET_VALID)
    yield from in_every_way("an iat that is text", rules, {"iat": "today"}, CLAIM_MALFORMED)
    yield from in_every_way(
        "expired before it is too old", rules, {"iat": NOW - 900, "exp": NOW - 1}, TOKEN_EXPIRED
    )
    for way in WAYS:
        held = good({"iat": NOW - 560})
        send = way.request(held)
        yield Case(
            f"{way.label}: a verdict ends with the age",
            way.settings(rules) | {"verdict_cache_ttl": 300},
            (
                Send(send, way.accepted()),
                Wait(39),
                Send(send, way.accepted()),
                Wait(1),
                Send(send, TOKEN_TOO_OLD),
            ),
            way.provider(held),
            frozenset({way.name("max_age")}),
        )


def _distrusted() -> Iterator[Case]:
    """While introspection is not trusted, its payload meets the limits of a JWT as well."""
    for way in WAYS:
        if not way.opaque:
            continue
        for trusted in (True, False):
            held = good({"iat": NOW - 700})
            limits = way.side.settings(max_age=600, trust_introspection=trusted)
            yield Case(
                f"{way.label}: an age of a JWT, trust {'on' if trusted else 'off'}",
                way.settings({}) | limits,
                (Send(way.request(held), way.accepted() if trusted else TOKEN_TOO_OLD),),
                way.provider(held),
                frozenset() if trusted else way.side.names("max_age", "trust_introspection"),
            )


def _new_tokens() -> Iterator[Case]:
    for side in SIDES:
        label = side.token.replace("_", " ")
        settings = side.settings(jwks_uri="$IDP/jwks", upstream_max_lifetime=60)
        send = side.send(token({"iat": NOW - 100}))
        born, reborn = {"iat": NOW, "exp": NOW + 60}, {"iat": NOW + 30, "exp": NOW + 90}
        yield Case(
            f"{label}: a new token lives for a minute, half of it in memory",
            settings,
            (
                Send(side.send(token({"jti": "first"})), side.passed(side.new(born))),  # brings the keys
                Send(send, side.passed(side.new(born))),
                Wait(29),
                Send(send, side.passed(side.new(born)), again=True),
                Wait(1),
                Send(send, side.passed(side.new(reborn)), again=False),
            ),
            KEYS,
            side.names("upstream_max_lifetime"),
        )
        short = {"iat": NOW, "exp": NOW + 20}
        yield Case(
            f"{label}: a new token does not outlive the old one",
            settings,
            (Send(side.send(token({"exp": NOW + 20})), side.passed(side.new(short))),),
            KEYS,
        )
        yield Case(
            f"{label}: a new token lives for a minute, with leeway and an exp that is set",
            settings | {side.name("upstream_leeway"): 600, side.name("set_claims"): {"exp": "9999999999"}},
            (Send(send, side.passed(side.new(born))),),
            KEYS,
        )
        yield Case(
            f"{label}: a new token expires where the old one does not",
            side.settings(introspection_endpoint="$IDP/introspect", upstream_max_lifetime=60),
            (Send(side.send(OPAQUE), side.passed(side.new(born), source="introspection")),),
            Provider(tokens={OPAQUE: Answer({"active": True, **good(without=("exp",))})}),
            side.names("upstream_max_lifetime"),
        )
        yield Case(
            f"{label}: an exp that is limited and left out",
            settings | {side.name("remove_claims"): ["exp"]},
            bad=BadSettings(side.names("upstream_max_lifetime")),
        )


CASES: Final = (*_lifetime(), *_age(), *_distrusted(), *_new_tokens())
