"""Who we are at an introspection endpoint, answers that it signs, and JWTs that it is asked about."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from conformance.case import (
    ISSUER,
    NOW,
    Answer,
    Answered,
    Ask,
    Case,
    Heard,
    Provide,
    Provider,
    Request,
    Send,
    Wait,
    case,
)
from conformance.cases_introspection import ACTIVE, ENDPOINT, INACTIVE, OFTEN, accepted, says
from conformance.keys import JwkSet, signing
from conformance.outcomes import INTROSPECTION_REFUSED, ISSUER_NOT_ALLOWED, SIGNATURE_INVALID, TOKEN_INACTIVE
from conformance.provider import AUDIENCE, CLIENT_NAME
from conformance.tokens import good, signed, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, SIDES, Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision, Route

TYP: Final = "token-introspection+jwt"
MEDIA_TYPE: Final = {"Content-Type": f"application/{TYP}"}
KEYS: Final = "file://$DIR/keys.json"


def _credentials() -> Iterator[Case]:
    """RFC 7662 section 2.1: every way to say who we are, and the endpoint that demands it."""
    basic = "Basic " + base64.b64encode(b"a%2Fb:s+%C3%A9").decode()
    for side in SIDES:
        heard: dict[str, object] = {"token": OPAQUE, "client_id": "gateway", "client_secret": "s&="}
        heard |= {"token_type_hint": "access_token"} if side is ACCESS else {}
        yield _client(side, "client_secret_basic", Answer(ACTIVE.body, basic=basic), id="a/b", secret="s é")
        post = _client(side, "client_secret_post", ACTIVE, id="gateway", secret="s&=")
        steps = (*post.steps, Heard("/introspect", heard))
        yield Case(post.name, post.settings, steps, post.provider, post.proves)
        yield _client(
            side,
            "tls_client_auth",
            Answer(ACTIVE.body, certificate=CLIENT_NAME),
            endpoint="$TLS/introspect",
            id="gateway",
            certificate={"cert": "$DIR/client.pem", "key": "$DIR/client.pem"},
        )
        yield _client(
            side,
            "private_key_jwt",
            Answer(ACTIVE.body, assertion="p256"),
            id="gateway",
            keyset=KEYS,
            algorithm="ES256",
            audience=AUDIENCE,
        )
        wrong = _client(
            side,
            "private_key_jwt",
            Answer(ACTIVE.body, assertion="p256-other"),
            INTROSPECTION_REFUSED,
            proves=False,
            id="gateway",
            keyset=KEYS,
            algorithm="ES256",
            audience=AUDIENCE,
        )
        yield wrong


def _client(
    side: Side,
    method: str,
    route: Route,
    expect: Decision | None = None,
    *,
    endpoint: str = ENDPOINT,
    proves: bool = True,
    **fields: object,
) -> Case:
    options = {f"introspection_client_{name}": value for name, value in fields.items()}
    options["introspection_client_auth"] = method
    label = side.token.replace("_", " ")
    spared = "introspection_client_id" if "certificate" in fields else ""  # there the certificate tells
    outcome = "" if expect is None else ", and the endpoint knows another key"
    settings = side.settings(introspection_endpoint=endpoint, endpoints_ssl_verify=False, **options)
    return case(
        f"{label}: we authenticate by {method}{outcome}",
        settings | OFTEN,
        side.send(OPAQUE),
        expect or accepted(side),
        provider=says(route),
        proves=side.names(*(name for name in options if name != spared)) if proves else frozenset(),
        files={"keys.json": JwkSet((signing("p256", "ES256"), signing("rsa1", "RS256")))},
    )


def _signed(claims: Mapping[str, object] | None = None, **options: Any) -> Answer:
    """A signed answer for us, of now, with these changes; a value None leaves a claim out."""
    result = {"active": True, **good()}
    changed = {"iss": ISSUER, "aud": "gateway", "iat": NOW, "token_introspection": result} | dict(
        claims or {}
    )
    kept = {name: value for name, value in changed.items() if value is not None}
    header: dict[str, Any] = {"typ": TYP}
    header |= {name: options.pop(name) for name in ("typ", "kid") if name in options}
    return Answer(str(signed(kept, header=header, **options)).encode(), headers=MEDIA_TYPE)


def _story(
    side: Side, name: str, answer: Route, expect: Decision, proves: str = "", **fields: object
) -> Case:
    options = {
        "jwks_uri": "$IDP/jwks",
        "introspection_endpoint": ENDPOINT,
        "introspection_client_id": "gateway",
        "introspection_signed": "required",
        "introspection_signed_issuer": ISSUER,
    } | fields
    return case(
        f"{side.token.replace('_', ' ')}: {name}",
        side.settings(**options) | OFTEN,
        side.send(OPAQUE),
        expect,
        provider=Provider({"/jwks": Answer(ALL_KEYS)}, {OPAQUE: answer}),
        proves=side.names(*proves.split()),
    )


def _signed_answers() -> Iterator[Case]:
    for side in SIDES:
        good_answer, plain = _signed(), ACTIVE
        yield _story(side, "a signed answer", good_answer, accepted(side), "introspection_signed")
        yield _story(
            side, "an answer that is not signed", plain, INTROSPECTION_REFUSED, "introspection_signed"
        )
        yield _story(side, "either is allowed", plain, accepted(side), introspection_signed="allowed")
        yield _story(
            side,
            "a signed answer of the issuer that is named",
            _signed({"iss": "https://other.example"}),
            accepted(side),
            "introspection_signed_issuer",
            introspection_signed_issuer="https://other.example",
        )
    bad: dict[str, Answer] = {
        "of another issuer": _signed({"iss": "https://other.example"}),
        "whose issuer is a list": _signed({"iss": [ISSUER]}),
        "for somebody else": _signed({"aud": "another"}),
        "for nobody": _signed({"aud": None}),
        "of two minutes ago": _signed({"iat": NOW - 120}),
        "from the future": _signed({"iat": NOW + 120}),
        "without iat": _signed({"iat": None}),
        "without a result": _signed({"token_introspection": None}),
        "whose result is text": _signed({"token_introspection": "active"}),
        "by an unknown key": _signed(key="rsa3"),
        "by another key under a known kid": _signed(key="rsa3"),
        "that is an access token": _signed(typ="at+jwt"),
        "without a type": _signed(typ=None),
        "that is not signed": _signed(alg="none", key=None),
        "that is no JWT": Answer(b"{}", headers=MEDIA_TYPE),
    }
    for name, answer in bad.items():
        yield _story(ACCESS, f"a signed answer {name}", answer, INTROSPECTION_REFUSED)
    inactive = _signed({"token_introspection": {"active": False}})
    yield _story(ACCESS, "a signed answer that the token is inactive", inactive, TOKEN_INACTIVE)
    yield _story(
        ACCESS, "a list of audiences with us in it", _signed({"aud": ["x", "gateway"]}), accepted(ACCESS)
    )
    yield case(
        "a signed answer that nobody asked for",
        ACCESS.settings(introspection_endpoint=ENDPOINT),
        ACCESS.send(OPAQUE),
        INTROSPECTION_REFUSED,
        provider=says(_signed()),
    )


def _jwts() -> Iterator[Case]:
    """`{token}_introspect_jwt`: a good JWT that the provider has to confirm."""
    fresh, old = token({"iat": NOW - 10}), token({"iat": NOW - 100})
    once = {"/jwks": 1, "/introspect": 1}
    forged = token(key="rsa2", header={"kid": "rsa1"})
    for side in SIDES:
        label = side.token.replace("_", " ")
        passed = side.passed(side.new({"sub": "alice"}))
        base = side.settings(jwks_uri="$IDP/jwks", introspection_endpoint=ENDPOINT)
        always = base | {side.name("introspect_jwt"): "always"}
        aged = base | {side.name("introspect_jwt"): 60}
        proves = side.names("introspect_jwt")

        def provider(answer: Route) -> Provider:
            return Provider({"/jwks": Answer(ALL_KEYS)}, {fresh: answer, old: answer, token(): answer})

        yield Case(
            f"{label}: a JWT that the provider confirms",
            always,
            (
                Send(side.send(fresh), passed, calls=once),
                Send(side.send(fresh), passed, calls=once, again=True),
            ),
            provider(ACTIVE),
        )
        yield Case(
            f"{label}: a JWT that was revoked",
            always,
            (Send(side.send(fresh), TOKEN_INACTIVE),),
            provider(INACTIVE),
            proves,
        )
        yield Case(
            f"{label}: a JWT is asked about again when the answer is old",
            always | {"introspection_cache_ttl": 30},
            (
                Send(side.send(fresh), passed),
                Provide(provider(INACTIVE)),
                Wait(29),
                Send(side.send(fresh), passed),
                Wait(1),
                Send(side.send(fresh), TOKEN_INACTIVE),
            ),
            provider(ACTIVE),
        )
        yield Case(
            f"{label}: a young JWT is not asked about, until it is older",
            aged,
            (
                Send(side.send(fresh), passed),
                Wait(49),
                Send(side.send(fresh), passed),
                Wait(1),
                Send(side.send(fresh), TOKEN_INACTIVE),
            ),
            provider(INACTIVE),
        )
        yield Case(
            f"{label}: an old JWT, and one without an age, are asked about",
            aged,
            (Send(side.send(old), TOKEN_INACTIVE), Send(side.send(token()), TOKEN_INACTIVE)),
            provider(INACTIVE),
        )
        yield case(
            f"{label}: the answer about a JWT is checked by the introspection's rules",
            always | {side.name("issuers_allowed", introspection=True): ["y"]},
            side.send(fresh),
            ISSUER_NOT_ALLOWED,
            provider=provider(ACTIVE),
        )
        yield Case(
            f"{label}: nobody is asked about a forged JWT",
            always,
            (
                Send(
                    side.send(forged),
                    SIGNATURE_INVALID,
                    calls={"/jwks": 1},
                ),
            ),
            provider(ACTIVE),
        )


def _purges() -> Iterator[Case]:
    secret = "provider-0123456789abcdef"
    door = Request((("Authorization", f"Bearer {secret}"),), "/jwt-signer/purge", "POST")
    shut = Request((("Authorization", f"Bearer {secret}"),), "/jwt-signer/jwks", "GET")
    yield Case(
        "a secret that opens the purge alone",
        ACCESS.settings(jwks_uri="$IDP/jwks") | {"purge_token": secret},
        (Ask(door, Answered(400)), Ask(shut, Answered(404))),
        proves=frozenset({"purge_token"}),
    )


CASES: Final[tuple[Case, ...]] = (*_credentials(), *_signed_answers(), *_jwts(), *_purges())
