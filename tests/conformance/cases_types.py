"""Which JWTs are access tokens: `typ` (RFC 7515, RFC 8725) and the profile of RFC 9068."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import ISSUER, NOW, Answer, BadSettings, Case, Provider, Send
from conformance.cases_caches import KEYS
from conformance.outcomes import (
    AUDIENCE_NOT_ALLOWED,
    CLAIM_MALFORMED,
    CLAIM_MISSING,
    ISSUER_NOT_ALLOWED,
    TOKEN_EXPIRED,
    TYP_NOT_ALLOWED,
)
from conformance.tokens import signed, token
from conformance.ways import ALL_KEYS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision
    from conformance.ways import Side

LONG: Final = "application/vnd.example.orders+at/1+jwt"
API: Final = "https://api.example"
# RFC 9068 section 2.2, and what a client gets beside it under the same keys.
ACCESS_TOKEN: Final[Mapping[str, object]] = {
    "iss": ISSUER,
    "exp": NOW + 300,
    "aud": API,
    "sub": "alice",
    "client_id": "shop",
    "iat": NOW - 10,
    "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
}
ID_TOKEN: Final = {**ACCESS_TOKEN, "nonce": "n-0S6_WzA2Mj", "azp": API, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}
BACKCHANNEL: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN: Final = {**ACCESS_TOKEN, "sid": "08a5019c", "events": {BACKCHANNEL: {}}}
REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
EVENT: Final = {**ACCESS_TOKEN, "events": {REVOKED: {"event_timestamp": NOW}}}
INTROSPECTION: Final = {**ACCESS_TOKEN, "token_introspection": {"active": True, "sub": "alice"}}


def _case(
    side: Side, name: str, sent: object, expect: Decision | None, proves: bool, **fields: object
) -> Case:
    return Case(
        f"{side.token.replace('_', ' ')}: {name}",
        side.settings(jwks_uri="$IDP/jwks", **fields),
        (Send(side.send(sent), expect or side.passed(side.new())),),
        KEYS,
        side.names("typ_allowed" if "typ_allowed" in fields else "profile") if proves else frozenset(),
    )


def _typ_allowed() -> Iterator[Case]:
    accepted: dict[str, tuple[tuple[str, ...], str | None]] = {
        "as it is listed": (("at+jwt",), "at+jwt"),
        "in capitals": (("at+jwt",), "AT+JWT"),
        "with application/ in the token": (("at+jwt",), "application/at+jwt"),
        "with application/ in the list": (("application/AT+JWT",), "at+jwt"),
        "of several": (("at+jwt", "JWT"), "jwt"),
        "absent, where JWT is listed": (("JWT",), None),
        "with a slash of its own": ((LONG,), LONG.upper()),
    }
    refused: dict[str, tuple[tuple[str, ...], str | None]] = {
        "another": (("at+jwt",), "JWT"),
        "absent": (("at+jwt",), None),
        "empty": (("JWT",), ""),
        "a part of a listed one": (("at+jwt",), "at"),
        "longer than a listed one": (("at+jwt",), "at+jwt;v=1"),
        "with another prefix": (("at+jwt",), "text/at+jwt"),
        "with application/ twice": (("at+jwt",), "application/application/at+jwt"),
        "with application/ left out before a slash": ((LONG,), LONG.removeprefix("application/")),
        "with a long s": (("secret+jwt",), "\u017fecret+jwt"),
        "of another purpose": (("at+jwt",), "logout+jwt"),
    }
    for side in SIDES:
        for name, (listed, typ) in accepted.items():
            sent = token(header={"typ": typ})
            yield _case(side, f"a typ {name}", sent, None, False, typ_allowed=list(listed))
        for name, (listed, typ) in refused.items():
            sent, proves = token(header={"typ": typ}), typ != "logout+jwt"
            yield _case(side, f"a typ {name}", sent, TYP_NOT_ALLOWED, proves, typ_allowed=list(listed))
        for typ in ("logout+jwt", "application/SECEVENT+jwt"):
            yield Case(
                f"{side.token}: {typ} can't be allowed",
                side.settings(typ_allowed=["at+jwt", typ]),
                bad=BadSettings(side.names("typ_allowed")),
            )


def _profile() -> Iterator[Case]:
    for side in SIDES:

        def sent(
            name: str,
            claims: Mapping[str, object],
            expect: Decision | None = None,
            *,
            typ: str | None = "at+jwt",
            proves: bool = False,
            side: Side = side,
        ) -> Case:
            lists = {"issuers_allowed": [ISSUER], "audiences_allowed": [API]}
            made = signed(claims, header={"typ": typ})
            return _case(side, f"RFC 9068: {name}", made, expect, proves, profile="at+jwt", **lists)

        good = ACCESS_TOKEN
        yield sent("an access token", good)
        yield sent("its long typ", good, typ="application/at+JWT")
        yield sent("several audiences", {**good, "aud": ["https://other.example", API]})
        for typ in (None, "JWT", "at", "rt+jwt"):
            yield sent(f"typ {typ}", good, TYP_NOT_ALLOWED, typ=typ, proves=True)
        for name in ("client_id", "iat", "jti", "sub"):
            without = {key: value for key, value in good.items() if key != name}
            yield sent(f"no {name}", without, CLAIM_MISSING, proves=True)
            yield sent(f"null for {name}", {**good, name: None}, CLAIM_MISSING, proves=True)
        for name in ("iss", "aud", "exp"):
            without = {key: value for key, value in good.items() if key != name}
            yield sent(f"no {name}", without, CLAIM_MISSING)
        for name, value in {"client_id": 7, "jti": "", "sub": "", "aud": []}.items():
            yield sent(f"{name} is {value!r}", {**good, name: value}, CLAIM_MALFORMED)
        yield sent("client_id is a list", {**good, "client_id": ["shop"]}, CLAIM_MALFORMED, proves=True)
        yield sent("of somebody else", {**good, "iss": ISSUER + "/"}, ISSUER_NOT_ALLOWED)
        yield sent("for somebody else", {**good, "aud": "https://other.example"}, AUDIENCE_NOT_ALLOWED)
        yield sent("expired", {**good, "exp": NOW}, TOKEN_EXPIRED)


def _confusion() -> Iterator[Case]:
    """RFC 8725 section 2.8: one provider, one key, many kinds of JWT."""
    others: dict[str, tuple[Mapping[str, object], str | None]] = {
        "an ID token": (ID_TOKEN, "JWT"),
        "an ID token without typ": (ID_TOKEN, None),
        "a logout token": (LOGOUT_TOKEN, "logout+jwt"),
        "a logout token of an old provider": (LOGOUT_TOKEN, "JWT"),
        "a security event": (EVENT, "secevent+jwt"),
        "a security event without a type of its own": (EVENT, "JWT"),
        "an introspection response": (INTROSPECTION, "token-introspection+jwt"),
        "signed user info": (ID_TOKEN, None),
        "a client's assertion": ({**ACCESS_TOKEN, "iss": ISSUER}, "client-authentication+jwt"),
        "a request object": (ACCESS_TOKEN, "oauth-authz-req+jwt"),
        "a DPoP proof": ({**ACCESS_TOKEN, "htm": "GET", "htu": API}, "dpop+jwt"),
    }
    guards: dict[str, dict[str, object]] = {
        "typ_allowed": {"typ_allowed": ["at+jwt"]},
        "profile": {"profile": "at+jwt", "issuers_allowed": [ISSUER], "audiences_allowed": [API]},
    }
    for side in SIDES:
        for guard, more in guards.items():
            for name, (claims, typ) in others.items():
                made = signed(claims, header={"typ": typ})
                yield _case(side, f"{name}, by {guard}", made, TYP_NOT_ALLOWED, False, **more)


def _embedded() -> Iterator[Case]:
    """The JWT in an introspection result meets the same rules where the result is not trusted."""
    for side in SIDES:
        for trusted in (True, False):
            inside = signed(ACCESS_TOKEN)  # typ JWT
            fields = {
                "introspection_endpoint": "$IDP/introspect",
                "introspection_jwt_claim": ["jwt"],
                "trust_introspection": trusted,
                "typ_allowed": ["at+jwt"],
            }
            passed = side.passed(side.new(), source="introspection")
            yield Case(
                f"{side.token.replace('_', ' ')}: typ of a JWT inside a result, trust {trusted}",
                side.settings(jwks_uri="$IDP/jwks", **fields),
                (Send(side.send(OPAQUE), passed if trusted else TYP_NOT_ALLOWED),),
                Provider({"/jwks": Answer(ALL_KEYS)}, {OPAQUE: Answer({"active": True, "jwt": inside})}),
                frozenset() if trusted else side.names("typ_allowed"),
            )


def _unmet() -> Iterator[Case]:
    lists: dict[str, object] = {"issuers_allowed": [ISSUER], "audiences_allowed": [API]}
    unmet: dict[str, dict[str, object]] = {
        "no list of issuers": {"audiences_allowed": [API]},
        "no list of audiences": {"issuers_allowed": [ISSUER]},
        "signatures unchecked": {**lists, "verify_signature": False},
        "expiry unchecked": {**lists, "verify_expiry": False},
        "issuers unchecked": {**lists, "verify_issuer": False},
        "audience read elsewhere": {**lists, "audience_claim": ["azp"]},
    }
    for side in SIDES:
        for name, more in unmet.items():
            yield Case(
                f"{side.token}: RFC 9068 with {name}",
                side.settings(profile="at+jwt", **more),
                bad=BadSettings(side.names("profile")),
            )
        yield Case(
            f"{side.token}: RFC 9068 and another typ",
            side.settings(profile="at+jwt", typ_allowed=["JWT"], **lists),
            bad=BadSettings(side.names("typ_allowed")),
        )


CASES: Final = (*_typ_allowed(), *_profile(), *_confusion(), *_embedded(), *_unmet())
