"""The opaque branch: the RFC 7662 exchange, its cache, trust, and a JWT inside the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import NOW, Answer, Case, Heard, Passed, Provide, Provider, Send, case
from conformance.outcomes import (
    INTROSPECTION_DISABLED,
    INTROSPECTION_JWT_MISSING,
    INTROSPECTION_REFUSED,
    ISSUER_NOT_ALLOWED,
    NO_ENDPOINT,
    PROVIDER_UNAVAILABLE,
    SCOPES_INSUFFICIENT,
    SIGNATURE_INVALID,
    TOKEN_EXPIRED,
    TOKEN_INACTIVE,
)
from conformance.tokens import good, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, SIDES, Side, forged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision, Route

ACTIVE: Final = Answer({"active": True, **good()})
INACTIVE: Final = Answer({"active": False})
ENDPOINT: Final = "$IDP/introspect"
OFTEN: Final = {"verdict_cache_size": 0}  # every request is decided anew


def says(route: Route) -> Provider:
    """What the endpoint says about the opaque token."""
    return Provider(tokens={OPAQUE: route})


def accepted(side: Side, **claims: object) -> Passed:
    return side.passed(side.new({"sub": "alice", **claims}), source="introspection")


def _story(
    side: Side,
    name: str,
    route: Route,
    expect: Decision,
    proves: tuple[str, ...] | None = None,
    **fields: Any,
) -> Case:
    """One introspected request; every field that is given is proven, unless `proves` names fewer."""
    return case(
        f"{side.token.replace('_', ' ')}: {name}",
        side.settings(introspection_endpoint=ENDPOINT, **fields) | OFTEN,
        side.send(OPAQUE),
        expect,
        provider=says(route),
        proves=side.names(*(fields if proves is None else proves)),
    )


def _answers() -> Iterator[Case]:
    """What an endpoint may say, and what becomes of it (decision 12)."""
    bodies: dict[str, object] = {
        "false": {"active": False, **good()},
        "the text true": {"active": "true", **good()},
        "one": {"active": 1, **good()},
        "absent": good(),
        "null": {"active": None, **good()},
    }
    for name, body in bodies.items():
        yield _story(ACCESS, f"active is {name}", Answer(body), TOKEN_INACTIVE)
    bodies = {
        "a list": [1],
        "text": "active",
        "empty": b"",
        "not JSON": b"active=true",
        "nested too deep": b'{"active": true, "a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "with a member twice": b'{"active": false, "active": true}',
    }
    for name, body in bodies.items():
        yield _story(ACCESS, f"an answer that is {name}", Answer(body), INTROSPECTION_REFUSED)
    for status in (201, 204, 302, 400, 401, 403, 404, 429):
        answer = Answer(ACTIVE.body, status, {"Location": "/elsewhere"} if status == 302 else {})
        yield _story(ACCESS, f"status {status}", answer, INTROSPECTION_REFUSED)
    refresh = Answer({"active": True, "token_type": "refresh_token", **good()})
    yield _story(ACCESS, "a refresh token", refresh, TOKEN_INACTIVE)
    yield _story(
        ACCESS,
        "members of any kind are carried over",
        Answer({"active": True, **good({"n": 2**60 + 1, "x": [None, 0.1]})}),
        accepted(ACCESS, active=True, n=2**60 + 1, x=[None, 0.1]),
    )


def _retries() -> Iterator[Case]:
    """Two attempts in all, for 5xx and transport errors only."""
    failures = {"a 500": Answer(status=500), "a 503": Answer(status=503), "no answer": Answer(hang_up=True)}
    for name, failure in failures.items():
        once, twice = (
            _story(ACCESS, f"{name}, then a good answer", (failure, ACTIVE), accepted(ACCESS)),
            _story(ACCESS, f"{name} twice", failure, PROVIDER_UNAVAILABLE),
        )
        yield _counted(once, 2)
        yield _counted(twice, 2)
    yield _counted(
        _story(ACCESS, "a 400 is not tried again", (Answer(status=400), ACTIVE), INTROSPECTION_REFUSED), 1
    )
    yield _counted(
        _story(ACCESS, "an inactive token is not tried again", (INACTIVE, ACTIVE), TOKEN_INACTIVE), 1
    )
    yield case(
        "nobody listens at the endpoint",
        ACCESS.settings(introspection_endpoint="http://$DEAD/introspect"),
        ACCESS.send(OPAQUE),
        PROVIDER_UNAVAILABLE,
    )
    yield Case(
        "nothing is remembered of a provider that was down",
        ACCESS.settings(introspection_endpoint=ENDPOINT),
        (
            Send(ACCESS.send(OPAQUE), PROVIDER_UNAVAILABLE),
            Provide(says(ACTIVE)),
            Send(ACCESS.send(OPAQUE), accepted(ACCESS), calls={"/introspect": 3}),
        ),
        says(Answer(status=502)),
    )


def _counted(one: Case, count: int) -> Case:
    (send,) = one.steps
    assert isinstance(send, Send)
    return Case(
        one.name, one.settings, (Send(send.request, send.expect, {"/introspect": count}),), one.provider
    )


def _requests() -> Iterator[Case]:
    """What the endpoint hears (section 8.1)."""
    for side in SIDES:
        label = side.token.replace("_", " ")
        hint = {"token_type_hint": "access_token"} if side is ACCESS else {}
        tests: dict[str, tuple[dict[str, object], Mapping[str, object], dict[str, str | None]]] = {
            "the default request": ({}, hint, {"authorization": None, "accept": "application/json"}),
            "with credentials": (
                {"introspection_authorization": "Basic Z2F0ZXdheTpzZWNyZXQ="},
                hint,
                {"authorization": "Basic Z2F0ZXdheTpzZWNyZXQ="},
            ),
            "with more arguments": (
                {"introspection_body_args": "resource=https%3A%2F%2Fapi&a=1&b=&c"},
                {**hint, "resource": "https://api", "a": "1", "b": "", "c": ""},
                {},
            ),
            "with another hint": ({"introspection_hint": "refresh+x"}, {"token_type_hint": "refresh+x"}, {}),
        }
        if side is ACCESS:
            tests["without a hint"] = ({"introspection_hint": None}, {}, {})
        for name, (fields, form, headers) in tests.items():
            yield case(
                f"{label}: introspection request {name}",
                side.settings(introspection_endpoint=ENDPOINT, **fields),
                side.send(OPAQUE),
                accepted(side),
                provider=says(ACTIVE),
                proves=side.names("introspection_endpoint", *fields),
                then=(Heard("/introspect", {"token": OPAQUE, **form}, headers),),
            )
        slow = Answer(ACTIVE.body, delay=0.25)
        yield _story(side, "slower than the time limit", slow, PROVIDER_UNAVAILABLE, introspection_timeout=60)
    yield case(
        "a token is sent as one form field",
        ACCESS.settings(introspection_endpoint=ENDPOINT),
        ACCESS.send("a+b/c=="),
        accepted(ACCESS),
        provider=Provider(tokens={"a+b/c==": ACTIVE}),
        then=(Heard("/introspect", {"token": "a+b/c==", "token_type_hint": "access_token"}),),
    )


def _switches() -> Iterator[Case]:
    for side in SIDES:
        yield _story(side, "introspection is off", ACTIVE, INTROSPECTION_DISABLED, enable_introspection=False)
        yield case(
            f"{side.token.replace('_', ' ')}: no endpoint",
            side.settings(jwks_uri="$IDP/jwks"),
            side.send(OPAQUE),
            NO_ENDPOINT,
        )
        yield Case(
            f"{side.token.replace('_', ' ')}: results are not remembered",
            side.settings(introspection_endpoint=ENDPOINT, cache_introspection=False),
            (
                Send(side.send(OPAQUE), accepted(side)),
                Send(side.send(OPAQUE), accepted(side), calls={"/introspect": 2}),
                Provide(says(INACTIVE)),
                Send(side.send(OPAQUE), TOKEN_INACTIVE),
            ),
            says(ACTIVE),
            side.names("cache_introspection"),
        )


def _trust() -> Iterator[Case]:
    """Whether a result is checked by the token's own rules as well (section 8.3)."""
    for side in SIDES:
        rules: dict[str, Any] = {"scopes_required": ["coffee"]}
        tea = Answer({"active": True, **good({"scope": "tea"})})
        yield _story(side, "trusted, the token's own rules rest", tea, accepted(side), (), **rules)
        yield _story(side, "not trusted", tea, SCOPES_INSUFFICIENT, trust_introspection=False, **rules)
        yield _story(
            side,
            "not trusted, and the introspection's rules come first",
            Answer({"active": True, **good({"scope": "tea", "iss": "x"})}),
            ISSUER_NOT_ALLOWED,
            ("introspection_issuers_allowed",),
            trust_introspection=False,
            introspection_issuers_allowed=["y"],
            **rules,
        )
        never = Answer({"active": True, **good(without=("exp",))})
        yield _story(side, "not trusted, without exp", never, accepted(side), (), trust_introspection=False)
        yield _story(
            side,
            "the new exp comes from the introspection's path",
            Answer({"active": True, **good({"ends": NOW + 77})}),
            accepted(side, exp=NOW + 77, ends=NOW + 77),
            introspection_expiry_claim=["ends"],
        )
        yield _story(
            side,
            "not trusted, the new exp comes from the token's path",
            Answer({"active": True, **good({"ends": NOW + 77})}),
            accepted(side, exp=NOW + 77, ends=NOW + 77),
            trust_introspection=False,
            expiry_claim=["ends"],
        )


def _embedded() -> Iterator[Case]:
    """`{token}_introspection_jwt_claim`: a JWT in the result takes its place (decision 11)."""
    for side in SIDES:
        claim: dict[str, Any] = {"introspection_jwt_claim": ["ext", "jwt"]}

        def inside(value: object) -> Answer:
            return Answer({"active": True, "exp": NOW + 50, "ext": {"jwt": value}})

        bob = token({"sub": "bob", "exp": NOW + 200})
        passed = side.passed(
            side.new({"sub": "bob", "exp": NOW + 200}, without=("active", "ext")), source="introspection"
        )
        yield _story(side, "the JWT in the result is signed anew", inside(bob), passed, **claim)
        yield _story(side, "trusted, a forged JWT in the result", inside(forged(bob)), passed, **claim)
        for name, value in {"absent": None, "no text": 7, "opaque": "abc", "a JWE": "a.b.c.d.e"}.items():
            yield _story(
                side, f"the JWT in the result is {name}", inside(value), INTROSPECTION_JWT_MISSING, **claim
            )
        for name, jwt, expect in (
            ("good", bob, passed),
            ("forged", forged(bob), SIGNATURE_INVALID),
            ("expired", token({"exp": NOW}), TOKEN_EXPIRED),
        ):
            yield case(
                f"{side.token.replace('_', ' ')}: not trusted, the JWT in the result is {name}",
                side.settings(
                    introspection_endpoint=ENDPOINT, jwks_uri="$IDP/jwks", trust_introspection=False, **claim
                ),
                side.send(OPAQUE),
                expect,
                provider=Provider({"/jwks": Answer(ALL_KEYS)}, {OPAQUE: inside(jwt)}),
                proves=side.names() if expect is passed else side.names("trust_introspection", *claim),
            )
        yield _story(
            side,
            "not trusted, without a key set the JWT in the result is decoded only",
            inside(forged(bob)),
            passed,
            ("introspection_jwt_claim",),
            trust_introspection=False,
            **claim,
        )


CASES: Final = (
    *_answers(),
    *_retries(),
    *_requests(),
    *_switches(),
    *_trust(),
    *_embedded(),
)
