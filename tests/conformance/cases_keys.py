"""Where keys come from: fetching, access, reloading and broken documents (decisions 18 and 25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import Answer, Case, Passed, Provide, Provider, Send, Verified, Wait, case
from conformance.keys import Jwk, jwks, signing
from conformance.outcomes import KEY_UNKNOWN, PROVIDER_UNAVAILABLE, SIGNATURE_INVALID, SIGNING_KEY_MISSING
from conformance.tokens import token
from conformance.ways import ACCESS, ALL_KEYS, SIDES, forged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Decision, Route
    from conformance.tokens import Token

OWN: Final = {"keys": [signing("rsa2", "RS256")]}
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks")
PASSED: Final = ACCESS.passed(ACCESS.new())


def serves(route: Route, path: str = "/jwks") -> Provider:
    return Provider({path: route})


def _cold() -> Iterator[Case]:
    """A document that can't be had: 503, and no second try before the interval is over."""
    broken = {
        "not JSON": Answer(b"<html>"),
        "empty": Answer(b""),
        "an object without keys": Answer({}),
        "a list": Answer([]),
        "nested too deep": Answer(b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        "a 404": Answer(ALL_KEYS, 404),
        "a 500": Answer(ALL_KEYS, 500),
        "a redirect": Answer(ALL_KEYS, 302, {"Location": "/elsewhere"}),
        "no answer": Answer(hang_up=True),
    }
    for name, answer in broken.items():
        yield Case(
            f"the first key set is {name}",
            SETTINGS,
            (
                Send(ACCESS.send(token()), PROVIDER_UNAVAILABLE, calls={"/jwks": 1}),
                Provide(serves(Answer(ALL_KEYS))),
                Send(ACCESS.send(token()), PROVIDER_UNAVAILABLE, calls={"/jwks": 1}),
                Wait(30),
                Send(ACCESS.send(token()), PASSED, calls={"/jwks": 2}),
            ),
            serves(answer),
        )
    dead = ACCESS.settings(jwks_uri="http://$DEAD/jwks")
    yield case("nobody listens where the keys are", dead, ACCESS.send(token()), PROVIDER_UNAVAILABLE)
    yield case(
        "a key set without content type or with another",
        SETTINGS,
        ACCESS.send(token()),
        PASSED,
        provider=serves(Answer(ALL_KEYS, headers={"Content-Type": "text/html"})),
    )
    yield case(
        "a key set that comes too late",
        SETTINGS | {"http_timeout": 60},
        ACCESS.send(token()),
        PROVIDER_UNAVAILABLE,
        provider=serves(Answer(ALL_KEYS, delay=0.25)),
        proves={"http_timeout"},
    )
    yield case(
        "a key set that is too long",
        SETTINGS | {"max_response_bytes": 500},
        ACCESS.send(token()),
        PROVIDER_UNAVAILABLE,
        provider=serves(Answer(ALL_KEYS)),
        proves={"max_response_bytes"},
    )
    yield case(
        "an empty key set", SETTINGS, ACCESS.send(token()), KEY_UNKNOWN, provider=serves(Answer(jwks()))
    )


def _reloads() -> Iterator[Case]:
    old, new = token({"jti": "old"}), token({"jti": "new"}, key="rsa2")
    first, second = serves(Answer(jwks("rsa1"))), serves(Answer(jwks("rsa2")))

    def sent(value: object, expect: Decision, count: int) -> Send:
        return Send(ACCESS.send(value), expect, calls={"/jwks": count})

    yield Case(
        "the provider rotates: one reload, and what it withdrew is refused",
        SETTINGS,
        (
            sent(old, PASSED, 1),
            Provide(second),
            sent(old, PASSED, 1),
            sent(new, PASSED, 2),
            sent(old, KEY_UNKNOWN, 2),
            Wait(30),
            sent(old, KEY_UNKNOWN, 3),
        ),
        first,
    )
    yield Case(
        "the provider puts another key under the same kid",
        SETTINGS,
        (
            sent(old, PASSED, 1),
            Provide(serves(Answer(jwks(Jwk("rsa2", {"kid": "rsa1"}))))),
            sent(token(key="rsa2", header={"kid": "rsa1"}), PASSED, 2),
        ),
        first,
    )
    flood = tuple(sent(token(header={"kid": f"k{n}"}), KEY_UNKNOWN, 2) for n in range(5))
    yield Case(
        "unknown kids lead to one reload per interval",
        SETTINGS,
        (
            sent(old, PASSED, 1),
            *flood,
            sent(old, PASSED, 2),
            Wait(30),
            sent(token(header={"kid": "k9"}), KEY_UNKNOWN, 3),
        ),
        first,
    )
    yield Case(
        "forged signatures lead to one reload per interval",
        SETTINGS,
        (
            sent(old, PASSED, 1),
            sent(forged(old), SIGNATURE_INVALID, 2),
            sent(forged(old), SIGNATURE_INVALID, 2),
            Wait(30),
            sent(forged(old), SIGNATURE_INVALID, 3),
            sent(old, PASSED, 3),
        ),
        first,
    )
    yield Case(
        "keys that were fetched for a forged signature are not fetched again for it",
        SETTINGS,
        (
            sent(forged(old), SIGNATURE_INVALID, 1),
            sent(forged(old), SIGNATURE_INVALID, 1),
            sent(old, PASSED, 1),
        ),
        first,
    )
    yield Case(
        "an interval of one's own",
        SETTINGS | {"jwks_reload_interval": 5},
        (
            sent(old, PASSED, 1),
            sent(token(header={"kid": "k1"}), KEY_UNKNOWN, 2),
            Wait(5),
            Provide(second),
            sent(new, PASSED, 3),
        ),
        first,
        frozenset({"jwks_reload_interval"}),
    )
    for name, answer in {
        "a 500": Answer(status=500),
        "broken": Answer(b"<html>"),
        "no answer": Answer(hang_up=True),
    }.items():
        yield Case(
            f"an old set is used while a reload is {name}",
            SETTINGS | {"verdict_cache_size": 0},
            (sent(old, PASSED, 1), Provide(serves(answer)), sent(new, KEY_UNKNOWN, 2), sent(old, PASSED, 2)),
            first,
        )
    for side in SIDES:
        yield Case(
            f"{side.token.replace('_', ' ')}: keys are reloaded on schedule",
            side.settings(jwks_uri="$IDP/jwks", jwks_uri_rotate_period=100),
            (
                Send(side.send(old), side.passed(side.new()), calls={"/jwks": 1}),
                Provide(second),
                Wait(99),
                Send(side.send(old), side.passed(side.new()), calls={"/jwks": 1}),
                Wait(1),
                Send(side.send(old), KEY_UNKNOWN),
            ),
            first,
            side.names("jwks_uri_rotate_period"),
        )
    yield Case(
        "two tokens share the set of one URL",
        SETTINGS | {"channel_token_jwks_uri": "$IDP/jwks", "channel_token_request_header": "X-Channel"},
        (sent_both(old, old, 1), sent_both(old, forged(old), 2)),
        first,
    )


def sent_both(access: object, channel: Token, count: int) -> Send:
    """Both tokens at once; the channel token is not signed anew, and is good if it is the access token."""
    passed = Passed(ACCESS.new(), Verified(), Verified(signed=False))
    expect = passed if access == channel else SIGNATURE_INVALID
    return Send(ACCESS.send(access, ("X-Channel", channel)), expect, calls={"/jwks": count})


def _signing_sets() -> Iterator[Case]:
    """Signing sets at a URL (decisions 25 and 30)."""
    settings = SETTINGS | {"access_token_keyset": "$IDP/own"}
    for name, answer, expect in (
        ("can't be reached", Answer(hang_up=True), PROVIDER_UNAVAILABLE),
        ("is broken", Answer(b"<html>"), PROVIDER_UNAVAILABLE),
        ("lacks the algorithm", Answer({"keys": [signing("p256", "ES256")]}), SIGNING_KEY_MISSING),
        ("is public", Answer(jwks("rsa2")), SIGNING_KEY_MISSING),
    ):
        routes = {"/jwks": Answer(ALL_KEYS), "/own": answer}
        yield case(
            f"a signing set at a URL that {name}",
            settings,
            ACCESS.send(token()),
            expect,
            provider=Provider(routes),
        )
    for side in SIDES:
        label = side.token.replace("_", " ")
        own = side.settings(jwks_uri="$IDP/jwks", keyset="$IDP/own")
        routes = {"/jwks": Answer(ALL_KEYS), "/own": Answer(OWN)}
        rotated = serves(Answer({"keys": [signing("rsa3", "RS256")]}), "/own")
        before, after = (side.passed(side.new(kid=kid, keyset="$IDP/own")) for kid in ("rsa2", "rsa3"))
        yield case(
            f"{label}: signed with a set at a URL, which is published under its name",
            own,
            side.send(token()),
            before,
            provider=Provider(routes),
            proves=side.names("keyset"),
        )
        yield Case(
            f"{label}: a signing set at a URL is reloaded on schedule",
            own | {side.name("keyset_rotate_period"): 100, "verdict_cache_size": 0},
            (
                Send(side.send(token()), before),
                Provide(rotated),
                Wait(99),
                Send(side.send(token()), before),
                Wait(1),
                Send(side.send(token()), after),
            ),
            Provider(routes),
            side.names("keyset_rotate_period"),
        )


CASES: Final = (*_cold(), *_reloads(), *_signing_sets())
