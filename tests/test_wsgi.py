"""The WSGI adapter: what it translates, what it leaves alone, and the counted goals C1 to C5."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import jwt as pyjwt
import pytest

from jwt_signer_mw.errors import ConfigurationError, TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import Key, generate_key, sign_compact
from jwt_signer_mw.jose import key as key_module
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

JWKS = "https://idp.example/jwks"
INTROSPECTION = "https://idp.example/introspect"
IDP = generate_key("ES256")
NOW = 1_800_000_000


def token(key: Key = IDP, **claims: object) -> str:
    payload = {"iss": "https://idp.example", "sub": "alice", "exp": NOW + 100, **claims}
    return sign_compact(json.dumps(payload).encode(), key, "ES256")


class Provider:
    """A transport that is the provider: its key set, and every opaque token active."""

    def __init__(self) -> None:
        self.keys: list[Key] = [IDP]
        self.fetched: list[str] = []
        self.down = False
        self.gate = threading.Event()
        self.gate.set()

    def send(self, exchange: Exchange) -> Reply:
        self.fetched.append(exchange.url)
        self.gate.wait()
        if self.down:
            raise TransportError("down")
        body: dict[str, object] = {"keys": [key.public_jwk() for key in self.keys]}
        if exchange.method == "POST":
            body = {"active": True, "sub": exchange.body.decode(), "exp": NOW + 100}
        return Reply(200, {}, json.dumps(body).encode())


class Setting:
    """A middleware around an application that writes down what it sees."""

    def __init__(self, **settings: Any) -> None:
        self.provider = Provider()
        self.clock = FrozenClock(NOW)
        self.seen: list[dict[str, Any]] = []
        self.middleware = JWTSignerMiddleware(
            self.application,
            {
                "access_token_jwks_uri": JWKS,
                "access_token_introspection_endpoint": INTROSPECTION,
                "access_token_signing_algorithm": "ES256",
                "channel_token_optional": True,
                **settings,
            },
            transport=self.provider,
            clock=self.clock,
            keyset_store=MemoryStore(),
        )

    def application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    def send(self, value: str | None = None, **more: Any) -> tuple[str, dict[str, str], bytes]:
        return send(self.middleware, environ_of(value, **more))


def environ_of(value: str | None = None, **more: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    if value is not None:
        environ["HTTP_AUTHORIZATION"] = value
    return environ | more


def send(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        answer.extend((status, dict(headers)))

    body = b"".join(app(environ, start_response))
    return answer[0], answer[1], body


def test_the_callers_environ_stays_as_it_is() -> None:
    """S23, SPF-26"""
    setting = Setting()
    environ = environ_of(f"Bearer {token()}", HTTP_X_CONSUMER_ID="evil")
    before = dict(environ)
    send(setting.middleware, environ)
    assert environ == before
    seen = setting.seen[0]
    assert "HTTP_X_CONSUMER_ID" not in seen
    assert seen["HTTP_AUTHORIZATION"] != before["HTTP_AUTHORIZATION"]
    untouched = [name for name in before if not name.startswith("HTTP_")]
    assert [seen[name] for name in untouched] == [before[name] for name in untouched]


@pytest.mark.parametrize("value", [None, "Bearer x", f"Bearer {token()}"])
def test_it_keeps_to_pep_3333(value: str | None) -> None:
    setting = Setting()
    environ = environ_of(value, REQUEST_METHOD="GET", QUERY_STRING="")
    app = validator(setting.middleware)
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        answer.append(status)
        return lambda _data: None

    body = app(environ, start_response)
    list(body)
    body.close()  # type: ignore[attr-defined]


def test_a_head_request_gets_no_body() -> None:
    status, headers, body = Setting().send(None, REQUEST_METHOD="HEAD")
    assert (status, body) == ("401 Unauthorized", b"")
    assert int(headers["Content-Length"]) > 0


def test_the_body_of_a_request_is_not_touched() -> None:
    """DOS-06, DOS-07"""

    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"the body was touched: {name}")

    body = Untouchable()
    setting = Setting()
    assert setting.send(None, **{"wsgi.input": body})[0] == "401 Unauthorized"
    assert setting.send(f"Bearer {token()}", **{"wsgi.input": body})[0] == "200 OK"
    assert setting.seen[0]["wsgi.input"] is body


@pytest.mark.parametrize("known", [False, True])
def test_client_copies_are_removed_in_every_spelling(known: bool) -> None:
    """S19, SPF-01 to -10: also when the verdict is remembered."""
    setting = Setting()
    value = f"Bearer {token()}"
    if known:
        setting.send(value)
    evil = ["HTTP_X_CONSUMER_ID", "HTTP_X.CONSUMER.ID", "HTTP_X_CONSUMER_GROUPS", "HTTP_X_ANONYMOUS_CONSUMER"]
    for _ in range(2):
        setting.send(value, **dict.fromkeys(evil, "evil"))
        assert not set(evil) & set(setting.seen[-1])


def test_a_name_that_is_harmless_stays_harmless_and_the_memory_is_bounded() -> None:
    """HTP-22"""
    setting = Setting()
    for i in range(3000):
        setting.send(f"Bearer {token()}" if i == 0 else None, **{f"HTTP_X_{i}": "1"})
    setting.send(f"Bearer {token()}", HTTP_X_2999="1")
    assert setting.seen[-1]["HTTP_X_2999"] == "1"
    assert len(setting.middleware._harmless) <= 1024


def test_an_empty_header_is_not_an_absent_one() -> None:
    """HTP-13: some servers turn a value they can't read into an empty one."""
    setting = Setting(access_token_optional=True)
    assert setting.send(None)[0] == "200 OK"
    assert setting.send("")[0] == "401 Unauthorized"
    assert setting.send(None)[0] == "200 OK"


def test_bad_settings_raise_when_it_is_built() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Setting(access_token_leway=1, realm=5)
    errors = {problem.option for problem in caught.value.problems if problem.level == "error"}
    assert errors == {"access_token_leway", "realm"}


def test_an_unexpected_error_is_a_500_that_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting()
    value = token()

    def broken(exchange: Exchange) -> Reply:
        raise RuntimeError(f"a secret: {value} for {exchange}")

    setting.provider.send = broken  # type: ignore[method-assign]
    status, headers, body = setting.send(f"Bearer {value}")
    assert status == "500 Internal Server Error"
    assert json.loads(body) == {"message": "An unexpected error occurred"}
    assert headers["WWW-Authenticate"] == 'Bearer realm="127.0.0.1"'
    assert "RuntimeError" in caplog.text
    assert value not in caplog.text
    assert not setting.seen


def test_a_key_set_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [IDP.public_jwk()]}))
    setting = Setting(access_token_jwks_uri=path.as_uri())
    assert setting.send(f"Bearer {token()}")[0] == "200 OK"
    assert setting.provider.fetched == []


def test_identities_can_be_edited_without_harm() -> None:
    """CCH-13"""
    setting = Setting()
    value = f"Bearer {token()}"
    for _ in range(2):
        setting.send(value)
        identity = setting.seen[-1]["jwt_signer_mw.identity"]
        assert identity.access_token.claims["sub"] == "alice"
        assert identity.access_token.upstream_claims["iss"] == "kong"
        identity.access_token.claims["sub"] = "evil"
        assert "alice" not in repr(identity)


# Counted goals -----------------------------------------------------------------------------------


class Counters:
    """Counts what costs: signatures made and checked, keys constructed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.verified = self.signed = self.constructed = 0
        verify, sign, load = Key.verify, Key.sign, key_module.load_key

        def count_verify(key: Key, *arguments: Any) -> bool:
            self.verified += 1
            return verify(key, *arguments)

        def count_sign(key: Key, *arguments: Any) -> bytes:
            self.signed += 1
            return sign(key, *arguments)

        def count_load(*arguments: Any, **options: Any) -> Key:
            self.constructed += 1
            return load(*arguments, **options)

        monkeypatch.setattr(Key, "verify", count_verify)
        monkeypatch.setattr(Key, "sign", count_sign)
        monkeypatch.setattr("jwt_signer_mw.jose.key.load_key", count_load)
        monkeypatch.setattr("jwt_signer_mw.jose.keyset.load_key", count_load)


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    return Counters(monkeypatch)


def at_once(threads: int, work: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(threads)

    def start(_: int) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))


@pytest.mark.parametrize("text", [token(), "an-opaque-token"])
def test_c1_many_threads_with_one_new_token(counters: Counters, text: str) -> None:
    setting = Setting()
    setting.send(f"Bearer {token(sub='warm')}")  # the key set is there
    setting.provider.fetched.clear()
    counters.verified = counters.signed = 0
    statuses = {status for status, _, _ in at_once(16, lambda: setting.send(f"Bearer {text}"))}
    assert statuses == {"200 OK"}
    assert counters.signed == 1
    assert counters.verified == (1 if text.count(".") == 2 else 0)
    assert setting.provider.fetched == ([] if text.count(".") == 2 else [INTROSPECTION])
    assert len(setting.seen) == 17


def test_a_cold_start_fetches_the_key_set_once() -> None:
    setting = Setting()
    tokens = iter([token(jti=str(i)) for i in range(32)])
    statuses = {status for status, _, _ in at_once(32, lambda: setting.send(f"Bearer {next(tokens)}"))}
    assert statuses == {"200 OK"}
    assert setting.provider.fetched == [JWKS]


def test_c2_distinct_tokens_construct_no_key(counters: Counters) -> None:
    setting = Setting()
    setting.send(f"Bearer {token()}")
    setting.provider.fetched.clear()
    counters.constructed = 0
    for i in range(1000):
        assert setting.send(f"Bearer {token(jti=str(i))}")[0] == "200 OK"
    assert counters.constructed == 0
    assert setting.provider.fetched == []


def respellings(text: str) -> Iterable[str]:
    header, payload, signature = text.split(".")
    for tail in ("=", "==", "?", "%", " ", "\n", "\t", "A", "!", "."):
        yield from (text + tail * n for n in range(1, 60))
    for i in range(len(signature)):
        yield f"{header}.{payload}.{signature[:i]}={signature[i:]}"
        yield f"{header}.{payload}.{signature[:i]}\n{signature[i:]}"
        yield f"{header}.{payload}.{signature[:i]}%{signature[i:]}"
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield from (f"{header}.{payload}.{signature[:-1]}{c}" for c in last if c != signature[-1])
    yield from (f"{header}.{payload[:-1]}{c}.{signature}" for c in last if c != payload[-1])


def test_c3_a_token_has_one_spelling_and_what_is_refused_is_not_remembered() -> None:
    """CCH-11"""
    setting = Setting(access_token_introspection_endpoint=None)
    text = token()
    setting.send(f"Bearer {text}")
    count = 0
    for respelled in respellings(text):
        count += 1
        assert setting.send(f"Bearer {respelled}")[0] == "401 Unauthorized", respelled[-10:]
    assert count >= 900
    assert len(setting.middleware.pipeline.verdicts) == 1
    assert len(setting.seen) == 1


def test_c4_unknown_kids_cause_one_fetch_per_interval_and_delay_nobody() -> None:
    """NET-17, NET-19"""
    setting = Setting(access_token_introspection_endpoint=None)
    good = f"Bearer {token()}"
    setting.send(good)
    setting.provider.fetched.clear()
    for round_ in range(3):
        for i in range(300):
            forged = generate_key("ES256") if i == 0 else forged_key(i)
            assert setting.send(f"Bearer {token(forged, jti=f'{round_}{i}')}")[0] == "401 Unauthorized"
            assert setting.send(good)[0] == "200 OK" or round_
        assert len(setting.provider.fetched) == round_ + 1
        setting.clock.now += 30

    setting.provider.gate.clear()  # the provider hangs from now on
    waiting = threading.Thread(target=setting.send, args=(f"Bearer {token(generate_key('ES256'))}",))
    waiting.start()
    assert setting.send(f"Bearer {token(jti='new')}")[0] == "200 OK"
    assert waiting.is_alive()
    setting.provider.gate.set()
    waiting.join()


def forged_key(number: int) -> Key:
    """The same key under another name."""
    jwk = FORGED.private_jwk() | {"kid": f"forged-{number}"}
    return key_module.load_key(jwk)


FORGED = generate_key("ES256")


def test_c5_a_hit_ends_in_the_second_in_which_the_token_expires() -> None:
    """CCH-02"""
    setting = Setting(verdict_cache_ttl=1000)
    value = f"Bearer {token()}"
    assert setting.send(value)[0] == "200 OK"
    setting.clock.now = NOW + 99.9
    assert setting.send(value)[0] == "200 OK"
    setting.clock.now = NOW + 100
    assert setting.send(value)[0] == "401 Unauthorized"


def test_c5_a_hit_ends_when_the_providers_keys_change() -> None:
    """JWK-26"""
    setting = Setting(access_token_jwks_uri_rotate_period=10)
    value = f"Bearer {token()}"
    assert setting.send(value)[0] == "200 OK"
    setting.provider.keys = [generate_key("ES256")]
    assert setting.send(value)[0] == "200 OK"
    setting.clock.now += 10
    assert setting.send(value)[0] == "401 Unauthorized"


def test_c5_a_new_token_never_comes_from_a_key_that_was_rotated_away() -> None:
    setting = Setting(admin_token="an-admin-token-of-tests")
    value = f"Bearer {token()}"
    setting.send(value)
    before = setting.seen[-1]["HTTP_AUTHORIZATION"]
    rotate = environ_of(
        "Bearer an-admin-token-of-tests", REQUEST_METHOD="POST", PATH_INFO="/jwt-signer/jwks/kong/rotate"
    )
    status, _, body = send(setting.middleware.admin, rotate)
    assert status == "200 OK"
    setting.send(value)
    after = setting.seen[-1]["HTTP_AUTHORIZATION"]
    assert after != before
    previous = {key["kid"] for key in json.loads(body)["previous"]}
    assert kid_of(before) in previous
    assert kid_of(after) not in previous


def kid_of(value: str) -> str:
    kid: str = pyjwt.get_unverified_header(value.removeprefix("Bearer "))["kid"]
    return kid


def test_two_users_never_meet() -> None:
    """CCH-14"""
    setting = Setting()
    values = {name: f"Bearer {token(sub=name)}" for name in ("alice", "bob")}

    def talk(name: str) -> None:
        for _ in range(250):
            answer: list[str] = []

            def app(
                environ: dict[str, Any], start_response: Any, answer: list[str] = answer
            ) -> Iterable[bytes]:
                answer.append(environ["jwt_signer_mw.identity"].access_token.upstream_claims["sub"])
                return setting.application(environ, start_response)

            middleware = JWTSignerMiddleware.__new__(JWTSignerMiddleware)
            middleware.__dict__ = setting.middleware.__dict__ | {"app": app}
            send(middleware, environ_of(values[name]))
            assert answer == [name]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, ["alice", "bob"] * 4))
