"""Addresses from a provider's own metadata (`{token}_discovery`): RFC 8414 and OpenID Connect Discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import ISSUER, NOW, Answer, BadSettings, Case, Provide, Provider, Send, Wait
from conformance.keys import jwks
from conformance.outcomes import (
    AUDIENCE_NOT_ALLOWED,
    INTROSPECTION_REFUSED,
    ISSUER_NOT_ALLOWED,
    NO_ENDPOINT,
    PROVIDER_UNAVAILABLE,
    SIGNATURE_INVALID,
)
from conformance.tokens import signed, token
from conformance.ways import ACCESS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision

OPENID: Final = "/.well-known/openid-configuration"
OAUTH: Final = "/.well-known/oauth-authorization-server"
CREDENTIALS: Final = "Basic Z2F0ZXdheTpzZWNyZXQ="
KEYS: Final = Answer(jwks("rsa1"))


def metadata(**members: object) -> Answer:
    document = {
        "issuer": "$IDP",
        "jwks_uri": "$IDP/keys",
        "introspection_endpoint": "$IDP/introspect",
        **members,
    }
    return Answer({name: value for name, value in document.items() if value is not None})


def provides(answer: Answer, path: str = OPENID, **more: Any) -> Provider:
    return Provider({path: answer, "/keys": KEYS}, **more)


# Tokens are made before anybody knows where the provider is, so that they name an issuer of their own.
SETTINGS: Final = ACCESS.settings(discovery="$IDP", issuers_allowed=[ISSUER])
PASSED: Final = ACCESS.passed(ACCESS.new())


def _found() -> Iterator[Case]:
    for side in SIDES:
        yield Case(
            f"{side.token.replace('_', ' ')}: OpenID metadata name the key set",
            side.settings(discovery="$IDP", issuers_allowed=[ISSUER]),
            (Send(side.send(token()), side.passed(side.new()), {OPENID: 1, "/keys": 1}),),
            provides(metadata()),
            side.names("discovery"),
        )
    yield _story(
        "RFC 8414 metadata name the key set",
        provides(metadata(), OAUTH),
        calls={OPENID: 1, OAUTH: 1, "/keys": 1},
    )
    own = SETTINGS | {"access_token_jwks_uri": "$IDP/keys"}
    yield _story("an address that is set is not looked up", provides(metadata()), own, calls={"/keys": 1})
    strict = {name: value for name, value in SETTINGS.items() if name != "access_token_issuers_allowed"}
    yield _story("no issuer but the one of the metadata", provides(metadata()), strict, ISSUER_NOT_ALLOWED)
    rules = SETTINGS | {"access_token_audiences_allowed": ["orders"]}
    yield _story("all other rules hold", provides(metadata()), rules, AUDIENCE_NOT_ALLOWED)


def _story(
    name: str,
    provider: Provider,
    settings: Mapping[str, object] | None = None,
    expect: Decision | None = None,
    *,
    calls: dict[str, int] | None = None,
    value: object = None,
) -> Case:
    request = ACCESS.send(token() if value is None else value)
    return Case(
        f"discovery: {name}", settings or SETTINGS, (Send(request, expect or PASSED, calls),), provider
    )


def _refused() -> Iterator[Case]:
    """Metadata about somebody else, or that name addresses of no worth: 503, and no keys are fetched."""
    issuers = {
        "another": "https://evil.example",
        "with a slash": "$IDP/",
        "in capitals": "$IDP".lower() + "x",
        "absent": None,
        "a list": ["$IDP"],
    }
    for name, issuer in issuers.items():
        answer = metadata(issuer=issuer)
        yield _story(
            f"the issuer is {name}", provides(answer), expect=PROVIDER_UNAVAILABLE, calls={OPENID: 1}
        )
    addresses = {
        "absent": None,
        "a file": "file:///etc/passwd",
        "of another scheme": "ftp://idp.example/keys",
        "plain http elsewhere": "http://idp.example/keys",
        "with a user in it": "https://me:secret@idp.example/keys",
        "relative": "/keys",
        "a list": ["$IDP/keys"],
        "empty": "",
    }
    for name, address in addresses.items():
        answer = metadata(jwks_uri=address)
        story = f"the address of the keys is {name}"
        yield _story(story, provides(answer), expect=PROVIDER_UNAVAILABLE, calls={OPENID: 1})
    broken = {
        "not JSON": Answer(b"<html>"),
        "a list": Answer(["$IDP"]),
        "with a member twice": Answer(b'{"issuer":"x","issuer":"$IDP","jwks_uri":"$IDP/keys"}'),
        "a 500": Answer({"issuer": "$IDP"}, 500),
        "a redirect": Answer(b"", 302, {"Location": "/elsewhere"}),
    }
    for name, answer in broken.items():
        yield _story(f"the metadata are {name}", provides(answer), expect=PROVIDER_UNAVAILABLE)
    forged = signed({"iss": ISSUER, "sub": "x", "exp": NOW + 300}, key="rsa2", header={"kid": "rsa1"})
    yield _story("a forged token", provides(metadata()), expect=SIGNATURE_INVALID, value=forged)


def _changes() -> Iterator[Case]:
    second = Provider(
        {OPENID: metadata(jwks_uri="$IDP/moved"), "/moved": Answer(jwks("rsa2")), "/keys": KEYS}
    )
    yield Case(
        "discovery: the key set moves",
        SETTINGS,
        (
            Send(ACCESS.send(token()), PASSED, {OPENID: 1, "/keys": 1}),
            Provide(second),
            Wait(31),
            Send(ACCESS.send(token(key="rsa2")), PASSED, {OPENID: 2, "/keys": 1, "/moved": 1}),
        ),
        provides(metadata()),
    )
    yield Case(
        "discovery: the provider is down at first",
        SETTINGS,
        (
            Send(ACCESS.send(token()), PROVIDER_UNAVAILABLE, {OPENID: 1}),
            Send(ACCESS.send(token()), PROVIDER_UNAVAILABLE, {OPENID: 1}),
            Provide(provides(metadata())),
            Wait(31),
            Send(ACCESS.send(token()), PASSED, {OPENID: 2, "/keys": 1}),
        ),
        Provider({OPENID: Answer(hang_up=True)}),
    )


def _opaque() -> Iterator[Case]:
    """The endpoint of the metadata is asked only by those who have credentials for it."""
    answer = {"active": True, "sub": "alice", "exp": NOW + 300}
    known = Provider({OPENID: metadata()}, {OPAQUE: Answer({**answer, "iss": "$IDP"})})
    nameless = Provider({OPENID: metadata()}, {OPAQUE: Answer(answer)})
    other = Provider({OPENID: metadata()}, {OPAQUE: Answer({**answer, "iss": "https://evil.example"})})
    settings = SETTINGS | {
        "access_token_introspection_authorization": CREDENTIALS,
        "remove_access_token_claims": ["original_iss"],  # two plays of a case have two providers
    }
    passed = ACCESS.passed(ACCESS.new({"sub": "alice"}), source="introspection")
    asked = {OPENID: 1, "/introspect": 1}
    nowhere = Provider({OPENID: metadata(introspection_endpoint=None)})
    stories: tuple[tuple[str, Provider, Mapping[str, object], Decision, dict[str, int]], ...] = (
        ("is asked", known, settings, passed, asked),
        ("need not name the issuer", nameless, settings, passed, asked),
        ("must not name another", other, settings, ISSUER_NOT_ALLOWED, asked),
        ("is not asked without credentials", known, SETTINGS, NO_ENDPOINT, {}),
        ("is not in the metadata", nowhere, settings, NO_ENDPOINT, {OPENID: 1}),
    )
    for name, provider, with_settings, expect, calls in stories:
        yield _story(f"the endpoint {name}", provider, with_settings, expect, calls=calls, value=OPAQUE)
    moved = Provider(
        {OPENID: metadata(introspection_endpoint="$IDP/asked"), "/asked": Answer({**answer, "iss": "$IDP"})}
    )
    yield Case(
        "discovery: the endpoint moves",
        settings,
        (
            Send(ACCESS.send(OPAQUE), INTROSPECTION_REFUSED, {OPENID: 1, "/gone": 1}),
            Provide(moved),
            Wait(31),
            Send(ACCESS.send(OPAQUE), passed, {OPENID: 2, "/gone": 1, "/asked": 1}),
        ),
        Provider({OPENID: metadata(introspection_endpoint="$IDP/gone")}),
    )


def _bad() -> Iterator[Case]:
    for name, issuer in {
        "plain http": "http://idp.example",
        "a file": "file:///etc/issuer",
        "no URL": "idp.example",
        "with a query": "https://idp.example/?a=b",
        "with a fragment": "https://idp.example/#a",
        "with a user": "https://me@idp.example",
    }.items():
        bad = BadSettings(frozenset({"access_token_discovery"}))
        yield Case(f"discovery, refused: {name}", ACCESS.settings(discovery=issuer), bad=bad)


CASES: Final = (*_found(), *_refused(), *_changes(), *_opaque(), *_bad())
