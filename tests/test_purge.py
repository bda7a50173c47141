"""Purges: what is meant, what is forgotten, and how far it reaches."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.command import main
from jwt_signer_mw.errors import StoreError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.purge import Purge, Purged
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wire import Malformed
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_800_000_000
IDP = generate_key("ES256")
STORE = MemoryStore()
ADMIN = "an-admin-token-of-tests"


def jwt(subject: str, jti: str, **more: Any) -> str:
    claims = {"iss": "https://idp.example", "sub": subject, "jti": jti, "exp": NOW + 1000, **more}
    return sign_compact(json.dumps(claims).encode(), IDP, "ES256")


class SharedMemory(MemoryCache):
    """Stands for a cache outside of the process: every call is one that may block."""

    blocking = True


class Service:
    """Workers of one service, and its provider."""

    def __init__(self, *, workers: int = 1, shared: bool = False, **settings: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.cache = (SharedMemory if shared else MemoryCache)(1000, Clock.of(self.clock))
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        given = {
            "access_token_jwks_uri": "https://idp.example/jwks",
            "access_token_introspection_endpoint": "https://idp.example/introspect",
            "access_token_signing_algorithm": "ES256",
            "channel_token_optional": True,
            "admin_token": ADMIN,
            **settings,
        }
        services: dict[str, Any] = {"transport": self, "clock": self.clock, "keyset_store": STORE}
        self.workers = [
            JWTSignerMiddleware(_application, given, cache=self.cache, **services) for _ in range(workers)
        ]

    def send(self, exchange: Exchange) -> Reply:
        if exchange.method == "POST":
            text = exchange.body.decode().partition("&")[0].removeprefix("token=")
            self.asked.append(text)
            self.gate.wait()
            answer = {"active": True, "sub": text.partition("-")[0], "jti": text, "exp": NOW + 1000}
            return Reply(200, {}, json.dumps(answer).encode())
        return Reply(200, {}, json.dumps({"keys": [IDP.public_jwk()]}).encode())

    def accept(self, *tokens: str, worker: int = 0) -> None:
        for token in tokens:
            assert request(self.workers[worker], HTTP_AUTHORIZATION=f"Bearer {token}")[0] == 200

    def remembers(self, *tokens: str, worker: int = 0) -> list[bool]:
        pipeline = self.workers[worker].pipeline
        return [pipeline.recall((f"Bearer {token}",)) is not None for token in tokens]


def _application(_environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def request(app: Any, **environ: Any) -> tuple[int, bytes]:
    made: dict[str, Any] = {}
    setup_testing_defaults(made)
    statuses: list[str] = []
    body = b"".join(app({**made, **environ}, lambda status, *_: statuses.append(status)))
    return int(statuses[0].split()[0]), body


# What is meant --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, purge",
    [
        (b'{"jti": "a"}', Purge(jti="a")),
        (b'{"subject": "alice"}', Purge(subject="alice")),
        (b'{"token": "abc"}', Purge(token="abc")),
        (b'{"everything": true}', Purge(everything=True)),
    ],
)
def test_read(body: bytes, purge: Purge) -> None:
    assert Purge.read(body) == purge


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"everything": false}',
        b'{"everything": 1}',
        b'{"jti": ""}',
        b'{"jti": 5}',
        b'{"subject": null}',
        b'{"jti": "a", "subject": "b"}',
        b'{"jti": "a", "everything": true}',
        b'{"jti": "a", "more": 1}',
    ],
)
def test_what_is_not_exactly_one_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        Purge.read(body)


def test_counts_add_up() -> None:
    assert Purged(1, 2) + Purged(3, 4) == Purged(4, 6)
    assert Purged(1, 2) + Purged(3, None) == Purged(4, None)


# What is forgotten ----------------------------------------------------------------------------------

A1, A2, B1 = jwt("alice", "a1"), jwt("alice", "a2"), jwt("bob", "b1")


@pytest.mark.parametrize(
    "which, forgotten",
    [
        ({"jti": "a1"}, [True, False, False]),
        ({"subject": "alice"}, [True, True, False]),
        ({"everything": True}, [True, True, True]),
        ({"jti": "alice"}, [False, False, False]),
        ({"subject": "a1"}, [False, False, False]),
    ],
)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"access_token_signing": False},
        {"remove_access_token_claims": ["jti", "sub"]},
        {"set_claims": {"jti": "a2", "sub": "bob"}},
        {"original_access_token_upstream_header": "X-Original"},
    ],
)
def test_jwts(settings: dict[str, Any], which: dict[str, Any], forgotten: list[bool]) -> None:
    """Whatever the new token says of them, and also where there is none."""
    service = Service(**settings)
    service.accept(A1, A2, B1)
    assert service.remembers(A1, A2, B1) == [True, True, True]
    purged = service.workers[0].purge(**which)
    assert purged == Purged(sum(forgotten), 0)
    assert service.remembers(A1, A2, B1) == [not gone for gone in forgotten]
    service.accept(A1, A2, B1)


def test_a_subject_elsewhere() -> None:
    service = Service(access_token_subject_claim=["user", "id"])
    token = jwt("bob", "b2", user={"id": "alice"})
    service.accept(token)
    assert service.workers[0].purge(subject="alice").verdicts == 1


def test_opaque_tokens_are_asked_about_anew() -> None:
    service = Service()
    tokens = ("alice-opaque-token-1", "alice-opaque-token-2", "bob-opaque-token-1")
    service.accept(*tokens)
    service.accept(*tokens)
    assert service.asked == [*tokens]
    assert service.workers[0].purge(subject="alice") == Purged(2, 2)
    service.accept(*tokens)
    assert service.asked == [*tokens, *tokens[:2]]
    assert service.workers[0].purge(jti=tokens[2]) == Purged(1, 1)
    assert service.workers[0].purge(everything=True) == Purged(2, 2)


@pytest.mark.parametrize("shared", [False, True])
def test_one_token_by_its_text(shared: bool) -> None:
    """In any cache: its answer has a name that only the token gives. Verdicts are all looked at anew."""
    service = Service(shared=shared)
    tokens = ("alice-opaque-token-1", "bob-opaque-token-1")
    service.accept(*tokens)
    assert service.workers[0].purge(token=tokens[0]) == Purged(2, 1)
    service.accept(*tokens)
    assert service.asked == [*tokens, tokens[0]]
    assert service.workers[0].purge(token="a-foreign-one") == Purged(2, 0)
    assert "alice-opaque" not in repr(Purge(token=tokens[0]))


def test_one_jwt_that_is_introspected() -> None:
    service = Service(access_token_introspect_jwt="always")
    service.accept(A1)
    assert service.asked == [A1]
    assert service.workers[0].purge(token=A1) == Purged(1, 1)
    service.accept(A1)
    assert service.asked == [A1, A1]


@pytest.mark.parametrize("token", ["alice-opaque-token-1"])
def test_what_is_on_its_way_is_not_remembered(token: str) -> None:
    """Or a revocation would be overtaken by the answer before it."""
    service = Service()
    service.gate.clear()
    under_way = threading.Thread(target=service.accept, args=(token,))
    under_way.start()
    while not service.asked:
        pass
    service.workers[0].purge(subject="alice")
    service.gate.set()
    under_way.join()
    assert service.remembers(token) == [False]
    assert len(service.cache) == 0


# How far it reaches ---------------------------------------------------------------------------------


def test_workers_that_share_a_cache_follow_within_a_second() -> None:
    service = Service(workers=2, shared=True)
    service.accept(A1)
    service.accept(A1, B1, worker=1)
    service.clock.now += 1
    service.accept(B1, worker=1)  # has looked, and found nothing new
    assert service.remembers(A1, B1, worker=1) == [True, True]
    service.workers[0].purge(subject="alice")
    assert service.remembers(A1, B1, worker=1) == [True, True]
    service.clock.now += 1
    service.accept(B1, worker=1)
    assert service.remembers(A1, B1, worker=1) == [False, True]
    service.clock.now += 1
    service.accept(A1, worker=1)
    assert service.remembers(A1, B1, worker=1) == [True, True]


def test_workers_without_a_shared_cache_follow_when_their_verdicts_end() -> None:
    service = Service(workers=2)
    service.accept(A1)
    service.accept(A1, worker=1)
    service.workers[0].purge(subject="alice")
    service.clock.now += 59
    service.accept(B1, worker=1)  # looks after the keys, which is due
    assert service.remembers(A1, worker=1) == [True]
    service.clock.now += 1
    service.accept(B1, worker=1)
    assert service.remembers(A1, worker=1) == [False]


def test_a_shared_cache_that_is_down_hides_no_purge() -> None:
    """Here it took effect, elsewhere nobody can say: the caller is told."""

    class Down(SharedMemory):
        def put(self, key: str, value: bytes, seconds: float) -> None:
            raise StoreError(f"down: {key}, {len(value)} bytes, {seconds} s")

    service = Service()
    service.accept(A1)
    middleware = JWTSignerMiddleware(
        _application,
        service.workers[0].assembly.settings,
        transport=service,
        clock=service.clock,
        cache=Down(10, Clock.of(service.clock)),
        keyset_store=STORE,
    )
    request(middleware, HTTP_AUTHORIZATION=f"Bearer {A1}")
    with pytest.raises(StoreError):
        middleware.purge(jti="a1")
    assert len(middleware.pipeline.verdicts) == 0
    body = b'{"jti": "a1"}'
    assert endpoint(middleware, body)[0] == 503


# The ways in ----------------------------------------------------------------------------------------


def endpoint(middleware: Any, body: bytes, *, token: str = ADMIN, method: str = "POST") -> tuple[int, bytes]:
    return request(
        middleware.admin,
        REQUEST_METHOD=method,
        PATH_INFO="/jwt-signer/purge",
        HTTP_AUTHORIZATION=f"Bearer {token}",
        CONTENT_LENGTH=str(len(body)),
        **{"wsgi.input": BytesIO(body)},
    )


def test_the_endpoint() -> None:
    service = Service()
    service.accept(A1, A2)
    status, body = endpoint(service.workers[0], b'{"jti": "a1"}')
    assert (status, json.loads(body)) == (200, {"verdicts": 1, "answers": 0})
    assert service.remembers(A1, A2) == [False, True]


@pytest.mark.parametrize(
    "body, options, status",
    [
        (b'{"everything": true}', {"token": "a-guess"}, 401),
        (b'{"everything": true}', {"method": "GET"}, 405),
        (b'{"everything": true}', {"method": "DELETE"}, 405),
        (b"{}", {}, 400),
        (b'{"jti": "' + b"a" * 70_000 + b'"}', {}, 400),
    ],
)
def test_the_endpoint_refuses(body: bytes, options: dict[str, Any], status: int) -> None:
    service = Service()
    service.accept(A1)
    assert endpoint(service.workers[0], body, **options)[0] == status
    assert service.remembers(A1) == [True]


@pytest.mark.parametrize("admin_token", [ADMIN, None])
def test_a_provider_has_a_secret_of_its_own(admin_token: str | None) -> None:
    """It opens this door and no other."""
    service = Service(admin_token=admin_token, purge_token="a-purge-token-of-tests")
    service.accept(A1)
    everything = b'{"everything": true}'
    assert endpoint(service.workers[0], everything, token="a-guess")[0] == 401
    assert endpoint(service.workers[0], everything, token="a-purge-token-of-tests")[0] == 200
    assert service.remembers(A1) == [False]
    authorization = "Bearer a-purge-token-of-tests"
    status, _ = request(
        service.workers[0].admin,
        REQUEST_METHOD="POST",
        PATH_INFO="/jwt-signer/jwks/kong/rotate",
        HTTP_AUTHORIZATION=authorization,
    )
    assert status == (404 if admin_token is None else 401)


def test_without_an_admin_token_there_is_no_endpoint() -> None:
    service = Service(admin_token=None)
    assert endpoint(service.workers[0], b'{"everything": true}')[0] == 404


def test_asgi() -> None:
    service = Service()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    class Transport:
        async def send(self, exchange: Exchange) -> Reply:
            return service.send(exchange)

    async def talk() -> None:
        middleware = ASGIMiddleware(
            app,
            service.workers[0].assembly.settings,
            transport=Transport(),
            clock=service.clock,
            cache=service.cache,
            keyset_store=STORE,
        )
        scope = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        for token in (A1, B1):
            headers = [(b"authorization", f"Bearer {token}".encode())]
            await middleware({**scope, "headers": headers}, None, send)  # type: ignore[arg-type]
        assert [message["status"] for message in sent[::2]] == [200, 200]
        with pytest.raises(ValueError, match="by jti"):
            await middleware.purge()
        assert await middleware.purge(subject="alice") == Purged(1, 0)
        assert len(middleware.pipeline.verdicts) == 1

    asyncio.run(talk())


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    service.accept(A1, A2, "alice-opaque-token-1")
    with contextlib.closing(Waitress(service.workers[0].admin)) as server:
        url = server.url
        assert main(["purge", f"{url}/jwt-signer", "--subject", "alice"]) == 2
        monkeypatch.setenv("JWT_SIGNER_ADMIN_TOKEN", ADMIN)
        assert main(["purge", f"{url}/jwt-signer/", "--subject", "alice"]) == 0
        monkeypatch.setenv("JWT_SIGNER_ADMIN_TOKEN", "a-guess")
        assert main(["purge", f"{url}/jwt-signer", "--everything"]) == 1
    told = capsys.readouterr()
    assert told.out == "Forgotten: 3 verdicts, 1 answers of introspection.\n"
    assert "JWT_SIGNER_ADMIN_TOKEN is not set" in told.err
    assert "/jwt-signer/purge answered 401" in told.err
    assert ADMIN not in told.out + told.err
