"""Outages: breakers by hand, and storms on real providers that broke."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from conformance.adapter import Plain
from conformance.case import NOW, Answer, Provider
from conformance.tokens import good
from jwt_signer_mw import Settings
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ProviderUnavailable
from jwt_signer_mw.flows.breaker import LONGEST_PROBE, Breaker, Breakers
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings.issuers import by_issuer
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from sites import serving_sites
from stepping import FrozenClock
from system import ADAPTERS, adapter_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.adapter import Outcome, Runner
    from providers.faults import FaultProxy
    from providers.oidc import OidcProvider

LIMIT = 0.4  # seconds: `introspection_timeout` of these tests
AT_ONCE = 0.3  # seconds within which a request that waits for nobody is done, on a busy machine
STORM = 60
STORE = MemoryStore()
ONE = {"channel_token_optional": True, "access_token_signing_algorithm": "ES256"}


# A breaker by hand --------------------------------------------------------------------------------


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def breaker_of(clock: FrozenClock, threshold: int | None = 2) -> Breaker:
    return Breaker("https://idp.example/introspect", threshold, 30, Clock.of(clock))


def wait_of(breaker: Breaker) -> float | None:
    """For how long one is told to wait; None: one may ask."""
    try:
        breaker.require("option")
    except ProviderUnavailable as problem:
        return problem.retry_after
    return None


def test_opens_after_failures_in_a_row(clock: FrozenClock) -> None:
    breaker = breaker_of(clock)
    for outcome in (breaker.failed, breaker.succeeded, breaker.failed):
        outcome()
        assert wait_of(breaker) is None
    breaker.failed()
    assert wait_of(breaker) == 30
    clock.now += 12
    assert wait_of(breaker) == 18


def test_one_asks_for_all(clock: FrozenClock) -> None:
    breaker = breaker_of(clock)
    breaker.failed()
    breaker.failed()
    clock.now += 30
    assert [wait_of(breaker) for _ in range(3)] == [None, 1, 1]
    breaker.failed()
    assert wait_of(breaker) == 30
    clock.now += 30
    assert wait_of(breaker) is None
    breaker.succeeded()
    assert [wait_of(breaker) for _ in range(3)] == [None, None, None]


def test_a_probe_that_was_cancelled_or_never_ends_keeps_nobody(clock: FrozenClock) -> None:
    breaker = breaker_of(clock)
    breaker.failed()
    breaker.failed()
    clock.now += 30
    assert wait_of(breaker) is None
    breaker.gave_up()
    assert wait_of(breaker) is None, "the next one asks"
    assert wait_of(breaker) == 1
    clock.now += LONGEST_PROBE
    assert wait_of(breaker) is None


def test_without_a_threshold_it_never_opens(clock: FrozenClock) -> None:
    breaker = breaker_of(clock, None)
    for _ in range(1000):
        breaker.failed()
    assert wait_of(breaker) is None


def test_who_asks_the_same_endpoint_shares_a_breaker(clock: FrozenClock) -> None:
    breakers = Breakers(Clock.of(clock))
    assert breakers.of("a", 2, 30) is breakers.of("a", 2, 30)
    assert breakers.of("a", 2, 30) is not breakers.of("b", 2, 30)


def test_the_policy_may_differ_by_issuer() -> None:
    issuers = {"https://a.example": {"introspection_breaker": 7}, "https://b.example": {}}
    settings = Settings.load(
        {**ONE, "access_token_introspection_breaker": 3, "access_token_trusted_issuers": issuers}
    )
    found = [one.outages.introspection_breaker for one in by_issuer(settings.access_token).values()]
    assert found == [7, 3]


def test_explains_an_old_answer_and_an_open_breaker(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    with serving_sites(tmp_path) as open_site:
        answer = Answer({"active": True, **good()})
        site, url = open_site(Provider(tokens={"known": answer}))
        settings = {
            **ONE,
            "access_token_introspection_endpoint": f"{url}/introspect",
            "access_token_introspection_max_stale": 100,
            "access_token_introspection_breaker": 2,
            "introspection_cache_ttl": 10,
        }
        opened = JWTSignerMiddleware(lambda _environ, _start: [], settings, keyset_store=STORE, clock=clock)
        assert opened.explain({"Authorization": "Bearer known"}).outcome == "forwarded"
        site.provide(Provider({"/introspect": Answer(status=500)}))
        clock.now += 11
        explained = opened.explain({"Authorization": "Bearer known"})
        assert explained.outcome == "forwarded"
        old = [step for step in explained.steps if step.option == "access_token_introspection_max_stale"]
        assert [step.text for step in old] == ["an old answer serves, as the provider can't be asked"]
        refused = opened.explain({"Authorization": "Bearer unknown"})
        assert (refused.status, refused.reason) == (503, "provider_unavailable")
        assert "left alone after 2 failures" in refused.detail
        opened.close()


# Real providers that broke ------------------------------------------------------------------------


class Got(NamedTuple):
    status: int
    seconds: float
    retry_after: int | None


def ask(runner: Runner, value: object) -> Got:
    start = time.monotonic()
    outcome: Outcome = runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))
    headers = {name.lower(): text for name, text in outcome.headers}
    retry = headers.get("retry-after")
    return Got(outcome.status, time.monotonic() - start, None if retry is None else int(retry))


def introspecting(
    adapter: str, proxy: FaultProxy, provider: OidcProvider, **more: object
) -> tuple[Runner, Any]:
    clock = FrozenClock(time.time())
    path = urlsplit(provider.introspection_endpoint).path
    settings = {
        **ONE,
        "access_token_introspection_endpoint": f"http://127.0.0.1:{proxy.port}{path}",
        "access_token_introspection_authorization": provider.introspection_authorization,
        "access_token_introspection_timeout": LIMIT * 1000,
        "access_token_introspection_breaker": 2,
        "verdict_cache_size": 0,
        **more,
    }
    return adapter_named(adapter).open(settings, {"keyset_store": STORE, "clock": clock}), clock


def broken_proxy(provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]) -> FaultProxy:
    port = urlsplit(provider.issuer).port
    assert port is not None
    return open_fault_proxy(port)


@pytest.mark.rule("S25")
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("fault", ["blackhole", "refuse", "reset_after"])
def test_with_the_breaker_open_nobody_waits(
    adapter: str, fault: Any, oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = broken_proxy(oidc_provider, open_fault_proxy)
    runner, clock = introspecting(adapter, proxy, oidc_provider)
    value = oidc_provider.mint(jwt=False)
    assert ask(runner, value).status == 200
    proxy.drop()
    proxy.set(fault, size=10)
    first = ask(runner, "a-token-that-opens-it")
    assert first.status == 503
    asked = proxy.connections
    storm = [ask(runner, f"token-{n}") for n in range(STORM)]
    assert {got.status for got in storm} == {503}
    assert {got.retry_after for got in storm} <= {30, 29}
    assert max(got.seconds for got in storm) < AT_ONCE
    assert proxy.connections == asked, "nobody asks"
    proxy.reset()
    clock.now += 31
    assert ask(runner, oidc_provider.mint(jwt=False)).status == 200
    runner.close()


def test_a_storm_of_threads_waits_for_nobody(
    oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = broken_proxy(oidc_provider, open_fault_proxy)
    runner, clock = introspecting("wsgi", proxy, oidc_provider)
    proxy.set("blackhole")
    assert ask(runner, "first").status == 503
    asked = proxy.connections
    with ThreadPoolExecutor(8) as pool:
        storm = list(pool.map(lambda n: ask(runner, f"token-{n}"), range(STORM)))
        assert {got.status for got in storm} == {503}
        assert proxy.connections == asked
        clock.now += 31
        probing = list(pool.map(lambda n: ask(runner, f"probe-{n}"), range(STORM)))
    assert {got.status for got in probing} == {503}
    assert proxy.connections <= asked + 2, "one asks for all; two, where two were just as quick"
    assert sum(got.seconds > LIMIT for got in probing) <= 2
    runner.close()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_known_tokens_pass_while_the_provider_is_away(
    adapter: str, oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = broken_proxy(oidc_provider, open_fault_proxy)
    more = {"access_token_introspection_max_stale": 120, "introspection_cache_ttl": 10}
    runner, clock = introspecting(adapter, proxy, oidc_provider, **more)
    value = oidc_provider.mint(jwt=False)
    assert ask(runner, value).status == 200
    proxy.drop()
    proxy.set("blackhole")
    clock.now += 11
    assert ask(runner, value).status == 200
    known = [ask(runner, value) for _ in range(STORM)]
    assert {got.status for got in known} == {200}
    assert max(got.seconds for got in known) < AT_ONCE
    assert ask(runner, "unknown").status == 503
    clock.now += 120
    late = ask(runner, value)
    assert late.status == 503
    assert late.retry_after is not None
    proxy.reset()
    oidc_provider.revoke(value)
    clock.now += 31
    assert ask(runner, value).status == 401, "what the provider says now counts"
    runner.close()


@pytest.mark.rule("S25")
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_old_keys_of_a_real_provider_serve_for_so_long(adapter: str, oidc_provider: OidcProvider) -> None:
    clock = FrozenClock(time.time())
    settings = {
        **ONE,
        "access_token_jwks_uri": oidc_provider.jwks_uri,
        "access_token_jwks_uri_rotate_period": 60,
        "access_token_jwks_uri_max_stale": 100,
    }
    runner = adapter_named(adapter).open(settings, {"keyset_store": STORE, "clock": clock})
    value = oidc_provider.mint(headers={"X-Token-Lifetime": "3000"})
    assert ask(runner, value).status == 200
    oidc_provider.fail("/jwks", drop=True)
    clock.now += 61
    assert ask(runner, value).status == 200
    clock.now += 100
    storm = [ask(runner, value) for _ in range(20)]
    assert {got.status for got in storm} == {503}
    assert {got.retry_after for got in storm} <= {ceil(30), 29}
    oidc_provider.fail("/nothing", status=500)
    clock.now += 31
    assert ask(runner, value).status == 200
    runner.close()
