"""What speed rests on, counted and not timed: the goal C7, and roads that must stay short."""

from __future__ import annotations

import gc
import json
import sys
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key, load_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.tokens import compact
from jwt_signer_mw.wire import dump_json, encode_base64url
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jwt_signer_mw.jose import Key

NOW = 1_800_000_000
IDP = generate_key("ES256")
UNKNOWN = load_key(IDP.private_jwk() | {"kid": "nobody-knows-it"})
STORE = MemoryStore()


class Service:
    def __init__(self, **settings: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.keys = [IDP]
        self.fetched = 0
        self.gate = threading.Event()
        self.gate.set()
        self.middleware = JWTSignerMiddleware(
            _application,
            {
                "access_token_jwks_uri": "https://idp.example/jwks",
                "access_token_introspection_endpoint": "https://idp.example/introspect",
                "access_token_signing_algorithm": "ES256",
                "channel_token_optional": True,
                **settings,
            },
            transport=self,
            clock=self.clock,
            keyset_store=STORE,
        )

    def send(self, exchange: Exchange) -> Reply:
        if exchange.method == "POST":
            return Reply(200, {}, dump_json({"active": True, "sub": "alice", "exp": NOW + 100}))
        self.fetched += 1
        self.gate.wait()
        return Reply(200, {}, dump_json({"keys": [key.public_jwk() for key in self.keys]}))

    def get(self, text: str) -> str:
        statuses: list[str] = []
        list(self.middleware(environ(text), lambda status, *_: statuses.append(status)))  # type: ignore[arg-type]
        return statuses[0]


def _application(_environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def environ(text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    setup_testing_defaults(made)
    return made


def token(key: Key = IDP, **claims: Any) -> str:
    payload = {"iss": "https://idp.example", "sub": "alice", "exp": NOW + 100, **claims}
    return sign_compact(json.dumps(payload).encode(), key, "ES256")


def calls_of(work: Callable[[], object]) -> int:
    """How many functions it calls, those written in C included."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_c7_a_known_opaque_token_costs_no_more_than_a_known_jwt() -> None:
    service = Service()
    jwt, opaque = token(), "an-opaque-token-of-alice"
    for _ in range(2):
        assert service.get(jwt) == service.get(opaque) == "200 OK"
    of_jwt, of_opaque = calls_of(lambda: service.get(jwt)), calls_of(lambda: service.get(opaque))
    assert of_opaque <= 1.3 * of_jwt
    assert of_jwt < 120  # most of them are the test's own environ


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        token(UNKNOWN),
        f"{token()[:-8]}!!!!!!!!",
        f"{token()[:-8]}AAAAAAAA",
        token(exp=NOW - 1),
        "",
    ],
    ids=["too long", "unknown kid", "junk", "wrong signature", "expired", "empty"],
)
def test_a_refusal_leaves_nothing_for_the_garbage_collector(text: str) -> None:
    """An error that holds its own frame is freed late, together with the token in that frame."""
    service = Service(access_token_introspection_endpoint=None)
    assert service.get(token()) == "200 OK"
    assert service.get(text) == "401 Unauthorized"
    gc.collect()
    gc.disable()
    try:
        left = []
        for _ in range(5):  # threads of tests that ran before may leave something of their own
            for _ in range(20):
                service.get(text)
            left.append(gc.collect())
        assert min(left) == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("text", [token(UNKNOWN), f"{token()}AAAA"], ids=["unknown kid", "wrong size"])
def test_what_no_key_can_have_signed_is_not_even_decoded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    assert service.get(token()) == "200 OK"
    assert service.get(text) == "401 Unauthorized"  # may have cost a reload
    monkeypatch.setattr(compact.Encoded, "decode", lambda _: pytest.fail("decoded"))
    assert service.get(text) == "401 Unauthorized"


def test_headers_are_read_once_and_not_remembered_without_end() -> None:
    compact._read_header_once.cache_clear()
    for number in range(500):
        header = encode_base64url(dump_json({"alg": "ES256", "kid": f"k{number}"}))
        assert compact.split_compact(f"{header}.e30.c2ln").kid == f"k{number}"
        compact.split_compact(f"{header}.e30.c2ln")
    info = compact._read_header_once.cache_info()
    assert (info.misses, info.hits) == (500, 500)
    assert info.currsize == compact.REMEMBERED_HEADERS


def test_a_long_header_is_not_remembered() -> None:
    compact._read_header_once.cache_clear()
    header = encode_base64url(dump_json({"alg": "ES256", "x5c": ["A" * 2000]}))
    assert compact.split_compact(f"{header}.e30.c2ln").alg == "ES256"
    assert compact._read_header_once.cache_info().currsize == 0


def test_a_remembered_header_can_not_be_changed() -> None:
    first = compact.split_compact(token())
    with pytest.raises(TypeError):
        first.header["alg"] = "none"  # type: ignore[index]


def test_while_one_request_reloads_the_keys_the_others_use_the_old_ones() -> None:
    service = Service(access_token_jwks_uri_rotate_period=10)
    assert service.get(token()) == "200 OK"
    service.clock.now += 10
    service.gate.clear()  # the provider hangs from now on
    first = threading.Thread(target=service.get, args=(token(jti="1"),))
    first.start()
    while service.fetched < 2:
        pass
    assert service.get(token()) == "200 OK"
    assert service.get(token(jti="2")) == "200 OK"
    assert first.is_alive()
    service.gate.set()
    first.join()
    assert service.fetched == 2
