"""What is remembered, and for how long: introspection results and verdicts (section 8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import NOW, Answer, Case, Passed, Provide, Provider, Send, Verified, Wait
from conformance.cases_introspection import ACTIVE, ENDPOINT, INACTIVE, OFTEN, accepted, says
from conformance.outcomes import INTROSPECTION_REFUSED, TOKEN_EXPIRED, TOKEN_INACTIVE
from conformance.tokens import good, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Decision

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})


def _caches() -> Iterator[Case]:
    settings = ACCESS.settings(introspection_endpoint=ENDPOINT) | OFTEN
    send = ACCESS.send(OPAQUE)

    def asked(count: int, expect: Decision) -> Send:
        return Send(send, expect, calls={"/introspect": count})

    yes = accepted(ACCESS)
    yield Case(
        "a result is remembered, until its exp",
        settings,
        (
            asked(1, yes),
            Provide(says(INACTIVE)),
            Wait(19),
            asked(1, yes),
            Wait(1),
            asked(2, TOKEN_INACTIVE),
        ),
        says(Answer({"active": True, **good({"exp": NOW + 20})})),
    )
    yield Case(
        "a result is remembered for its time",
        settings | {"introspection_cache_ttl": 100},
        (asked(1, yes), Wait(99), asked(1, yes), Wait(1), asked(2, yes)),
        says(ACTIVE),
        frozenset({"introspection_cache_ttl"}),
    )
    yield Case(
        "a result without exp is remembered for five minutes",
        settings,
        (asked(1, yes), Wait(299), asked(1, yes), Wait(1), asked(2, yes)),
        says(Answer({"active": True, **good(without=("exp",))})),
    )
    yield Case(
        "an inactive token may become active within a minute",
        settings,
        (asked(1, TOKEN_INACTIVE), Provide(says(ACTIVE)), Wait(60), asked(2, yes)),
        says(INACTIVE),
    )
    yield Case(
        "a refusal of our credentials is not remembered",
        settings,
        (asked(1, INTROSPECTION_REFUSED), Provide(says(ACTIVE)), Wait(60), asked(2, yes)),
        says(Answer(status=401)),
    )
    for size, count in ((1, 3), (0, 3), (2, 2)):
        other = Provider(tokens={OPAQUE: ACTIVE, OPAQUE + "2": ACTIVE})
        yield Case(
            f"room for {size} results",
            settings | {"introspection_cache_size": size},
            (asked(1, yes), Send(ACCESS.send(OPAQUE + "2"), yes), asked(count, yes)),
            other,
            frozenset({"introspection_cache_size"} if size < 2 else ()),
        )
    yield Case(
        "access and channel token of one text are two questions where the hint differs",
        settings
        | {
            "channel_token_optional": False,
            "channel_token_request_header": "X-Channel",
            "channel_token_introspection_endpoint": ENDPOINT,
        },
        (
            Send(
                ACCESS.send(OPAQUE, ("X-Channel", OPAQUE)),
                Passed(ACCESS.new(), Verified("introspection"), Verified("introspection", signed=False)),
                {"/introspect": 2},
            ),
        ),
        says(ACTIVE),
    )


def _scopes_of_results() -> Iterator[Case]:
    """What one endpoint says of a token is nothing that another said (section 8.4)."""
    second = {
        "channel_token_optional": False,
        "channel_token_request_header": "X-Channel",
        "channel_token_introspection_hint": "access_token",
    }
    settings = ACCESS.settings(introspection_endpoint=ENDPOINT) | OFTEN | second
    sent = ACCESS.send(OPAQUE, ("X-Channel", OPAQUE))
    passed = Passed(ACCESS.new(), Verified("introspection"), Verified("introspection", signed=False))
    for name, endpoint, expect, calls in (
        ("the same endpoint", ENDPOINT, passed, {"/introspect": 1}),
        ("another endpoint", "$IDP/second", TOKEN_INACTIVE, {"/introspect": 1, "/second": 1}),
    ):
        yield Case(
            f"two tokens of one text, {name}",
            settings | {"channel_token_introspection_endpoint": endpoint},
            (Send(sent, expect, calls),),
            Provider({"/second": INACTIVE}, {OPAQUE: ACTIVE}),
        )


def _verdicts() -> Iterator[Case]:
    """What was accepted is remembered for a while: the very same new token is sent again."""
    settings = ACCESS.settings(jwks_uri="$IDP/jwks", signing_algorithm="ES256")
    passed = ACCESS.passed(ACCESS.new(alg="ES256"))
    other = token({"jti": "other"})

    def sent(again: bool | None = None, value: object = None) -> Send:
        return Send(ACCESS.send(value or token()), passed, again=again)

    warm = sent(value=token({"jti": "first"}))  # keys come with it, and no verdict outlives new keys

    yield Case(
        "a verdict is remembered for a minute",
        settings,
        (warm, sent(), Wait(59), sent(True), Wait(1), sent(False)),
        KEYS,
    )
    yield Case(
        "a verdict is remembered for its time",
        settings | {"verdict_cache_ttl": 10},
        (warm, sent(), Wait(9), sent(True), Wait(1), sent(False)),
        KEYS,
        frozenset({"verdict_cache_ttl"}),
    )
    for size in (0, 1):
        yield Case(
            f"room for {size} verdicts",
            settings | {"verdict_cache_size": size},
            (warm, sent(), sent(size > 0), sent(False, other), sent(False)),
            KEYS,
            frozenset({"verdict_cache_size"} if size == 0 else ()),
        )
    yield Case(
        "a verdict ends with the token",
        settings,
        (
            Send(ACCESS.send(token({"exp": NOW + 10})), passed),
            Wait(10),
            Send(ACCESS.send(token({"exp": NOW + 10})), TOKEN_EXPIRED),
        ),
        KEYS,
    )


def _short_lives() -> Iterator[Case]:
    """A new token that could not be made any more is not handed out from memory either (decision 28)."""
    held, sent = token({"exp": NOW + 300}), ACCESS.passed(ACCESS.new({"exp": NOW + 200}))
    yield Case(
        "a verdict ends with the new token",
        ACCESS.settings(jwks_uri="$IDP/jwks", upstream_leeway=-100),
        (
            Send(ACCESS.send(held), sent),
            Wait(190),
            Send(ACCESS.send(held), sent),
            Wait(9),
            Send(ACCESS.send(held), sent, again=True),
            Wait(1),
            Send(ACCESS.send(held), TOKEN_EXPIRED),
        ),
        KEYS,
        frozenset({"access_token_upstream_leeway"}),
    )


class Forgetful:
    """A shared cache that remembers nothing."""

    blocking = False

    def get(self, _key: str) -> bytes | None:
        return None

    def put(self, _key: str, _value: bytes, _seconds: float) -> None:
        """Nothing."""


def _shared_cache() -> Iterator[Case]:
    sent = Send(ACCESS.send(OPAQUE), accepted(ACCESS))
    yield Case(
        "a cache of one's own",
        ACCESS.settings(introspection_endpoint=ENDPOINT) | OFTEN | {"cache": Forgetful()},
        (sent, Send(sent.request, sent.expect, calls={"/introspect": 2})),
        says(ACTIVE),
        frozenset({"cache"}),
    )


CASES: Final = (*_caches(), *_scopes_of_results(), *_verdicts(), *_short_lives(), *_shared_cache())
