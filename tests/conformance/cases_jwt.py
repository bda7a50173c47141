"""The JWT branch: algorithms, keys, header members and the compact form (decisions 23 and 24)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from conformance.case import NOW, Answer, Passed, Provider, Request, Send, Verified, case
from conformance.keys import Jwk, Pem, jwks
from conformance.outcomes import (
    ALGORITHM_NOT_ALLOWED,
    CLAIM_MISSING,
    KEY_UNKNOWN,
    NO_ENDPOINT,
    NO_JWKS_URI,
    NOT_A_JWT,
    SIGNATURE_INVALID,
    TOKEN_EXPIRED,
    TOKEN_MALFORMED,
    TYP_NOT_ALLOWED,
)
from conformance.tokens import CLAIMS, Joined, Token, bearer, good, segment, token
from conformance.ways import ACCESS, ALL_KEYS, SIDES, forged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case, Decision

SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks")
KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
ACCEPTED: Final = ACCESS.passed(ACCESS.new({"sub": "alice"}))


def _sent(name: str, value: object, expect: Decision, keys: object = ALL_KEYS) -> Case:
    return case(name, SETTINGS, ACCESS.send(value), expect, provider=Provider({"/jwks": Answer(keys)}))


def _algorithms() -> Iterator[Case]:
    pairs = {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "rsa1"),
        "ES256": "p256",
        "ES384": "p384",
        "ES512": "p521",
        "EdDSA": "ed1",
    }
    for alg, key in pairs.items():
        yield _sent(f"{alg}", token(alg=alg, key=key), ACCEPTED)
        yield _sent(
            f"{alg}, the JWK names it", token(alg=alg, key=key), ACCEPTED, jwks(Jwk(key, {"alg": alg}))
        )
        yield _sent(f"{alg}, forged", forged(token(alg=alg, key=key)), SIGNATURE_INVALID)
    for alg in ("none", "None", "NONE", "ES256K", "dir", "rs256", "RS256 ", "RS\uff1256", "RSA-OAEP"):
        yield _sent(f"alg {alg!r}", token(header={"alg": alg}), ALGORITHM_NOT_ALLOWED)
    yield _sent(
        "alg none without a signature",
        Token(_header(alg="none"), _payload(), "none", None),
        ALGORITHM_NOT_ALLOWED,
    )
    yield _sent(
        "a JWK of another algorithm", token(alg="RS512"), KEY_UNKNOWN, jwks(Jwk("rsa1", {"alg": "RS256"}))
    )
    yield _sent("an EC algorithm and an RSA key", token(header={"alg": "ES256"}), KEY_UNKNOWN)
    yield _sent(
        "an RSA algorithm and an EC key", token(alg="ES256", key="p256", header={"alg": "RS256"}), KEY_UNKNOWN
    )
    yield _sent(
        "a curve of another algorithm", token(alg="ES256", key="p256", header={"kid": "p384"}), KEY_UNKNOWN
    )


def _header(**members: object) -> bytes:
    return json.dumps({"alg": "RS256", "kid": "rsa1", "typ": "JWT", **members}).encode()


def _payload(**claims: object) -> bytes:
    return json.dumps(good(claims)).encode()


def _hmac() -> Iterator[Case]:
    """HS* needs the switch, and a key from a file: a key that a provider publishes is no secret."""
    mac = token(alg="HS256", key="oct1")
    files = {"keys.json": jwks(Jwk("oct1"), "rsa1")}
    local = ACCESS.settings(jwks_uri="file://$DIR/keys.json")
    on = local | {"enable_hs_signatures": True}
    yield case(
        "HS256, switched on", on, ACCESS.send(mac), ACCEPTED, files=files, proves={"enable_hs_signatures"}
    )
    for alg in ("HS384", "HS512"):
        yield case(f"{alg}, switched on", on, ACCESS.send(token(alg=alg, key="oct1")), ACCEPTED, files=files)
    yield case("HS256, switched off", local, ACCESS.send(mac), ALGORITHM_NOT_ALLOWED, files=files)
    yield case("HS256, forged", on, ACCESS.send(forged(mac)), SIGNATURE_INVALID, files=files)
    yield case(
        "HS256 with a key that a provider publishes",
        SETTINGS | {"enable_hs_signatures": True},
        ACCESS.send(mac),
        KEY_UNKNOWN,
        provider=Provider({"/jwks": Answer(jwks(Jwk("oct1"), "rsa1"))}),
    )
    short = jwks(Jwk("oct1", {"k": segment(b"too short")}))
    yield case("HS256 with a short key", on, ACCESS.send(mac), KEY_UNKNOWN, files={"keys.json": short})


def _switched_off() -> Iterator[Case]:
    for side in SIDES:
        label = side.token.replace("_", " ")
        off = side.settings(verify_signature=False)
        passed = side.passed(side.new({"sub": "alice"}))
        yield case(
            f"{label}: the signature check is off",
            off,
            side.send(forged(token())),
            passed,
            proves=side.names("verify_signature"),
        )
        yield case(
            f"{label}: claims are checked all the same", off, side.send(token({"exp": NOW})), TOKEN_EXPIRED
        )
        yield case(f"{label}: no key set configured", side.settings(), side.send(token()), NO_JWKS_URI)
        yield case(
            f"{label}: a JWT where only introspection is configured",
            side.settings(introspection_endpoint="$IDP/introspect"),
            side.send(token()),
            NO_JWKS_URI,
            provider=Provider(tokens={token(): Answer({"active": True, **good()})}),
            then=(Send(side.send(token()), NO_JWKS_URI, calls={}),),
        )
        yield case(
            f"{label}: a forged JWT is not introspected instead",
            side.settings(jwks_uri="$IDP/jwks", introspection_endpoint="$IDP/introspect"),
            side.send(forged(token())),
            SIGNATURE_INVALID,
            provider=Provider(KEYS.routes, {forged(token()): Answer({"active": True, **good()})}),
            proves=side.names("jwks_uri"),
            then=(Send(side.send(token()), passed),),
        )


def _key_choice() -> Iterator[Case]:
    yield _sent("an unknown kid", token(header={"kid": "rsa9"}), KEY_UNKNOWN)
    yield _sent("a kid of another key", token(header={"kid": "rsa2"}), SIGNATURE_INVALID)
    yield _sent("a kid in other letters", token(header={"kid": "RSA1"}), KEY_UNKNOWN)
    yield _sent("no kid", token(key="rsa2", header={"kid": None}), ACCEPTED)
    yield _sent("no kid, and no key fits", token(key="rsa3", header={"kid": None}), SIGNATURE_INVALID)
    yield _sent("a JWK without kid", token(), ACCEPTED, jwks(Jwk("rsa2"), Jwk("rsa1", {"kid": None})))
    no_kids = [Jwk(f"p256-{number}", {"kid": None}) for number in range(17)]
    for number, expect in ((15, ACCEPTED), (16, SIGNATURE_INVALID)):
        sent = token(alg="ES256", key=f"p256-{number}", header={"kid": None})
        yield _sent(f"no kid, key {number + 1} of 17", sent, expect, jwks(*no_kids))
    for members in ({"use": "enc"}, {"key_ops": ["encrypt"]}):
        yield _sent(f"a JWK with {members}", token(), KEY_UNKNOWN, jwks(Jwk("rsa1", members), "p256"))
    yield _sent(
        "a JWK with use and key_ops",
        token(),
        ACCEPTED,
        jwks(Jwk("rsa1", {"use": "sig", "key_ops": ["verify"]})),
    )
    yield _sent("an RSA key of 1024 bits", token(key="weak"), KEY_UNKNOWN, jwks("weak", "rsa1"))
    yield _sent(
        "unusable keys beside it",
        token(),
        ACCEPTED,
        jwks({"kty": "XYZ", "kid": "a"}, 7, Jwk("p256", {"x": "AAAA"}), {"kty": "RSA"}, "rsa1"),
    )
    twice = (Jwk("rsa1"), Jwk("rsa2", {"kid": "rsa1"}))
    for keys in (twice, twice[::-1]):
        yield _sent(f"two keys of one kid, {keys[0].name} first", token(), KEY_UNKNOWN, jwks(*keys, "p256"))
    yield _sent("beside two keys of one kid", token(alg="ES256", key="p256"), ACCEPTED, jwks(*twice, "p256"))
    shared = jwks(Jwk("rsa1", {"alg": "RS256"}), Jwk("p256", {"kid": "rsa1", "alg": "ES256"}))
    yield _sent("one kid for two algorithms", token(), ACCEPTED, shared)
    yield _sent("a set that shows its private members", token(), ACCEPTED, jwks(Jwk("rsa1", private=True)))


def _header_members() -> Iterator[Case]:
    theirs = Jwk("rsa1-forged", {"kid": "rsa1"}).as_json
    for name, value in {
        "jku": "$IDP/evil",
        "x5u": "$IDP/evil",
        "x5c": ["MIIB"],
        "x5t": "abc",
        "custom": 1,
    }.items():
        yield _sent(f"{name} is not followed", token(header={name: value}), ACCEPTED)
        yield _sent(f"{name} does not help a forgery", forged(token(header={name: value})), SIGNATURE_INVALID)
    yield _sent(
        "an embedded key does not help a forgery", forged(token(header={"jwk": theirs()})), SIGNATURE_INVALID
    )
    for crit in (["exp"], ["b64"], [], "exp", None):
        sent = Token(_header(crit=crit), _payload(), "RS256", "rsa1")
        yield _sent(f"crit {crit!r}", sent, TOKEN_MALFORMED)
    for typ in (
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "application/DPoP+JWT",
    ):
        yield _sent(f"typ {typ}", token(header={"typ": typ}), TYP_NOT_ALLOWED)
    for good_typ in (None, "JWT", "at+jwt", "jwt", "application/at+JWT"):
        yield _sent(f"typ {good_typ} passes", token(header={"typ": good_typ}), ACCEPTED)
    for member, value in {"kid": 7, "alg": ["RS256"], "typ": 7, "b64": False}.items():
        expect = NO_ENDPOINT if member == "alg" else TOKEN_MALFORMED
        yield _sent(f"{member} is {value!r}", token(header={member: value}), expect)


def _compact_form() -> Iterator[Case]:
    header, payload, good_token = segment(_header()), segment(_payload()), token()
    yield _sent("padding behind the signature", Joined((good_token, "==")), NO_ENDPOINT)
    yield _sent("a fourth part", Joined((good_token, ".x")), NO_ENDPOINT)
    many = {"alg": "RS256", "kid": "rsa1", **{f"m{n}": 1 for n in range(800)}}
    headers = {
        "with alg none before RS256": b'{"alg":"none","alg":"RS256","kid":"rsa1"}',
        "with alg RS256 before none": b'{"alg":"RS256","alg":"none","kid":"rsa1"}',
        "nested too deep": b'{"alg":"RS256","kid":"rsa1","a":' + b"[" * 1200 + b"]" * 1200 + b"}",
        "of 800 members": json.dumps(many).encode(),
        "with a long kid": _header(kid="k" * 8000),
        "that is a list": b'["RS256"]',
        "that is empty": b"{}",
        "without alg": b'{"kid":"rsa1"}',
    }
    for name, raw in headers.items():
        yield _sent(f"a header {name}", Token(raw, _payload(), "RS256", "rsa1"), NOT_A_JWT)
    yield _sent("an empty payload", Token(_header(), b"", "RS256", "rsa1"), TOKEN_MALFORMED)
    yield _sent("an empty signature", f"{header}.{payload}.", TOKEN_MALFORMED)
    yield _sent("a flipped signature", f"{header}.{payload}.{'A' * 342}", SIGNATURE_INVALID)
    yield _sent("a short signature", f"{header}.{payload}.AAAA", SIGNATURE_INVALID)
    payloads = {
        "a list": b"[1]",
        "null": b"null",
        "not JSON": b"claims",
        "not UTF-8": b'{"sub":"\xff"}',
        "UTF-16": json.dumps(CLAIMS).encode("utf-16"),
        "followed by more": _payload() + b"{}",
        "with a claim twice": _payload()[:-1] + b', "exp": 4102444800}',
        "with NaN": b'{"exp": NaN}',
        "with an overflowing number": b'{"exp": 1e400}',
        "nested too deep": b'{"a":' + b"[" * 1500 + b"]" * 1500 + b"}",
        "with an endless integer": b'{"a":' + b"1" * 5000 + b"}",
    }
    for name, raw in payloads.items():
        yield _sent(
            f"a signed payload that is {name}", Token(_header(), raw, "RS256", "rsa1"), TOKEN_MALFORMED
        )
    yield _sent("claims named like internals", token({"__proto__": 1, "__class__": "x"}), ACCEPTED)
    yield _sent("no claims at all", Token(_header(), b"{}", "RS256", "rsa1"), CLAIM_MISSING)


def _files() -> Iterator[Case]:
    public = {"keys.json": jwks("rsa1")}
    settings = ACCESS.settings(jwks_uri="file://$DIR/keys.json")
    yield case("a key set in a file", settings, ACCESS.send(token()), ACCEPTED, files=public)
    yield case("one bare JWK", settings, ACCESS.send(token()), ACCEPTED, files={"keys.json": Jwk("rsa1")})
    pem = {"keys.json": Pem("rsa1", public=True)}
    yield case("a key in a PEM file", settings, ACCESS.send(token()), ACCEPTED, files=pem)
    lie = ACCESS.send(forged(token()))
    yield case("a key in a PEM file, forged", settings, lie, SIGNATURE_INVALID, files=pem)
    yield case(
        "both tokens at once, one without a token",
        SETTINGS | {"channel_token_request_header": "X-Channel", "channel_token_jwks_uri": "$IDP/jwks"},
        Request((("Authorization", bearer(token())), ("X-Channel", token()))),
        Passed(ACCESS.new(), Verified(), Verified(signed=False)),
        provider=KEYS,
    )


CASES: Final = (
    *_algorithms(),
    *_hmac(),
    *_switched_off(),
    *_key_choice(),
    *_header_members(),
    *_compact_form(),
    *_files(),
)
