"""The caches: bounds, lives, and one contract for every shared cache."""

from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from jwt_signer_mw.caches import SharedCache, open_cache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ConfigurationError, StoreError
from jwt_signer_mw.flows.verdicts import Verdict, VerdictCache, name_of
from stepping import FrozenClock

REDIS = os.environ.get("JWT_SIGNER_TEST_REDIS", "redis://127.0.0.1:6379/9")


@pytest.fixture(params=["memory://", REDIS])
def cache(request: pytest.FixtureRequest) -> SharedCache:
    url: str = request.param
    if url.startswith("redis"):
        pytest.importorskip("redis", reason="needs the extra `redis`")
    cache = open_cache(url, size=10, clock=Clock())
    try:
        cache.get("probe")
    except StoreError as error:
        if os.environ.get("JWT_SIGNER_TEST_REQUIRE"):
            raise
        pytest.skip(f"no Redis: {error.detail}")
    return cache


def test_contract(cache: SharedCache) -> None:
    key = uuid.uuid4().hex
    assert cache.get(key) is None
    cache.put(key, b"\x00value", 60)
    assert cache.get(key) == b"\x00value"
    cache.put(key, b"other", 60)
    assert cache.get(key) == b"other"
    cache.delete(key)
    assert cache.get(key) is None
    cache.put(key, b"short", 0.05)
    time.sleep(0.1)
    assert cache.get(key) is None


def test_values_are_purged_by_what_they_say(cache: SharedCache) -> None:
    mine = uuid.uuid4().bytes
    keys = [uuid.uuid4().hex for _ in range(4)]
    for number, key in enumerate(keys):
        cache.put(key, mine if number % 2 else b"another", 60)
    assert cache.purge(lambda value: value == mine) == 2
    assert [cache.get(key) for key in keys] == [b"another", None, b"another", None]
    assert cache.purge(lambda value: value == mine) == 0


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="memory, redis"):
        open_cache("memcached://x", size=1, clock=Clock())


def test_a_cache_that_is_down() -> None:
    pytest.importorskip("redis", reason="needs the extra `redis`")
    cache = open_cache("redis://127.0.0.1:1/0", size=1, clock=Clock())
    with pytest.raises(StoreError):
        cache.purge(bool)
    with pytest.raises(StoreError):
        cache.get("k")
    with pytest.raises(StoreError):
        cache.put("k", b"", 1)
    with pytest.raises(StoreError):
        cache.delete("k")


def test_the_one_in_memory_is_bounded_and_forgets_the_least_used() -> None:
    cache = open_cache("memory://", size=2, clock=Clock())
    cache.put("a", b"1", 60)
    cache.put("b", b"2", 60)
    cache.get("a")
    cache.put("c", b"3", 60)
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]
    nothing = open_cache("memory://", size=0, clock=Clock())
    nothing.put("a", b"1", 60)
    assert nothing.get("a") is None


VERDICT = Verdict(
    1_800_000_000.0 - 7200, 1_800_000_100.0, 0.0, ("Authorization",), (None, None), ("Bearer x",), None
)


def put(verdicts: VerdictCache, name: bytes) -> None:
    verdicts.put(name, VERDICT._replace(fresh=verdicts.deadline()), verdicts.generation)


def get(verdicts: VerdictCache, name: bytes) -> Verdict | None:
    return verdicts.get(name, verdicts._ticks())


def test_a_verdict_ends_with_its_tokens_and_with_its_ttl() -> None:
    """CCH-02, C5"""
    clock = FrozenClock()
    verdicts = VerdictCache(10, 60, Clock.of(clock))
    put(verdicts, b"k")
    clock.now += 59.9
    assert get(verdicts, b"k") is not None
    clock.now += 0.1
    assert get(verdicts, b"k") is None
    put(verdicts, b"k")
    clock.now = 1_800_000_099.9
    assert get(verdicts, b"k") is not None
    clock.now = 1_800_000_100.0
    assert get(verdicts, b"k") is None
    assert len(verdicts) == 0


def test_a_wall_clock_that_is_set_back_prolongs_nothing() -> None:
    """CCH-19"""
    wall, ticks = FrozenClock(), FrozenClock(5.0)
    verdicts = VerdictCache(10, 60, Clock(wall, ticks))
    put(verdicts, b"k")
    wall.now -= 3600
    ticks.now += 60
    assert get(verdicts, b"k") is None


def test_the_bound_holds_under_threads() -> None:
    """C5"""
    verdicts = VerdictCache(50, 60, Clock.of(FrozenClock()))

    def fill(seed: int) -> None:
        for i in range(2000):
            key = b"%d-%d" % (seed, i % 200)
            if get(verdicts, key) is None:
                put(verdicts, key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, range(8)))
    assert len(verdicts) == 50


def test_the_least_recently_used_leaves_first() -> None:
    verdicts = VerdictCache(2, 60, Clock.of(FrozenClock()))
    put(verdicts, b"a")
    put(verdicts, b"b")
    get(verdicts, b"a")
    put(verdicts, b"c")
    assert [get(verdicts, key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]


@pytest.mark.parametrize("size, ttl", [(0, 60), (10, 0)])
def test_it_can_be_switched_off(size: int, ttl: float) -> None:
    assert not VerdictCache(size, ttl, Clock()).enabled


def test_no_two_requests_share_a_key() -> None:
    seen = {
        name_of(values, 100)
        for values in [
            ("a",),
            ("b",),
            ("a", None),
            (None, "a"),
            ("a", "b"),
            ("ab", ""),
            ("", "ab"),
            ("a;b", None),
            (None, None),
        ]
    }
    assert len(seen) == 9
    assert name_of(("\ud800",), 100) is None
    assert name_of(("aaa",), 2) is name_of(("a", "aaa"), 2) is None
