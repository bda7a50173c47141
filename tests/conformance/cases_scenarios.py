"""The five scenarios that the plugin is used for, each with the refusals that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import (
    ISSUER,
    NOW,
    Answer,
    Case,
    Heard,
    NewToken,
    Passed,
    Provide,
    Provider,
    Request,
    Send,
    Verified,
)
from conformance.keys import jwks
from conformance.outcomes import (
    KEY_UNKNOWN,
    PROVIDER_UNAVAILABLE,
    SCOPES_INSUFFICIENT,
    SIGNATURE_INVALID,
    TOKEN_EXPIRED,
    TOKEN_INACTIVE,
    TOKEN_MISSING,
)
from conformance.tokens import bearer, signed, token
from conformance.ways import ACCESS, OPAQUE, forged

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD: Final = {
    "iss": ISSUER,
    "sub": "alice",
    "exp": NOW + 300,
    "employee": {"favourites": {"beverage": "coffee"}},
}
COFFEE: Final = signed(RECORD)
TEA: Final = signed({**RECORD, "employee": {"favourites": {"beverage": "tea"}}})
LOUD: Final = signed({**RECORD, "employee": {"favourites": {"beverage": "Coffee"}}})
RESULT: Final = {"active": True, **RECORD, "client_id": "app"}
SIGNED_ANEW: Final = {**RECORD, "iss": "kong", "original_iss": ISSUER}
CREDENTIALS: Final = "Basic Z2F0ZXdheTpzZWNyZXQ="
FIRST: Final = {"access_token_jwks_uri": "$IDP/jwks", "channel_token_optional": True}
SECOND: Final = {
    "access_token_introspection_endpoint": "$IDP/introspect",
    "access_token_introspection_authorization": CREDENTIALS,
    "channel_token_optional": True,
}


def _new(**claims: object) -> Passed:
    return ACCESS.passed(
        {"Authorization": NewToken(exactly={**SIGNED_ANEW, **claims}, scheme="Bearer ")}, claims=RECORD
    )


def _one_jwt() -> Iterator[Case]:
    send = ACCESS.send
    yield Case(
        "scenario 1: one JWT, validated by signature and signed anew",
        FIRST,
        (
            Send(send(COFFEE), _new(), {"/jwks": 1}),
            Send(Request(), TOKEN_MISSING),
            Send(send(forged(COFFEE)), SIGNATURE_INVALID, {"/jwks": 2}),
            Send(send(token({"exp": NOW})), TOKEN_EXPIRED),
            Send(send(COFFEE), _new(), {"/jwks": 2}),
        ),
        Provider({"/jwks": Answer(jwks("rsa1"))}),
        frozenset({"access_token_jwks_uri", "channel_token_optional"}),
    )
    yield Case(
        "scenario 1: the provider's keys rotate",
        FIRST,
        (
            Send(send(COFFEE), _new()),
            Provide(Provider({"/jwks": Answer(jwks("rsa2"))})),
            Send(send(signed(RECORD, key="rsa2")), _new(), {"/jwks": 2}),
            Send(send(COFFEE), KEY_UNKNOWN),
        ),
        Provider({"/jwks": Answer(jwks("rsa1"))}),
    )
    yield Case(
        "scenario 1: the provider is down",
        FIRST,
        (Send(send(COFFEE), PROVIDER_UNAVAILABLE),),
        Provider({"/jwks": Answer(hang_up=True)}),
    )


def _one_opaque_token() -> Iterator[Case]:
    new = {**SIGNED_ANEW, "active": True, "client_id": "app"}
    passed = ACCESS.passed(
        {"Authorization": NewToken(exactly=new, scheme="Bearer ")}, source="introspection", claims=RESULT
    )
    yield Case(
        "scenario 2: one opaque token, introspected and signed as a JWT",
        SECOND,
        (
            Send(ACCESS.send(OPAQUE), passed, {"/introspect": 1}),
            Heard(
                "/introspect",
                {"token": OPAQUE, "token_type_hint": "access_token"},
                {"authorization": CREDENTIALS},
            ),
            Send(ACCESS.send(OPAQUE), passed, {"/introspect": 1}),
            Send(ACCESS.send("another-token"), TOKEN_INACTIVE, {"/introspect": 2}),
            Send(Request(), TOKEN_MISSING),
            Provide(Provider(tokens={"a-third-token": Answer(status=503)})),
            Send(ACCESS.send("a-third-token"), PROVIDER_UNAVAILABLE),
        ),
        Provider(tokens={OPAQUE: Answer(RESULT)}),
        frozenset(
            {
                "access_token_introspection_endpoint",
                "access_token_introspection_authorization",
                "channel_token_optional",
            }
        ),
    )


def _two_tokens() -> Iterator[Case]:
    settings = SECOND | {
        "channel_token_optional": False,
        "channel_token_jwks_uri": "$IDP/second/jwks",
        "channel_token_request_header": "X-JWT-channel-client",
        "channel_token_upstream_header": "X-JWT-channel-upstream",
    }
    channel = token({"iss": "https://second.example", "sub": "branch-7"}, key="rsa2")
    both = (("Authorization", bearer(OPAQUE)), ("X-JWT-channel-client", channel))
    new = {
        "Authorization": NewToken({"sub": "alice", "original_iss": ISSUER}, scheme="Bearer "),
        "X-JWT-channel-upstream": NewToken({"sub": "branch-7", "original_iss": "https://second.example"}),
    }
    passed = Passed(new, Verified("introspection", RESULT), Verified("jwt", {"sub": "branch-7"}))
    wrong = token({"sub": "branch-7"}, key="rsa1")
    yield Case(
        "scenario 3: two tokens of two providers",
        settings,
        (
            Send(Request(both), passed),
            Send(Request(both[:1]), TOKEN_MISSING),
            Send(Request(both[1:]), TOKEN_MISSING),
            Send(Request((*both[:1], ("X-JWT-channel-client", wrong))), KEY_UNKNOWN),
            Send(Request((("Authorization", bearer("unknown")), both[1])), TOKEN_INACTIVE),
        ),
        Provider(
            {"/second/jwks": Answer(jwks("rsa2"))},
            {OPAQUE: Answer(RESULT)},
        ),
        frozenset(
            {
                "channel_token_jwks_uri",
                "channel_token_request_header",
                "channel_token_upstream_header",
                "access_token_introspection_endpoint",
            }
        ),
    )


def _no_validation() -> Iterator[Case]:
    anything = forged(token({"exp": 1}))
    settings = {
        "channel_token_optional": True,
        "verify_access_token_signature": False,
        "verify_access_token_expiry": False,
    }
    yield Case(
        "scenario 4: no validation, only signing",
        settings,
        (
            Send(ACCESS.send(anything), ACCESS.passed(ACCESS.new({"sub": "alice", "exp": 1}))),
            Send(Request(), TOKEN_MISSING),
        ),
        proves=frozenset(settings),
    )


def _required_value() -> Iterator[Case]:
    rules = {
        "access_token_scopes_claim": ["employee", "favourites", "beverage"],
        "access_token_scopes_required": ["coffee"],
    }
    yield Case(
        "scenario 5: a claim value is required",
        FIRST | rules,
        (
            Send(ACCESS.send(COFFEE), _new()),
            Send(ACCESS.send(TEA), SCOPES_INSUFFICIENT),
            Send(ACCESS.send(LOUD), SCOPES_INSUFFICIENT),
            Send(ACCESS.send(token()), SCOPES_INSUFFICIENT),
        ),
        Provider({"/jwks": Answer(jwks("rsa1"))}),
        frozenset(rules),
    )


CASES: Final = (*_one_jwt(), *_one_opaque_token(), *_two_tokens(), *_no_validation(), *_required_value())
