"""DPoP beyond the conformance table: the parts, what clients are told, and nonces on their way."""

from __future__ import annotations

import json
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Plain
from conformance.asgi import ASGIRunner
from conformance.case import HOST, NOW
from conformance.keys import jwks
from conformance.proofs import Bound, Proof
from conformance.tokens import render, token
from conformance.wsgi import WSGIRunner
from jwt_signer_mw.binding import refusals
from jwt_signer_mw.binding.challenge import dress
from jwt_signer_mw.binding.nonces import LIFE, Nonces
from jwt_signer_mw.binding.replays import MemoryReplays, SharedReplays
from jwt_signer_mw.binding.uris import Origins, normal_path, read_uri
from jwt_signer_mw.caches import open_cache
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import Refusal, StoreError, TokenMissing
from jwt_signer_mw.explain.bound import BOUND
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.request.responses import render as render_refusal
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_signing_algorithm": "ES256",
    "access_token_dpop": "allowed",
    "channel_token_optional": True,
}
STORE = MemoryStore()


class Provider:
    def __init__(self) -> None:
        self.asked = 0

    def send(self, _exchange: Exchange) -> Reply:
        self.asked += 1
        return Reply(200, {}, json.dumps(render(jwks("rsa1", "p256"))).encode())


@pytest.fixture(params=[WSGIRunner, ASGIRunner])
def opened(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Builds a middleware; `cache` may replace its shared one."""

    def build(cache: Any = None, **settings: Any) -> Any:
        services = {"keyset_store": STORE, "transport": Provider(), "clock": FrozenClock(NOW)}
        runner = request.param(SETTINGS | settings, services | ({} if cache is None else {"cache": cache}))
        request.addfinalizer(runner.close)
        return runner

    return build


def plain(*headers: tuple[str, object]) -> Plain:
    return Plain("GET", "/orders", HOST, tuple((name, str(value)) for name, value in headers))


def sent(proof: object, value: object = None) -> Plain:
    return plain(("Authorization", f"DPoP {value or Bound()}"), ("DPoP", proof))


def challenge(outcome: Any) -> str:
    found: str = {name.lower(): value for name, value in outcome.headers}["www-authenticate"]
    return found


ALGS = 'algs="ES256 ES384 EdDSA PS256 RS256"'


def test_both_schemes_are_offered_to_a_client_without_a_token(opened: Callable[..., Any]) -> None:
    assert challenge(opened().send(plain())) == f'Bearer realm="api.example", DPoP {ALGS}'


def test_only_dpop_is_offered_where_it_is_required(opened: Callable[..., Any]) -> None:
    assert (
        challenge(opened(access_token_dpop="required").send(plain())) == f'DPoP realm="api.example", {ALGS}'
    )


def test_an_error_about_the_proof_is_told_in_the_challenge_for_dpop(opened: Callable[..., Any]) -> None:
    told = challenge(opened().send(sent(Proof(Bound(), {"htm": "POST"}))))
    assert told.startswith('DPoP realm="api.example", error="invalid_dpop_proof", error_description="')
    assert told.endswith(ALGS)


def test_a_bearer_token_that_is_bound_is_told_so(opened: Callable[..., Any]) -> None:
    told = challenge(opened().send(plain(("Authorization", f"Bearer {Bound()}"))))
    assert told.startswith('DPoP realm="api.example", error="invalid_token"')


def test_a_client_tries_again_with_the_nonce_that_it_was_told(opened: Callable[..., Any]) -> None:
    service = opened(access_token_dpop_nonces=True)
    refused = service.send(sent(Proof(Bound())))
    nonce = {name.lower(): value for name, value in refused.headers}["dpop-nonce"]
    assert (refused.status, 'error="use_dpop_nonce"' in challenge(refused)) == (401, True)
    assert service.send(sent(Proof(Bound(), {"nonce": nonce}))).status == 200
    assert service.send(sent(Proof(Bound(), {"nonce": nonce}))).status == 401, "a replay"
    assert service.send(sent(Proof(Bound(), {"nonce": nonce}, jti="two"))).status == 200
    tampered = nonce[:-2] + ("AA" if nonce[-2:] != "AA" else "BB")
    assert service.send(sent(Proof(Bound(), {"nonce": tampered}, jti="three"))).status == 401


def test_a_view_that_refuses_by_itself_offers_dpop_too() -> None:
    for demand, told in (
        ("required", f'DPoP realm="x", {ALGS}'),
        ("allowed", f'Bearer realm="x", DPoP {ALGS}'),
    ):
        settings = Settings.load(SETTINGS | {"access_token_dpop": demand})
        rejection = dress(render_refusal(TokenMissing(), "x", ""), TokenMissing(), settings)
        assert dict(rejection.headers)["WWW-Authenticate"] == told


def test_the_proof_never_reaches_the_application(opened: Callable[..., Any]) -> None:
    seen = opened().send(sent(Proof(Bound()))).seen[0]
    assert [name for name, _ in seen.headers] == ["authorization"]


def test_a_host_header_with_a_path_in_it_moves_no_uri(opened: Callable[..., Any]) -> None:
    """A proof for /admin/orders, sent to /orders of the host `api.example/admin`."""
    proof = Proof(Bound(), {"htu": "http://api.example/admin/orders"})
    request = Plain("GET", "/orders", "api.example/admin", sent(proof).headers)
    assert opened().send(request).status == 401


class Broken(MemoryCache):
    blocking = True

    def claim(self, key: str, seconds: float) -> bool:
        raise StoreError("the shared cache does not answer")

    def get(self, key: str) -> bytes | None:
        return None


def test_a_cache_that_is_down_means_503(opened: Callable[..., Any]) -> None:
    service = opened(cache=Broken(1, Clock()))
    assert service.send(sent(Proof(Bound()))).status == 503
    assert service.send(plain(("Authorization", f"Bearer {token()}"))).status == 200


class Shared(MemoryCache):
    """Two processes' cache."""

    blocking = True

    def __init__(self) -> None:
        super().__init__(100, Clock.of(FrozenClock(NOW)))
        self.claimed: set[str] = set()

    def claim(self, key: str, seconds: float) -> bool:
        assert seconds >= 60
        is_first = key not in self.claimed
        self.claimed.add(key)
        return is_first


def test_a_replay_at_another_process_is_seen_in_the_shared_cache(opened: Callable[..., Any]) -> None:
    cache, proof = Shared(), str(Proof(Bound()))
    assert opened(cache=cache).send(sent(proof)).status == 200
    assert opened(cache=cache).send(sent(proof)).status == 401
    assert not any(Bound().token().compact() in key or "one" in key for key in cache.claimed)


def test_the_token_is_verified_once_and_the_proof_each_time(opened: Callable[..., Any]) -> None:
    service = opened()
    first, second = (service.send(sent(Proof(Bound(), jti=jti))).seen[0] for jti in "ab")
    assert dict(first.headers)["authorization"] == dict(second.headers)["authorization"], "a verdict"
    assert service.send(sent(Proof(Bound(), jti="b"))).status == 401


def test_explaining_a_request_does_not_use_its_proof_up() -> None:
    middleware = JWTSignerMiddleware(
        lambda *_: [],
        SETTINGS | {"public_origins": f"https://{HOST}"},
        keyset_store=STORE,
        transport=Provider(),
        clock=FrozenClock(NOW),
    )
    headers = dict(sent(Proof(Bound(), {"htu": f"https://{HOST}/orders"})).headers)
    for _ in range(2):
        told = middleware.explain(headers, path="/orders", host=HOST)
        assert told.outcome == "forwarded"
        assert [step.mark for step in told.steps if step.stage == "binding"] == ["good"]
    refused = middleware.explain(headers, path="/orders", host=HOST, method="POST")
    assert (refused.reason, refused.option) == ("dpop_proof_for_another", "access_token_dpop")
    assert "htm" in refused.detail


def test_every_refusal_has_a_suggestion() -> None:
    kinds = [kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
    assert {kind.code for kind in kinds if kind is not Refusal} - {
        "binding_refused",
        "dpop_proof_refused",
    } == BOUND.keys()


# The parts


@pytest.mark.parametrize(
    "one, other",
    [
        ("HTTPS://API.example:443", "https://api.example/"),
        ("http://api.example:80/a?x#y", "http://api.example/a"),
        ("https://api.example/%7ea/%c3%a9", "https://api.example/~a/%C3%A9"),
        ("https://api.example/a/./b/../c", "https://api.example/a/c"),
        ("https://api.example/a/%2e%2e/c", "https://api.example/c"),
        ("https://api.example/a/..", "https://api.example/"),
        ("https://api.example/a/.", "https://api.example/a/"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
    ],
)
def test_uris_that_are_one(one: str, other: str) -> None:
    assert read_uri(one) == read_uri(other) is not None


@pytest.mark.parametrize(
    "uri",
    [
        *("", "api.example", "//api.example/", "ftp://api.example/", "https://", "https://a@api.example/"),
        *(
            "https://api.example:x/",
            "https://api.example:99999/",
            "https://api.example/\u00e9",
            "https://[::1/",
        ),
        *("https://api.example/ ", "https://api.example/%", "https://api.example/%zz", "javascript:alert(1)"),
    ],
)
def test_what_is_no_uri(uri: str) -> None:
    assert read_uri(uri) is None


def test_an_escaped_slash_is_none() -> None:
    assert normal_path("/a%2fb") == "/a%2Fb"
    origins = Origins(("https://api.example",))
    assert not origins.fits("https://api.example/a%2Fb", "http", "ignored", "/a/b")
    assert origins.fits("https://api.example/a%2Fb", "http", "ignored", "/a%2fb")


def test_one_of_many_threads_is_first() -> None:
    replays = MemoryReplays(1000, 60, Clock.of(FrozenClock(NOW)))
    results: list[bool] = []
    gate = threading.Barrier(8)

    def race() -> None:
        driver = BlockingDriver(RequestsTransport())
        gate.wait()
        results.extend(driver.run(replays.is_first(str(number))) for number in range(100))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(True) == 100


def test_what_is_past_is_forgotten_and_nothing_else() -> None:
    clock = FrozenClock(NOW)
    replays, driver = MemoryReplays(2, 60, Clock.of(clock)), BlockingDriver(RequestsTransport())
    assert driver.run(replays.is_first("a"))
    clock.now += 30
    assert driver.run(replays.is_first("b"))
    with pytest.raises(StoreError):
        driver.run(replays.is_first("c"))
    clock.now += 30
    assert driver.run(replays.is_first("c"))
    assert len(replays) == 2


def test_a_shared_replay_is_an_atomic_claim() -> None:
    own = MemoryReplays(1, 60, Clock.of(FrozenClock(NOW)))
    replays, driver = SharedReplays(Shared(), 60, own), BlockingDriver(RequestsTransport())
    assert [driver.run(replays.is_first(key)) for key in "aabb"] == [True, False, True, False]


class Forgetful(Shared):
    """As Django's DummyCache is: everything is added, and nothing is there."""

    def claim(self, key: str, seconds: float) -> bool:
        return True


def test_a_process_remembers_though_the_cache_forgets(opened: Callable[..., Any]) -> None:
    service, proof = opened(cache=Forgetful()), Proof(Bound())
    assert service.send(sent(str(proof))).status == 200
    assert service.send(sent(str(proof))).status == 401


def test_two_processes_share_replays_in_redis(opened: Callable[..., Any]) -> None:
    redis = pytest.importorskip("redis", reason="needs the extra `redis`")
    url = os.environ.get("JWT_SIGNER_TEST_REDIS", "redis://127.0.0.1:6379/9")
    try:
        redis.Redis.from_url(url, socket_timeout=1).ping()
    except redis.RedisError:
        require(False, "redis does not answer")
    key, proof = f"p256-{uuid.uuid4().hex}", ""
    proof = str(Proof(Bound(key), key=key))
    one, other = opened(cache=open_cache(url, size=0, clock=Clock())), opened(cache=url)
    assert one.send(sent(proof, Bound(key))).status == 200
    assert other.send(sent(proof, Bound(key))).status == 401
    assert other.send(sent(Proof(Bound(key), key=key, jti="two"), Bound(key))).status == 200


def test_nonces_of_one_secret_and_no_other() -> None:
    clock = FrozenClock(NOW)
    ours, theirs = (Nonces(secret, Clock.of(clock)) for secret in ("a" * 32, "b" * 32))
    nonce = ours.make()
    assert ours.is_good(nonce)
    assert not theirs.is_good(nonce)
    assert not any(ours.is_good(bad) for bad in ("", "x", "é", nonce + "A", nonce[:-1], "A" * 32, "A" * 5000))
    clock.now += LIFE
    assert ours.is_good(nonce)
    clock.now += 1
    assert not ours.is_good(nonce)
