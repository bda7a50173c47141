"""What a new token says from elsewhere, and what it leaves out; settings that can't be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import (
    ISSUER,
    BadSettings,
    Case,
    NewToken,
    Request,
    Send,
)
from conformance.cases_caches import KEYS
from conformance.tokens import good, token
from conformance.ways import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.ways import Side

ALICE: Final = {"id": "1", "username": "alice", "custom_id": "a-1"}
CLAIMS: Final[Mapping[str, object]] = {
    "email": "alice@example.com",
    "age": 42,
    "admin": True,
    "realm_access": {"roles": ["buyer", "seller"]},
    "https://example.com/tenant": "blue",
    "empty": "",
    "nothing": None,
}
SECRET: Final = "a-secret-of-thirty-two-characters"
SECTOR: Final = "https://orders.example"


def label_of(side: Side) -> str:
    return side.token.replace("_", " ")


def story(
    side: Side,
    name: str,
    new: Mapping[str, object],
    *,
    claims: Mapping[str, object] = CLAIMS,
    without: tuple[str, ...] = (),
    proves: tuple[str, ...] = (),
    **fields: object,
) -> Case:
    """One JWT, and what the new one says."""
    return Case(
        f"{label_of(side)}: {name}",
        side.settings(jwks_uri="$IDP/jwks", **fields),
        (Send(side.send(token(claims)), side.passed(side.new(new, without=without))),),
        KEYS,
        side.names(*proves),
    )


TEMPLATES: Final[dict[str, tuple[str, object]]] = {
    "a claim": ("{claims.email}", "alice@example.com"),
    "a number as it is": ("{claims.age}", 42),
    "a list as it is": ("{claims.realm_access.roles}", ["buyer", "seller"]),
    "an object as it is": ("{claims.realm_access}", {"roles": ["buyer", "seller"]}),
    "an odd name": ("{claims[https://example.com/tenant]}", "blue"),
    "odd and plain names": ("{claims[realm_access].roles}", ["buyer", "seller"]),
    "text around": ("mailto:{claims.email}", "mailto:alice@example.com"),
    "several": ("{claims.sub}/{claims.age}/{claims.admin}", "alice/42/true"),
    "braces": ("{{{claims.sub}}}", "{alice}"),
    "the first that is there": ("{claims.upn|claims.nothing | claims.email}", "alice@example.com"),
    "empty text is a value": ("<{claims.empty}>", "<>"),
    "the host without its port, in lower case": ("{request.host}", "api.example"),
    "the path": ("{request.path}", "/orders"),
    "the method": ("{request.method} {request.path}", "GET /orders"),
}
NO_VALUE: Final[dict[str, str]] = {
    "an absent claim": "{claims.upn}",
    "a null": "{claims.nothing}",
    "a path through text": "{claims.email.domain}",
    "one absent claim of two": "{claims.email} {claims.upn}",
    "a list in a text": "roles: {claims.realm_access.roles}",
    "no consumer": "{consumer.username}",
    "what a template would say": "{claims.told}",
}


def _templates() -> Iterator[Case]:
    for side in SIDES:
        for name, (template, value) in TEMPLATES.items():
            yield story(
                side,
                f"a template with {name}",
                {"told": value},
                proves=("claim_templates",),
                claim_templates={"told": template},
            )
        for name, template in NO_VALUE.items():
            sent: Mapping[str, object] = {**CLAIMS, "told": "by the client"}
            if template == "{claims.told}":
                sent = CLAIMS
            yield story(
                side,
                f"a template with {name} says nothing",
                {"sub": "alice"},
                claims=sent,
                without=("told",),
                proves=() if sent is CLAIMS else ("claim_templates",),
                claim_templates={"told": template},
            )
        yield story(
            side,
            "a template without a value leaves what is set",
            {"told": "default"},
            claims={"told": "by the client"},
            proves=("claim_templates", "add_claims"),
            claim_templates={"told": "{claims.upn}"},
            add_claims={"told": "default"},
        )
        yield story(
            side,
            "a template comes after set, and before remove",
            {"one": "alice"},
            without=("two",),
            proves=("claim_templates", "remove_claims"),
            claim_templates={"one": "{claims.sub}", "two": "{claims.sub}"},
            set_claims={"one": "set"},
            remove_claims=["two"],
        )
        yield story(
            side,
            "no value is a template by itself",
            {"told": "{claims.email}"},
            proves=("set_claims",),
            set_claims={"told": "{claims.email}"},
        )
        yield _consumer(side)


def _consumer(side: Side) -> Case:
    written = {"X-Consumer-ID": "1", "X-Consumer-Username": "alice", "X-Consumer-Custom-ID": "a-1"}
    new = side.new({"told": "alice is a-1"})
    return Case(
        f"{label_of(side)}: a template with a consumer",
        side.settings(
            jwks_uri="$IDP/jwks",
            consumer_claim=["sub"],
            claim_templates={"told": "{consumer.username} is {consumer.custom_id}"},
        )
        | {"consumers": [ALICE]},
        (Send(side.send(token()), side.passed({**new, **written}, consumer=ALICE)),),
        KEYS,
        side.names("claim_templates"),
    )


def _requests() -> Iterator[Case]:
    """No remembered token carries another request's value; an equal request gets the very same token."""
    for side in SIDES:
        label = label_of(side)
        settings = side.settings(
            jwks_uri="$IDP/jwks",
            signing_algorithm="ES256",
            claim_templates={"at": "{request.host}", "what": "{request.method} {request.path}"},
        )

        def sent(
            at: str,
            what: str,
            *,
            again: bool | None = None,
            side: Side = side,
            jti: str = "1",
            **request: Any,
        ) -> Send:
            made = Request(side.send(token({"jti": jti})).headers, **request)
            passed = side.passed(side.new({"at": at, "what": what}, alg="ES256"))
            return Send(made, passed, again=again)

        plain: dict[str, Any] = {"at": "api.example", "what": "GET /orders"}
        yield Case(
            f"{label}: a new token that tells of the request is remembered for equal requests",
            settings,
            (
                sent(**plain, jti="0"),  # brings the keys
                sent(**plain),
                sent(**plain, again=True),
                sent("api.example", "POST /orders", again=False, method="POST"),
                sent("api.example", "GET /orders/1", again=False, target="/orders/1"),
                sent("evil.example", "GET /orders", again=False, host="evil.example"),
                sent("evil.example", "GET /orders", again=True, host="evil.example"),
                sent(**plain, again=False),
                sent(**plain, again=True),
            ),
            KEYS,
            side.names("claim_templates"),
        )
        yield Case(
            f"{label}: an overlong path is told to nobody",
            side.settings(jwks_uri="$IDP/jwks", claim_templates={"path": "{request.path}"}),
            (
                Send(
                    Request(side.send(token({"path": "/forged"})).headers, target="/" + "a" * 2048),
                    side.passed(side.new({"sub": "alice"}, without=("path",))),
                ),
            ),
            KEYS,
        )


def _keeping() -> Iterator[Case]:
    for side in SIDES:
        kept = {"sub": "alice", "email": "alice@example.com"}
        ours = {"iss": "kong", "original_iss": ISSUER, "exp": good()["exp"]}
        for name, listed, left in (("some", ["sub", "email", "absent"], kept), ("none", [], {})):
            new = NewToken(exactly={**left, **ours}, scheme="Bearer " if side.token == "access_token" else "")
            yield Case(
                f"{label_of(side)}: {name} of the claims are kept",
                side.settings(jwks_uri="$IDP/jwks", keep_claims=listed),
                (Send(side.send(token(CLAIMS)), side.passed({side.upstream: new})),),
                KEYS,
                side.names("keep_claims"),
            )
        yield story(
            side,
            "what is written is kept",
            {"added": "a", "email": "b", "told": "alice@example.com"},
            without=("sub", "age"),
            proves=("keep_claims",),
            keep_claims=["iss"],
            add_claims={"added": "a", "email": "b"},
            claim_templates={"told": "{claims.email}"},
        )


BAD: Final[dict[str, tuple[dict[str, object], str]]] = {
    "no reference": ({"claim_templates": {"a": "claims.email"}}, "claim_templates"),
    "a misspelt root": ({"claim_templates": {"a": "{claim.email}"}}, "claim_templates"),
    "a misspelt field": ({"claim_templates": {"a": "{consumer.name}"}}, "claim_templates"),
    "an open brace": ({"claim_templates": {"a": "{claims.email"}}, "claim_templates"),
    "a call": ({"claim_templates": {"a": "{claims.get('x')}"}}, "claim_templates"),
    "an attribute": ({"claim_templates": {"a": "{request.__class__}"}}, "claim_templates"),
    "a conversion": ({"claim_templates": {"a": "{claims.email!r}"}}, "claim_templates"),
    "an issuer": ({"claim_templates": {"iss": "{request.host}"}}, "claim_templates"),
    "an expiry": ({"claim_templates": {"exp": "{claims.exp}"}}, "claim_templates"),
    "a description of the request": (
        {"claim_templates": {"request": "{request.path}"}, "upstream_request": ["method", "path"]},
        "claim_templates",
    ),
    "half a pair": ({"subject_pairwise_secret": SECRET}, "subject_pairwise_sector"),
    "half a pair, and several audiences": (
        {"subject_pairwise_secret": SECRET, "upstream_audience": ["orders", "stock"]},
        "subject_pairwise_sector",
    ),
    "the other half": ({"subject_pairwise_sector": SECTOR}, "subject_pairwise_secret"),
    "a short key": (
        {"subject_pairwise_secret": "short", "subject_pairwise_sector": SECTOR},
        "subject_pairwise_secret",
    ),
    "a subject that is hidden and shown": (
        {
            "subject_pairwise_secret": SECRET,
            "subject_pairwise_sector": SECTOR,
            "claim_templates": {"user": "{claims.email|claims.sub}"},
        },
        "claim_templates",
    ),
}


def _bad() -> Iterator[Case]:
    for side in SIDES:
        for name, (fields, option) in BAD.items():
            yield Case(
                f"{label_of(side)}: settings with {name}",
                side.settings(**fields),
                bad=BadSettings(side.names(option)),
            )


CASES: Final = (*_templates(), *_requests(), *_keeping(), *_bad())
