"""Providers that are down: closed, or for how long what they said before serves; and who is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import NOW, Answer, BadSettings, Case, Provide, Provider, Send, Wait
from conformance.keys import jwks
from conformance.outcomes import PROVIDER_UNAVAILABLE, TOKEN_INACTIVE
from conformance.tokens import good, token
from conformance.ways import ACCESS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.ways import Side

KEYS: Final = Provider({"/jwks": Answer(jwks("rsa1"))})
DOWN: Final = Provider({"/jwks": Answer(status=500)})
LASTING: Final = {"exp": NOW + 3000}
ACTIVE: Final = Provider(tokens={OPAQUE: Answer({"active": True, **good(LASTING)})})
BROKEN: Final = Provider(tokens={OPAQUE: Answer(status=500)})
OFTEN: Final = {"verdict_cache_size": 0}


def _label(side: Side) -> str:
    return f"{side.token.replace('_', ' ')}, outages"


def _keys() -> Iterator[Case]:
    for side in SIDES:
        passed, sent = side.passed(side.new()), side.send(token(LASTING))
        names = side.names("jwks_uri_max_stale")
        settings = side.settings(jwks_uri="$IDP/jwks", jwks_uri_rotate_period=60, jwks_uri_max_stale=120)
        yield Case(
            f"{_label(side)}: keys serve for a stated time after their rotate period",
            settings,
            (
                Send(sent, passed, {"/jwks": 1}),
                Provide(DOWN),
                Wait(61),
                Send(sent, passed, {"/jwks": 2}),
                Wait(115),
                Send(sent, passed, {"/jwks": 3}),
                Wait(5),
                Send(sent, PROVIDER_UNAVAILABLE),  # a verdict of five seconds ago is no way around
                Provide(KEYS),
                Wait(31),
                Send(sent, passed),
            ),
            KEYS,
            names,
        )
        yield Case(
            f"{_label(side)}: keys that may never be old",
            settings | {side.name("jwks_uri_max_stale"): 0},
            (
                Send(sent, passed, {"/jwks": 1}),
                Provide(DOWN),
                Wait(59),
                Send(sent, passed, {"/jwks": 1}),
                Wait(1),
                Send(sent, PROVIDER_UNAVAILABLE, {"/jwks": 2}),
                Send(sent, PROVIDER_UNAVAILABLE, {"/jwks": 2}),
                Provide(KEYS),
                Wait(31),
                Send(sent, passed, {"/jwks": 3}),
            ),
            KEYS,
            names,
        )
        yield Case(
            f"{_label(side)}: without a limit keys serve on",
            settings | {side.name("jwks_uri_max_stale"): None},
            (Send(sent, passed), Provide(DOWN), Wait(2000), Send(sent, passed)),
            KEYS,
        )


def _answers() -> Iterator[Case]:
    for side in SIDES:
        passed, sent = side.passed(side.new(), source="introspection"), side.send(OPAQUE)
        settings = side.settings(introspection_endpoint="$IDP/introspect", introspection_max_stale=60)
        yield Case(
            f"{_label(side)}: a good answer serves for a stated time after its own",
            settings | OFTEN | {"introspection_cache_ttl": 10},
            (
                Send(sent, passed, {"/introspect": 1}),
                Provide(BROKEN),
                Wait(11),
                Send(sent, passed, {"/introspect": 3}),
                Wait(58),
                Send(sent, passed, {"/introspect": 5}),
                Wait(2),
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 7}),
                Provide(ACTIVE),
                Send(sent, passed, {"/introspect": 8}),
            ),
            ACTIVE,
            side.names("introspection_max_stale"),
        )
    short = Provider(tokens={OPAQUE: Answer({"active": True, **good({"exp": NOW + 30})})})
    settings = ACCESS.settings(introspection_endpoint="$IDP/introspect", introspection_max_stale=600)
    settings |= OFTEN | {"introspection_cache_ttl": 10}
    passed, sent = ACCESS.passed(ACCESS.new(), source="introspection"), ACCESS.send(OPAQUE)
    yield Case(
        "outages: no answer serves past the token's expiry",
        settings,
        (
            Send(sent, passed),
            Provide(BROKEN),
            Wait(29),
            Send(sent, passed),
            Wait(1),
            Send(sent, PROVIDER_UNAVAILABLE),
        ),
        short,
    )
    for name, ttl in (("remembered", 10), ("not remembered", 0)):
        yield Case(
            f"outages: a token that became inactive meanwhile, {name}",
            settings | {"introspection_cache_ttl": ttl},
            (
                Send(sent, passed),
                Provide(Provider(tokens={OPAQUE: Answer({"active": False})})),
                Wait(11),
                Send(sent, TOKEN_INACTIVE),
                Provide(BROKEN),
                Wait(6),
                Send(sent, PROVIDER_UNAVAILABLE),
            ),
            ACTIVE,
        )


def _breakers() -> Iterator[Case]:
    for side in SIDES:
        passed, sent = side.passed(side.new(), source="introspection"), side.send(OPAQUE)
        settings = side.settings(introspection_endpoint="$IDP/introspect", introspection_breaker=2)
        yield Case(
            f"{_label(side)}: an endpoint that failed twice is left alone",
            settings | OFTEN,
            (
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 2}),
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 2}),
                Send(side.send("another-opaque-token"), PROVIDER_UNAVAILABLE, {"/introspect": 2}),
                Wait(30),
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 3}),  # one asks for all
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 3}),
                Provide(ACTIVE),
                Wait(29),
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 3}),
                Wait(1),
                Send(sent, passed, {"/introspect": 4}),
                Provide(BROKEN),
                Send(sent, passed, {"/introspect": 4}),
            ),
            BROKEN,
            side.names("introspection_breaker"),
        )
        yield Case(
            f"{_label(side)}: and for so long",
            settings | {side.name("introspection_breaker_cooldown"): 5} | OFTEN,
            (
                Send(sent, PROVIDER_UNAVAILABLE, {"/introspect": 2}),
                Provide(ACTIVE),
                Wait(5),
                Send(sent, passed, {"/introspect": 3}),
            ),
            BROKEN,
            side.names("introspection_breaker_cooldown"),
        )


def _bad() -> Iterator[Case]:
    bad: dict[str, tuple[dict[str, object], str]] = {
        "keys that are never reloaded": (
            ACCESS.settings(jwks_uri="$IDP/jwks", jwks_uri_max_stale=60),
            "access_token_jwks_uri_max_stale",
        ),
        "answers that are not kept": (
            ACCESS.settings(
                introspection_endpoint="$IDP/introspect",
                cache_introspection=False,
                introspection_max_stale=60,
            ),
            "access_token_introspection_max_stale",
        ),
        "a breaker of no failures": (
            ACCESS.settings(introspection_breaker=0),
            "access_token_introspection_breaker",
        ),
    }
    for name, (settings, option) in bad.items():
        yield Case(f"outages, refused: {name}", settings, bad=BadSettings(frozenset({option})))


CASES: Final = (*_keys(), *_answers(), *_breakers(), *_bad())
