"""What is reported and not refused: checks that only report, and policies in the shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import NOW, Answer, Case, Logged, Provider, Reported, Request, Send, Wait, case
from conformance.outcomes import (
    ALGORITHM_NOT_ALLOWED,
    AUDIENCE_NOT_ALLOWED,
    CLAIM_MALFORMED,
    NO_JWKS_URI,
    SCOPES_INSUFFICIENT,
    SIGNATURE_INVALID,
    TOKEN_EXPIRED,
    TOKEN_INACTIVE,
    TOKEN_MALFORMED,
    TOKEN_MISSING,
)
from conformance.tokens import bearer, good, signed
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, WAYS, forged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision
    from conformance.ways import Way

# By the name of the check: rules that a good token breaks, and the reason.
BROKEN: Final[Mapping[str, tuple[Mapping[str, object], Mapping[str, object], str]]] = {
    "issuer": ({"issuers_allowed": ["https://other.example"]}, {}, "issuer_not_allowed"),
    "audience": ({"audiences_allowed": ["orders"]}, {"aud": "coffee"}, "audience_not_allowed"),
    "subject": ({"subjects_allowed": ["bob"]}, {}, "subject_not_allowed"),
    "scopes": ({"scopes_required": ["admin"]}, {"scope": "read"}, "scopes_insufficient"),
    "required_claims": ({"required_claims": [["email"]]}, {}, "claim_missing"),
    "not_before": ({"verify_notbefore": True}, {"nbf": NOW + 60}, "token_not_yet_valid"),
    "lifetime": ({"max_lifetime": 100}, {"iat": NOW - 10}, "lifetime_too_long"),
    "consumer": ({"consumer_claim": ["sub"]}, {}, "consumer_not_found"),
}
CONSUMERS: Final = {"consumers": [{"id": "1", "username": "bob"}]}


def _report_only() -> Iterator[Case]:
    for name, (rules, claims, reason) in BROKEN.items():
        for way in WAYS:
            option = f"{way.side.token}_report_only"
            settings = {**way.settings(rules), **CONSUMERS, option: [name]}
            held = good(claims)
            passed = Send(way.request(held), way.accepted(), again=None)
            told = ("report_only", reason)
            yield Case(
                f"{way.label}: {name} only reports",
                settings,
                (passed, Reported((told,)), passed, passed, Reported((told,) * 3)),
                way.provider(held),
                frozenset({option}),
            )
            yield Case(
                f"{way.label}: {name} only reports, and is met",
                {**way.settings(_met(name, rules)), **CONSUMERS, option: [name]},
                (*_twice(way, name), Reported(())),
                way.provider(_good(name)),
            )


def _met(name: str, rules: Mapping[str, object]) -> Mapping[str, object]:
    met: Mapping[str, Mapping[str, object]] = {
        "issuer": {"issuers_allowed": ["https://issuer.example"]},
        "subject": {"subjects_allowed": ["alice"]},
        "lifetime": {"max_lifetime": 400},
    }
    return met.get(name, rules)


def _good(name: str) -> dict[str, object]:
    met: Mapping[str, Mapping[str, object]] = {
        "audience": {"aud": ["orders"]},
        "scopes": {"scope": "admin"},
        "required_claims": {"email": "a@b.example"},
        "not_before": {"nbf": NOW},
        "lifetime": {"iat": NOW},
        "consumer": {"sub": "bob"},
    }
    return good(met.get(name, {}))


def _twice(way: Way, name: str) -> tuple[Send, Send]:
    consumer = {"id": "1", "username": "bob", "custom_id": None} if name == "consumer" else None
    headers = {"X-Consumer-ID": "1", "X-Consumer-Username": "bob"} if consumer else {}
    sent = Send(way.request(_good(name)), way.accepted(consumer, **headers))
    return sent, sent


ALL: Final = sorted(BROKEN)
EVERYTHING: Final = ACCESS.settings(jwks_uri="$IDP/jwks") | {"access_token_report_only": ALL}
KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})


def _refused_always() -> Iterator[Case]:
    """What no list makes report only."""
    sent: Mapping[str, tuple[object, Decision]] = {
        "no token": (None, TOKEN_MISSING),
        "no token after the scheme": ("Bearer", TOKEN_MALFORMED),
        "a forged signature": (bearer(forged(signed(good()))), SIGNATURE_INVALID),
        "an expired token": (bearer(signed(good({"exp": NOW - 1}))), TOKEN_EXPIRED),
        "alg none": (bearer(signed(good(), alg="none", key=None)), ALGORITHM_NOT_ALLOWED),
        "a claim of the wrong type": (bearer(signed(good({"exp": "soon"}))), CLAIM_MALFORMED),
    }
    for name, (value, expect) in sent.items():
        request = Request(() if value is None else (("Authorization", value),))
        yield case(
            f"report only does not let pass: {name}",
            EVERYTHING,
            request,
            expect,
            provider=KEYS,
            then=(Reported(()),),
        )
    opaque = ACCESS.settings(introspection_endpoint="$IDP/introspect") | {"access_token_report_only": ALL}
    yield case("not only reported: an inactive token", opaque, ACCESS.send(OPAQUE), TOKEN_INACTIVE)
    without = ACCESS.settings() | {"access_token_report_only": ALL}
    yield case(
        "not only reported: a token without keys",
        without,
        ACCESS.send(signed(good())),
        NO_JWKS_URI,
    )
    yield case(
        "what is not on the list refuses",
        ACCESS.settings(jwks_uri="$IDP/jwks", audiences_allowed=["orders"], scopes_required=["admin"])
        | {"access_token_report_only": ["audience"]},
        ACCESS.send(signed(good())),
        SCOPES_INSUFFICIENT,
        provider=KEYS,
        then=(Reported(()),),
    )


PASSED: Final = ACCESS.passed(ACCESS.new())
STRICT: Final = {"access_token_audiences_allowed": ["orders"], "access_token_scopes_required": ["admin"]}


def _shadow() -> Iterator[Case]:
    base = ACCESS.settings(jwks_uri="$IDP/jwks")
    sent = Send(ACCESS.send(signed(good({"aud": "coffee"}))), PASSED, calls={"/jwks": 1})
    told = ("shadow", "audience_not_allowed")
    yield Case(
        "a shadow would refuse",
        base | {"shadow": STRICT},
        (sent, sent, sent, Reported((told,) * 3)),
        KEYS,
        frozenset({"shadow"}),
    )
    yield Case(
        "a shadow that would refuse nothing",
        base | {"shadow": {"access_token_audiences_allowed": ["coffee"]}},
        (sent, sent, Reported(())),
        KEYS,
    )
    yield case(
        "what is refused is not judged again",
        base
        | {"access_token_audiences_allowed": ["orders"], "shadow": {"access_token_required_claims": [["x"]]}},
        ACCESS.send(signed(good())),
        AUDIENCE_NOT_ALLOWED,
        provider=KEYS,
        then=(Reported(()),),
    )
    yield Case(
        "a shadow and a check that only reports are told apart",
        base
        | {
            "access_token_scopes_required": ["admin"],
            "access_token_report_only": ["scopes"],
            "shadow": STRICT,
        },
        (sent, Reported((("report_only", "scopes_insufficient"), told))),
        KEYS,
    )
    yield Case(
        "a shadow is asked again when the verdict is over",
        base | {"shadow": {"access_token_max_age": 120}},
        (
            Send(ACCESS.send(signed(good({"iat": NOW}))), PASSED),
            Reported(()),
            Wait(121),
            Send(ACCESS.send(signed(good({"iat": NOW}))), PASSED),
            Reported((("shadow", "token_too_old"),)),
        ),
        KEYS,
    )
    introspecting = ACCESS.settings(introspection_endpoint="$IDP/introspect")
    opaque = Send(ACCESS.send(OPAQUE), ACCESS.passed(ACCESS.new(), source="introspection"))
    answers = Provider(tokens={OPAQUE: Answer({"active": True, **good()})})
    rule = {"access_token_introspection_scopes_required": ["admin"]}
    yield Case(
        "a shadow judges an answer that is at hand",
        introspecting | {"shadow": rule},
        (opaque, opaque, Reported((("shadow", "scopes_insufficient"),) * 2)),
        answers,
    )
    yield Case(
        "a shadow asks no provider",
        introspecting | {"shadow": rule, "cache_access_token_introspection": False},
        (opaque, Reported((("shadow", "undecided"),))),
        answers,
    )
    yield Case(
        "would-be refusals stand in the record of the decision",
        base | {"shadow": STRICT, "enable_instrumentation": True},
        (sent, Logged(("accepted",))),
        KEYS,
    )


CASES: Final = (*_report_only(), *_refused_always(), *_shadow())
