"""Several issuers for one token (`{token}_trusted_issuers`): whose keys and rules judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import ISSUER, Answer, BadSettings, Case, Provider, Request, Send
from conformance.keys import Jwk, jwks
from conformance.outcomes import (
    ALGORITHM_NOT_ALLOWED,
    AUDIENCE_NOT_ALLOWED,
    ISSUER_NOT_ALLOWED,
    KEY_UNKNOWN,
    NO_ENDPOINT,
    SCOPES_INSUFFICIENT,
    SIGNATURE_INVALID,
    TOKEN_MALFORMED,
)
from conformance.tokens import Token, good, segment, signed, token
from conformance.ways import ACCESS, OPAQUE, SIDES, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Decision

OTHER: Final = "https://other.example/realms/shop"
BOTH: Final = {
    ISSUER: {"jwks_uri": "$IDP/a"},
    OTHER: {"jwks_uri": "$IDP/b", "audiences_allowed": ["orders"]},
}
# The second issuer has another key under the very kid of the first one's.
PROVIDER: Final = Provider(
    {"/a": Answer(jwks("rsa1")), "/b": Answer(jwks("rsa2", Jwk("rsa3", {"kid": "rsa1"})))}
)
NOTHING_ASKED: Final[dict[str, int]] = {}


def trusting(side: Side, issuers: object = BOTH, **fields: object) -> dict[str, object]:
    return side.settings(**fields) | {f"{side.token}_trusted_issuers": issuers}


def passed(side: Side, iss: str, **members: Any) -> Decision:
    return side.passed(side.new({"iss": "kong", "original_iss": iss}), **members)


def _story(
    name: str, send: object, expect: Decision, *, calls: dict[str, int] | None = None, **fields: object
) -> Case:
    issuers = fields.pop("issuers", BOTH)
    step = Send(send if isinstance(send, Request) else ACCESS.send(send), expect, calls)
    return Case(f"several issuers: {name}", trusting(ACCESS, issuers, **fields), (step,), PROVIDER)


def _chosen() -> Iterator[Case]:
    for side in SIDES:
        first, second = token(), token({"iss": OTHER, "aud": "orders"}, key="rsa2")
        yield Case(
            f"{side.token.replace('_', ' ')}: each of two issuers has its own keys and rules",
            trusting(side),
            (
                Send(side.send(first), passed(side, ISSUER), {"/a": 1}),
                Send(side.send(second), passed(side, OTHER), {"/a": 1, "/b": 1}),
                Send(side.send(token({"iss": OTHER}, key="rsa2")), AUDIENCE_NOT_ALLOWED),
            ),
            PROVIDER,
            side.names("trusted_issuers"),
        )


def _crossed() -> Iterator[Case]:
    """A key of one issuer never speaks for another."""
    claims = good({"iss": OTHER, "aud": "orders"})
    yield _story("a key of the first under the name of the second", signed(claims), SIGNATURE_INVALID)
    unknown = signed(claims, header={"kid": "first"})
    yield _story("the same with a kid of its own", unknown, KEY_UNKNOWN)
    nameless = signed(claims, header={"kid": None})
    yield _story("the same without a kid", nameless, SIGNATURE_INVALID)
    back = signed(good(), key="rsa2", header={"kid": "rsa1"})
    yield _story("a key of the second under the name of the first", back, SIGNATURE_INVALID)


def _unknown() -> Iterator[Case]:
    """Refused before anything is fetched."""
    names = {
        "a stranger": "https://evil.example",
        "a slash at the end": f"{ISSUER}/",
        "another case": ISSUER.upper(),
        "a part of the name": ISSUER[:-1],
        "a blank at the end": f"{ISSUER} ",
        "the text null": "null",
        "empty": "",
        "a list": [ISSUER],
        "a number": 1,
        "an object": {"iss": ISSUER},
        "null": None,
    }
    for name, iss in names.items():
        yield _story(f"the issuer is {name}", token({"iss": iss}), ISSUER_NOT_ALLOWED, calls=NOTHING_ASKED)
    absent = token(without=("iss",))
    yield _story("no issuer", absent, ISSUER_NOT_ALLOWED, calls=NOTHING_ASKED)
    excused = {"optional_claims": [["iss"]]}
    yield _story(
        "no issuer where the claim is optional", absent, ISSUER_NOT_ALLOWED, calls=NOTHING_ASKED, **excused
    )
    header = token(header={"iss": ISSUER, "jku": "$IDP/a"}, claims={"iss": "https://evil.example"})
    yield _story("a known issuer in the header only", header, ISSUER_NOT_ALLOWED, calls=NOTHING_ASKED)
    twice = Token(
        b'{"alg":"RS256","kid":"rsa1"}', f'{{"iss":"x","iss":"{ISSUER}"}}'.encode(), "RS256", "rsa1"
    )
    yield _story("two issuers in one payload", twice, TOKEN_MALFORMED, calls=NOTHING_ASKED)


def _rules() -> Iterator[Case]:
    needs: dict[str, Any] = {"scopes_required": ["read"]}
    yield _story("a rule of the token holds for every issuer", token(), SCOPES_INSUFFICIENT, **needs)
    own = {ISSUER: {"jwks_uri": "$IDP/a", "scopes_required": ["write"], "scopes_claim": ["scp"]}}
    writer = token({"scp": "write"})
    yield _story("a rule of the issuer goes before", writer, passed(ACCESS, ISSUER), issuers=own, **needs)
    yield _story("and is kept", token({"scope": "read"}), SCOPES_INSUFFICIENT, issuers=own, **needs)
    realm: dict[str, Any] = {"issuer_claim": ["realm", "by"]}
    elsewhere = token({"realm": {"by": ISSUER}, "iss": "x"})
    yield _story("the issuer is read where the settings say", elsewhere, passed(ACCESS, "x"), **realm)


def _opaque() -> Iterator[Case]:
    """An opaque token goes to the token's own endpoint, or to the one issuer who has any."""
    answer = Answer({"active": True, **good()})
    provider = Provider(PROVIDER.routes, {OPAQUE: answer})
    one = {ISSUER: {"introspection_endpoint": "$IDP/introspect"}, OTHER: {"jwks_uri": "$IDP/b"}}
    two = {ISSUER: {"introspection_endpoint": "$IDP/introspect"}, OTHER: {"introspection_endpoint": "$IDP/b"}}
    taken = ACCESS.passed(ACCESS.new({"sub": "alice"}), source="introspection")
    asked = {"/introspect": 1}
    own = {"introspection_endpoint": "$IDP/introspect"}
    stories: tuple[tuple[str, object, dict[str, Any], Decision, dict[str, int], Provider], ...] = (
        ("the token's own endpoint", BOTH, own, taken, asked, provider),
        ("the endpoint of the only issuer who has one", one, {}, taken, asked, provider),
        ("two endpoints: nobody is asked", two, {}, NO_ENDPOINT, NOTHING_ASKED, provider),
        ("no endpoint", BOTH, {}, NO_ENDPOINT, NOTHING_ASKED, provider),
        (
            "an answer in another issuer's name",
            one,
            {},
            ISSUER_NOT_ALLOWED,
            asked,
            Provider({}, {OPAQUE: Answer({"active": True, **good({"iss": OTHER})})}),
        ),
        (
            "an answer that names no issuer",
            one,
            {},
            taken,
            asked,
            Provider({}, {OPAQUE: Answer({"active": True, **good(without=("iss",))})}),
        ),
    )
    for name, issuers, fields, expect, calls, says in stories:
        yield Case(
            f"several issuers, an opaque token: {name}",
            trusting(ACCESS, issuers, **fields),
            (Send(ACCESS.send(OPAQUE), expect, calls),),
            says,
        )


def _bad() -> Iterator[Case]:
    path = "access_token_trusted_issuers"
    bad: dict[str, tuple[dict[str, object], set[str]]] = {
        "a key set beside the map": (trusting(ACCESS, jwks_uri="$IDP/a"), {"access_token_jwks_uri"}),
        "a list of issuers beside it": (
            trusting(ACCESS, issuers_allowed=[ISSUER]),
            {"access_token_issuers_allowed"},
        ),
        "an issuer without keys": (
            trusting(ACCESS, {ISSUER: {"discovery": False}}),
            {f"{path}.{ISSUER}.jwks_uri"},
        ),
        "a name that there is not": (
            trusting(ACCESS, {ISSUER: {"jwks_url": "$IDP/a"}}),
            {f"{path}.{ISSUER}.jwks_url"},
        ),
        "what is not an issuer's to say": (
            trusting(ACCESS, {ISSUER: {"jwks_uri": "$IDP/a", "request_header": "X"}}),
            {f"{path}.{ISSUER}.request_header"},
        ),
        "values that can't be used": (
            trusting(ACCESS, {ISSUER: {"jwks_uri": "ftp://a"}, OTHER: {"jwks_uri": "$IDP/b"}}),
            {f"{path}.{ISSUER}.jwks_uri"},
        ),
        "a list": (trusting(ACCESS, [ISSUER]), {path}),
    }
    for name, (settings, options) in bad.items():
        yield Case(f"several issuers, refused: {name}", settings, bad=BadSettings(frozenset(options)))


def _without_signature() -> Iterator[Case]:
    header, payload = segment(b'{"alg":"none"}'), segment(f'{{"iss":"{ISSUER}"}}'.encode())
    forged = f"{header}.{payload}."
    yield _story("an unsigned token", forged, ALGORITHM_NOT_ALLOWED, calls=NOTHING_ASKED)


CASES: Final = (
    *_chosen(),
    *_crossed(),
    *_unknown(),
    *_rules(),
    *_opaque(),
    *_bad(),
    *_without_signature(),
)
