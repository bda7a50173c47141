"""The new token: algorithm, issuer, expiry, claim edits (section 4, decisions 9, 13, 17 and 28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import ISSUER, NOW, Answer, BadSettings, Case, NewToken, Provider, case
from conformance.keys import Jwk, Pem, signing
from conformance.outcomes import SIGNING_KEY_MISSING, TOKEN_EXPIRED
from conformance.tokens import good, signed, token
from conformance.ways import ACCESS, ALL_KEYS, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Decision
    from conformance.ways import Side

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
ALGORITHMS: Final = {
    **dict.fromkeys(("RS256", "RS512", "PS256", "PS384", "PS512"), "rsa2"),
    "ES256": "p256",
    "ES384": "p384",
    "ES512": "p521",
    "EdDSA": "ed1",
    **dict.fromkeys(("HS256", "HS384", "HS512"), "oct1"),
}


def _story(
    side: Side,
    name: str,
    sent: object,
    expect: Decision,
    proves: tuple[str, ...] | None = None,
    **fields: object,
) -> Case:
    """One JWT signed anew; every field that is given is proven, unless `proves` names fewer."""
    return case(
        f"{side.token.replace('_', ' ')}: {name}",
        side.settings(jwks_uri="$IDP/jwks", **fields),
        side.send(sent),
        expect,
        provider=KEYS,
        proves=side.names(*(fields if proves is None else proves)),
    )


def _algorithms() -> Iterator[Case]:
    for side in SIDES:
        for alg, key in ALGORITHMS.items():
            yield case(
                f"{side.token.replace('_', ' ')}: signed with {alg} from a file",
                side.settings(jwks_uri="$IDP/jwks", signing_algorithm=alg, keyset="file://$DIR/own.json"),
                side.send(token()),
                side.passed(side.new(good({"iss": "kong"}), alg=alg, key=key, kid=key)),
                provider=KEYS,
                files={
                    "own.json": {
                        "keys": [signing("p256-2", "ES256" if alg != "ES256" else "ES384"), signing(key, alg)]
                    }
                },
                proves=side.names("keyset") | (side.names("signing_algorithm") if alg != "RS256" else set()),
            )
        for alg in ("PS256", "ES256", "ES384", "ES512", "EdDSA"):
            passed = side.passed(side.new(alg=alg))
            yield _story(side, f"signed with {alg} from a named set", token(), passed, signing_algorithm=alg)
        for wrong in ("RS384", "none", None):
            yield Case(
                f"{side.token.replace('_', ' ')}: {wrong!r} does not sign",
                side.settings(jwks_uri="$IDP/jwks", signing_algorithm=wrong),
                bad=BadSettings(side.names("signing_algorithm")),
            )


def _keys_at_hand() -> Iterator[Case]:
    """Which key of a set signs, and under which name (decisions 14 and 30)."""
    own = ACCESS.settings(jwks_uri="$IDP/jwks", keyset="file://$DIR/own")
    tests: dict[str, tuple[object, dict[str, Any]]] = {
        "a PEM file": (Pem("rsa2"), {"key": "rsa2"}),
        "one bare JWK": (signing("rsa2", "RS256"), {"key": "rsa2", "kid": "rsa2"}),
        "a key without kid": (signing("rsa2", "RS256", kid=None), {"key": "rsa2"}),
        "the first key of the algorithm": (
            {"keys": [signing("p256", "ES256"), signing("rsa2", "RS256"), signing("rsa3", "RS256")]},
            {"key": "rsa2", "kid": "rsa2"},
        ),
        "a key with members of its own": (
            signing("rsa2", "RS256", x5t="abc", custom={"a": 1}),
            {"key": "rsa2", "kid": "rsa2"},
        ),
    }
    for name, (content, members) in tests.items():
        yield case(
            f"signed with {name}",
            own,
            ACCESS.send(token()),
            ACCESS.passed(ACCESS.new(**members)),
            provider=KEYS,
            files={"own": content},
        )
    for name, content in {
        "of another algorithm": signing("rsa2", "PS256"),
        "that is public": Jwk("rsa2", {"alg": "RS256"}),
        "that is for encryption": signing("rsa2", "RS256", use="enc"),
    }.items():
        yield case(
            f"a signing key {name}",
            own,
            ACCESS.send(token()),
            SIGNING_KEY_MISSING,
            provider=KEYS,
            files={"own": content},
        )


def _issuer() -> Iterator[Case]:
    for side in SIDES:
        told = {"original_iss": "https://made.up.example"}
        yield _story(
            side,
            "issuer and original issuer",
            token(told),
            side.passed(side.new(exactly=good({"iss": "me", "original_iss": ISSUER}))),
            issuer="me",
        )
        yield _story(
            side,
            "no issuer, no original issuer",
            token(told, without=("iss",)),
            side.passed(side.new(exactly=good({"iss": "kong"}))),
        )
        yield _story(
            side,
            "an issuer that is read elsewhere stays there",
            token({"by": {"iss": "x"}}),
            side.passed(side.new(exactly=good({"iss": "kong", "original_iss": ISSUER, "by": {"iss": "x"}}))),
            (),
            issuer_claim=["by", "iss"],
        )


def _expiry() -> Iterator[Case]:
    for side in SIDES:
        for leeway, expiry in ((60, NOW + 360), (-60, NOW + 240)):
            expect = side.passed(side.new({"exp": expiry}))
            yield _story(side, f"upstream leeway {leeway}", token(), expect, upstream_leeway=leeway)
        yield _story(side, "upstream leeway into the past", token(), TOKEN_EXPIRED, upstream_leeway=-300)
        yield _story(
            side,
            "no exp, none in the new token",
            signed({"sub": "alice"}),
            side.passed(side.new(exactly={"sub": "alice", "iss": "kong"})),
            ("verify_expiry",),
            verify_expiry=False,
            upstream_leeway=60,
        )
        yield _story(
            side,
            "an expiry read elsewhere is written to exp",
            token({"ends": {"at": NOW + 50}, "exp": NOW + 9}),
            side.passed(side.new({"exp": NOW + 55, "ends": {"at": NOW + 50}})),
            expiry_claim=["ends", "at"],
            upstream_leeway=5,
        )
        yield _story(
            side,
            "a set exp beats the leeway",
            token(),
            side.passed(side.new({"exp": NOW + 9000})),
            ("set_claims",),
            upstream_leeway=-300,
            set_claims={"exp": str(NOW + 9000)},
        )


def _edits() -> Iterator[Case]:
    """`add`, `set` and `remove`, the shared maps and the token's own (decision 9)."""
    for side in SIDES:
        add, put, remove = side.name("add_claims"), side.name("set_claims"), side.name("remove_claims")
        both_add, both_put = "add_claims", "set_claims"
        # name, options, claims of the new token, claims it lacks, options that this proves
        rows: tuple[tuple[str, dict[str, object], dict[str, object], tuple[str, ...], set[str]], ...] = (
            (
                "added where absent",
                {add: {"tier": "x", "sub": "eve"}},
                {"tier": "x", "sub": "alice"},
                (),
                {add},
            ),
            (
                "added to both tokens",
                {both_add: {"tier": "x", "sub": "eve"}},
                {"tier": "x", "sub": "alice"},
                (),
                {both_add},
            ),
            ("set over what is there", {put: {"sub": "eve"}}, {"sub": "eve"}, (), {put}),
            ("set in both tokens", {both_put: {"sub": "eve"}}, {"sub": "eve"}, (), {both_put}),
            (
                "removed",
                {remove: ["sub", "iss", "nothing"]},
                {"original_iss": ISSUER},
                ("sub", "iss"),
                {remove},
            ),
            ("the shared map adds first", {both_add: {"a": "1"}, add: {"a": "2"}}, {"a": 1}, (), {both_add}),
            ("the token's own map sets last", {both_put: {"a": "1"}, put: {"a": "2"}}, {"a": 2}, (), {put}),
            ("set beats add", {add: {"a": "1"}, both_put: {"a": "2"}}, {"a": 2}, (), {both_put}),
            (
                "removal is a guarantee",
                {both_put: {"a": "1"}, put: {"b": "1"}, remove: ["a", "b"]},
                {},
                ("a", "b"),
                {remove},
            ),
            (
                "a set issuer wins",
                {put: {"iss": "us", "original_iss": "me"}},
                {"iss": "us", "original_iss": "me"},
                (),
                {put},
            ),
        )
        for name, options, claims, without, proves in rows:
            yield case(
                f"{side.token.replace('_', ' ')}: claims {name}",
                side.settings(jwks_uri="$IDP/jwks") | options,
                side.send(token()),
                side.passed(side.new(claims, without=without)),
                provider=KEYS,
                proves=proves,
            )
    values: dict[str, object] = {
        "1": 1,
        "true": True,
        "null": None,
        '"1"': "1",
        '["a", 1.5]': ["a", 1.5],
        '{"b": {}}': {"b": {}},
    }
    values |= {"plain text": "plain text", "01": "01", "NaN": "NaN", "": ""}
    for text, value in values.items():
        yield case(
            f"a value written {text!r}",
            ACCESS.settings(jwks_uri="$IDP/jwks") | {"set_claims": {"value": text}},
            ACCESS.send(token()),
            ACCESS.passed(ACCESS.new({"value": value})),
            provider=KEYS,
            proves={"set_claims"},
        )


def _carried_over() -> Iterator[Case]:
    claims = {
        "n": 9007199254740993,
        "f": 0.1,
        "t": "zoë \u2603 \U0001f600",
        "l": [None, {}, -0.5],
        "at_hash": "x",
    }
    yield _story(
        ACCESS,
        "claims of every kind survive",
        token(claims),
        ACCESS.passed(
            ACCESS.new(exactly=good({**claims, "iss": "kong", "original_iss": ISSUER})), claims=good(claims)
        ),
    )
    yield _story(
        ACCESS,
        "the new header holds nothing of the old",
        token(header={"jku": "https://evil.example", "x5t": "abc", "typ": "at+jwt", "custom": 1}),
        ACCESS.passed({"Authorization": NewToken(scheme="Bearer ")}),
    )


CASES: Final = (
    *_algorithms(),
    *_keys_at_hand(),
    *_issuer(),
    *_expiry(),
    *_edits(),
    *_carried_over(),
)
