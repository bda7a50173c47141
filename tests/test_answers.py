"""Answers of introspection that several processes share, through a real Redis."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.caches import SharedCache, open_cache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.errors import ProviderUnavailable, StoreError, TransportError
from jwt_signer_mw.flows.answers import CLAIM, Answers
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.introspect import Introspector
from jwt_signer_mw.flows.keys import Keyring
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.wire import dump_json
from parts import require, require_module

if TYPE_CHECKING:
    from collections.abc import Callable

REDIS = os.environ.get("JWT_SIGNER_TEST_REDIS", "redis://127.0.0.1:6379/9")
ENDPOINT = "https://idp.example/introspect"


@pytest.fixture
def cache() -> SharedCache:
    require_module("redis")
    cache = open_cache(REDIS, size=10, clock=Clock())
    try:
        cache.get("probe")
    except StoreError as error:
        require(False, f"no Redis: {error.detail}")
    return cache


class Provider:
    """A transport that takes its time, for all workers together."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = False
        self.active = True
        self.seconds = 0.1
        self._lock = threading.Lock()

    def send(self, exchange: Exchange) -> Reply:
        with self._lock:
            self.asked += 1
        time.sleep(self.seconds)
        if self.down:
            raise TransportError(f"{exchange.url} is down")
        return Reply(200, {}, dump_json({"active": self.active, "sub": "alice"}))


class Worker:
    """A process's own parts: a driver that merges nothing with those of others."""

    def __init__(self, provider: Provider, cache: SharedCache, **options: Any) -> None:
        settings = Settings.load(
            {
                "access_token_introspection_endpoint": ENDPOINT,
                "access_token_introspection_timeout": 2000,
                **options,
            }
        )
        keyring = Keyring(settings, MemoryStore(), Clock())
        self.introspector = Introspector(settings.access_token, settings, keyring, cache, Clock())
        self.driver = BlockingDriver(provider)

    def ask(self, token: str) -> Any:
        return self.driver.run(self.introspector.introspect(token)).claims


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    barrier = threading.Barrier(len(works))

    def start(work: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return work()
        except ProviderUnavailable as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


def test_one_of_many_processes_asks(cache: SharedCache) -> None:
    provider, token = Provider(), uuid.uuid4().hex
    workers = [Worker(provider, cache) for _ in range(8)]
    answers = at_once([lambda worker=worker: worker.ask(token) for worker in workers])  # type: ignore[misc]
    assert [answer["sub"] for answer in answers] == ["alice"] * 8
    assert provider.asked == 1


def test_different_tokens_do_not_wait_for_each_other(cache: SharedCache) -> None:
    provider, tokens = Provider(), [uuid.uuid4().hex for _ in range(4)]
    provider.seconds = 0.5
    workers = [Worker(provider, cache) for _ in tokens]
    began = time.monotonic()
    at_once([lambda w=w, t=t: w.ask(t) for w, t in zip(workers, tokens, strict=True)])  # type: ignore[misc]
    assert provider.asked == 4
    assert time.monotonic() - began < 1.5


def test_when_the_one_fails_the_others_try_for_themselves(cache: SharedCache) -> None:
    """Each waits for its own time limits, and for nobody else's."""
    provider, token = Provider(), uuid.uuid4().hex
    provider.down = True
    workers = [Worker(provider, cache) for _ in range(3)]
    began = time.monotonic()
    answers = at_once([lambda worker=worker: worker.ask(token) for worker in workers])  # type: ignore[misc]
    assert all(isinstance(answer, ProviderUnavailable) for answer in answers)
    assert time.monotonic() - began < 2
    provider.down = False
    assert workers[0].ask(token)["sub"] == "alice"


def test_a_claim_of_a_process_that_died_ends(cache: SharedCache) -> None:
    provider, token = Provider(), uuid.uuid4().hex
    worker = Worker(provider, cache, access_token_introspection_timeout=200)
    scope = worker.introspector._scope
    answers = worker.introspector.answers
    key = hashlib.sha256(scope + token.encode()).hexdigest()
    assert cache.claim(CLAIM + key, 60)
    began = time.monotonic()
    assert worker.ask(token)["sub"] == "alice"
    assert 0.3 < time.monotonic() - began < 2
    assert worker.driver.run(answers.recall(key)) is not None


def test_nothing_is_claimed_afterwards(cache: SharedCache) -> None:
    """Or the next one would wait for somebody who has gone."""
    provider, token = Provider(), uuid.uuid4().hex
    worker = Worker(provider, cache, introspection_cache_ttl=1)
    worker.ask(token)
    time.sleep(1.05)
    began = time.monotonic()
    worker.ask(token)
    assert provider.asked == 2
    assert time.monotonic() - began < 0.5


def test_a_clock_of_ones_own_waits_for_nobody(cache: SharedCache) -> None:
    answers = Answers(cache, Clock.of(lambda: 1_800_000_000.0))
    key = uuid.uuid4().hex
    driver = BlockingDriver(Provider())
    assert driver.run(answers.claim(key, 60)) is None
    began = time.monotonic()
    assert driver.run(answers.claim(key, 60)) is None
    assert time.monotonic() - began < 1
    driver.run(answers.release(key))
