"""Introspection, stepped by hand: the exchange, the retry, the cache, and what is not an answer."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from jwt_signer_mw.caches import SharedCache, open_cache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import (
    IntrospectionDisabled,
    IntrospectionNotConfigured,
    IntrospectionRefused,
    ProviderUnavailable,
    Refusal,
    StoreError,
    TokenInactive,
    TransportError,
)
from jwt_signer_mw.flows.commands import Reply
from jwt_signer_mw.flows.introspect import MAX_UNDER_WAY, Introspector
from jwt_signer_mw.flows.keys import Keyring
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings import Settings
from stepping import FrozenClock, Stepper

ENDPOINT = "https://idp.example/introspect"
DOWN = TransportError("down")


def answer(claims: object = None, status: int = 200, **more: object) -> Reply:
    body = json.dumps({"active": True, **more} if claims is None else claims).encode()
    return Reply(status, {}, body)


class Setting:
    def __init__(self, *, shared: SharedCache | None = None, **options: object) -> None:
        named = {
            f"access_token_introspection_{k}" if "_token_" not in k and "cache" not in k else k: v
            for k, v in options.items()
        }
        self.clock = FrozenClock()
        clock = Clock.of(self.clock)
        settings = Settings.load({"access_token_introspection_endpoint": ENDPOINT, **named})
        self.cache = open_cache("memory://", size=100, clock=clock) if shared is None else shared
        self.introspector = Introspector(
            settings.access_token, settings, Keyring(settings, MemoryStore(), clock), self.cache, clock
        )

    def ask(self, stepper: Stepper, token: str = "opaque") -> dict[str, Any]:
        return stepper.run(self.introspector.introspect(token)).claims


def test_the_exchange() -> None:
    stepper = Stepper(answer())
    Setting(authorization="Basic eA==", body_args="resource=r&x=", timeout=1500).ask(stepper, "a+b&c=d")
    exchange = stepper.exchanges[0]
    assert (exchange.url, exchange.method, exchange.timeout) == (ENDPOINT, "POST", 1.5)
    assert ("Authorization", "Basic eA==") in exchange.headers
    assert parse_qsl(exchange.body.decode(), keep_blank_values=True) == [
        ("token", "a+b&c=d"),
        ("token_type_hint", "access_token"),
        ("resource", "r"),
        ("x", ""),
    ]


def test_without_a_hint_and_without_a_time_limit_of_its_own() -> None:
    stepper = Stepper(answer())
    Setting(hint=None).ask(stepper)
    assert stepper.exchanges[0].body == b"token=opaque"
    assert stepper.exchanges[0].timeout == 5


def test_it_is_off_or_not_configured() -> None:
    with pytest.raises(IntrospectionDisabled):
        Setting(enable_access_token_introspection=False).ask(Stepper())
    with pytest.raises(IntrospectionNotConfigured):
        Setting(endpoint=None).ask(Stepper())


@pytest.mark.parametrize("failure", [DOWN, answer(status=500), answer(status=503)])
def test_a_failure_is_tried_once_more(failure: Reply | Exception) -> None:
    """Decision 12, INT-10"""
    stepper = Stepper(failure, answer(sub="x"))
    assert Setting().ask(stepper)["sub"] == "x"
    assert len(stepper.exchanges) == 2
    with pytest.raises(ProviderUnavailable):
        Setting().ask(Stepper(failure, failure))


@pytest.mark.parametrize(
    "reply, refusal",
    [
        (answer(status=401), IntrospectionRefused),
        (answer(status=204), IntrospectionRefused),
        (answer(status=307), IntrospectionRefused),
        (answer({}), TokenInactive),
        (answer({"active": False}), TokenInactive),
        (answer({"active": None}), TokenInactive),
        (answer({"active": "true"}), TokenInactive),
        (answer({"active": 1}), TokenInactive),
        (answer([]), IntrospectionRefused),
        (answer("x"), IntrospectionRefused),
        (Reply(200, {}, b""), IntrospectionRefused),
        (Reply(200, {}, b'{"active": true, "active": true}'), IntrospectionRefused),
        (Reply(200, {}, b'{"active": true, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"), IntrospectionRefused),
        (Reply(200, {}, b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), IntrospectionRefused),
        (answer(token_type="refresh_token"), TokenInactive),
    ],
)
def test_what_is_no_answer(reply: Reply, refusal: type[Refusal]) -> None:
    """S26, INT-01 to -09, -18, -19, -31: refused at the first attempt."""
    stepper = Stepper(reply)
    with pytest.raises(refusal):
        Setting().ask(stepper)
    assert len(stepper.exchanges) == 1


def test_answers_are_remembered_until_the_token_expires() -> None:
    """CCH-01"""
    setting = Setting()
    stepper = Stepper(answer(exp=setting.clock.now + 10), answer({"active": False}))
    for _ in range(3):
        setting.ask(stepper)
    setting.clock.now += 9.9
    setting.ask(stepper)
    assert len(stepper.exchanges) == 1
    setting.clock.now += 0.1
    with pytest.raises(TokenInactive):
        setting.ask(stepper)


def test_an_answer_without_expiry_lives_for_the_ttl() -> None:
    setting = Setting(introspection_cache_ttl=60)
    stepper = Stepper(answer(), answer())
    setting.ask(stepper)
    setting.clock.now += 59
    setting.ask(stepper)
    assert len(stepper.exchanges) == 1
    setting.clock.now += 1
    setting.ask(stepper)
    assert len(stepper.exchanges) == 2


def test_an_inactive_token_is_remembered_for_seconds_only() -> None:
    """CCH-16"""
    setting = Setting()
    stepper = Stepper(answer({"active": False}), answer())
    for _ in range(2):
        with pytest.raises(TokenInactive):
            setting.ask(stepper)
    setting.clock.now += 5
    setting.ask(stepper)
    assert len(stepper.exchanges) == 2


@pytest.mark.parametrize("reply", [answer(status=401), Reply(200, {}, b"nonsense"), answer({"active": 1})])
def test_what_is_no_answer_is_not_remembered(reply: Reply) -> None:
    """INT-09"""
    setting = Setting()
    stepper = Stepper(reply, answer())
    with pytest.raises(Refusal):
        setting.ask(stepper)
    setting.ask(stepper)


def test_the_cache_can_be_switched_off() -> None:
    for setting in (Setting(cache_access_token_introspection=False), Setting(introspection_cache_size=0)):
        stepper = Stepper(answer(), answer())
        setting.ask(stepper)
        setting.ask(stepper)
        assert len(stepper.exchanges) == 2


def test_results_of_other_endpoints_and_credentials_are_not_mixed() -> None:
    """CCH-05, S27"""
    first = Setting()
    first.ask(Stepper(answer()))
    for options in (
        {"endpoint": "https://other.example/introspect"},
        {"authorization": "Basic eA=="},
        {"body_args": "a=b"},
        {"hint": "other"},
    ):
        other = Setting(shared=first.cache, **options)
        stepper = Stepper(answer())
        other.ask(stepper)
        assert len(stepper.exchanges) == 1


def test_tokens_with_a_common_beginning_have_their_own_results() -> None:
    """CCH-08"""
    setting = Setting()
    stepper = Stepper(answer(sub="a"), answer(sub="b"))
    assert setting.ask(stepper, "x" * 200 + "a")["sub"] == "a"
    assert setting.ask(stepper, "x" * 200 + "b")["sub"] == "b"


def test_edited_claims_do_not_reach_the_next_request() -> None:
    """CCH-13"""
    setting = Setting()
    stepper = Stepper(answer(sub="a"))
    setting.ask(stepper)["sub"] = "evil"
    assert setting.ask(stepper)["sub"] == "a"


def test_a_shared_cache_that_is_down_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Down:
        blocking = True

        def get(self, key: str) -> bytes | None:
            raise StoreError("cache is down")

        def put(self, key: str, value: bytes, seconds: float) -> None:
            raise StoreError("cache is down")

        def delete(self, key: str) -> None:
            raise StoreError("cache is down")

        def claim(self, key: str, seconds: float) -> bool:
            raise StoreError("cache is down")

        def purge(self, fits: object) -> int | None:
            raise StoreError("cache is down")

    setting = Setting()
    setting.introspector.answers._cache = Down()
    stepper = Stepper(answer(), answer())
    setting.ask(stepper)
    setting.ask(stepper)
    assert "cache is down" in caplog.text


def test_keys_of_the_cache_tell_nothing() -> None:
    """CCH-10"""
    setting = Setting()
    setting.ask(Stepper(answer()), "my-opaque-token")
    assert "my-opaque" not in repr(vars(setting.cache))


def test_a_queue_to_a_slow_provider_is_bounded() -> None:
    """Who finds it full is told at once, and when to come again; who leaves makes room."""
    setting = Setting()
    waiting = [setting.introspector._ask_provider(f"t{i}", f"k{i}") for i in range(MAX_UNDER_WAY)]
    for flow in waiting:
        next(flow)
    with pytest.raises(ProviderUnavailable, match="512 tokens wait"):
        setting.ask(Stepper())
    waiting[0].close()  # a client that left
    assert setting.ask(Stepper(answer(sub="a")))["sub"] == "a"
    with pytest.raises(StopIteration):
        waiting[1].send(answer())
    assert setting.ask(Stepper(answer(sub="b")), "other")["sub"] == "b"
