"""Tenants behind one application: who judges, what nobody shares, and what clients try."""

# ruff: noqa: E402
from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from conformance.adapter import Outcome, Plain
from parts import require_module

require_module("anyio", "httpx2")

from conformance import asgi, wsgi
from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.caches.tenancy import TenantCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import KeyUnknown
from jwt_signer_mw.jose import verify_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.keysets.tenancy import TenantStore
from jwt_signer_mw.tenants import TENANT, Asked, Tenants, normal_host
from jwt_signer_mw.tenants.asgi import TenantsMiddleware as ASGITenants
from jwt_signer_mw.tenants.choosing import asked_host
from jwt_signer_mw.tenants.wsgi import TenantsMiddleware as WSGITenants
from jwt_signer_mw.testing import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.flows.commands import Exchange, Reply

A, B, NOBODY = "a.example", "b.example", "nobody.example"


class Providers:
    """One issuer per tenant, each with keys of its own, at `https://<tenant>/jwks`."""

    def __init__(self) -> None:
        self.issuers = {name: Issuer() for name in (A, B)}
        self.asked: list[str] = []

    def send(self, exchange: Exchange) -> Reply:
        self.asked.append(exchange.url)
        issuer = self.issuers[exchange.url.split("/")[2]]
        return issuer.send(exchange._replace(url=issuer.jwks_uri))

    def headers(self, name: str, **claims: Any) -> tuple[tuple[str, str], ...]:
        token = Settings.load(settings_of(name)).access_token
        return (self.issuers[name].header(token, {"sub": "alice", **claims}),)


def settings_of(name: str, **more: Any) -> dict[str, Any]:
    return {
        "access_token_jwks_uri": f"https://{name}/jwks",
        "access_token_signing_algorithm": "ES256",
        "access_token_issuer": name,
        "channel_token_optional": True,
        **more,
    }


ALL: Final = {A: settings_of(A), B: settings_of(B)}


class House(Protocol):
    """An application that says which tenant judged and what the new token is."""

    middleware: Any

    def send(self, host: str, headers: Any = (), target: str = "/", method: str = "GET") -> Outcome: ...
    def ask(self, host: str, target: str) -> Outcome: ...


class WSGIHouse:
    def __init__(self, tenants: Any, **services: Any) -> None:
        self.middleware = WSGITenants(self._application, tenants, **services)

    def send(self, host: str, headers: Any = (), target: str = "/", method: str = "GET") -> Outcome:
        """A target in absolute form as gunicorn tells it: raw, and its path."""
        path = "/" + target.split("/", 3)[3] if "://" in target else target

        def told(environ: Any, start_response: Any) -> Any:
            return self.middleware({**environ, "RAW_URI": target}, start_response)

        return wsgi.call(told, Plain(method, path, host, tuple(headers)))

    def ask(self, host: str, target: str) -> Outcome:
        return wsgi.call(self.middleware.admin, Plain("GET", target, host, ()))

    def _application(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([environ[TENANT], environ["HTTP_AUTHORIZATION"]]).encode()]  # type: ignore[return-value]


class ASGIHouse:
    def __init__(self, tenants: Any, **services: Any) -> None:
        self.middleware = ASGITenants(self._application, tenants, **services)

    def send(self, host: str, headers: Any = (), target: str = "/", method: str = "GET") -> Outcome:
        return asyncio.run(asgi.call(self.middleware, Plain(method, target, host, tuple(headers))))

    def ask(self, host: str, target: str) -> Outcome:
        return asyncio.run(asgi.call(self.middleware.admin, Plain("GET", target, host, ())))

    async def _application(self, scope: Any, _receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        body = json.dumps([scope[TENANT], headers[b"authorization"].decode()]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(params=[WSGIHouse, ASGIHouse], ids=["wsgi", "asgi"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def providers() -> Providers:
    return Providers()


@pytest.fixture
def house(kind: Any, providers: Providers) -> House:
    found: House = kind(ALL, transport=providers, keyset_store=MemoryStore())
    return found


def new_token(outcome: Outcome) -> tuple[str, str]:
    assert outcome.status == 200, outcome
    tenant, value = json.loads(outcome.body)
    return tenant, value.removeprefix("Bearer ")


# Who judges


def test_each_host_has_its_own_policy(house: House, providers: Providers) -> None:
    for name in (A, B):
        assert new_token(house.send(name, providers.headers(name)))[0] == name
    assert house.send(A, providers.headers(B)).status == 401
    assert house.send(B, providers.headers(A)).status == 401
    assert house.send(A).status == 401


@pytest.mark.parametrize("host", ["A.EXAMPLE", "a.example:8443", "a.example.", "a.example.:80", "a.example:"])
def test_spellings_of_a_host(house: House, providers: Providers, host: str) -> None:
    assert new_token(house.send(host, providers.headers(A)))[0] == A


@pytest.mark.parametrize(
    "host",
    [
        NOBODY,
        "",
        "a.example.evil.example",
        "evil.a.example",
        "a.example..",
        "a.example:80:90",
        "a.example:evil",
        "user@a.example",
        "a.example@evil.example",
        "a.example/",
        "a.example,b.example",
        "a.example b.example",
        " a.example",
        "a.example\t",
        "a\xe9.example",
        "[a.example]",
        "a" * 300,
    ],
)
def test_whoever_is_no_tenant_is_refused(house: House, providers: Providers, host: str) -> None:
    refused = house.send(host, providers.headers(A))
    assert refused.status == 421
    headers = {name.lower(): value for name, value in refused.headers}
    assert (headers["cache-control"], json.loads(refused.body)) == (
        "no-store",
        {"message": "Misdirected Request"},
    )
    assert "www-authenticate" not in headers


def test_it_is_logged_with_its_reason(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "jwt_signer_mw.decisions"):
        house.send(NOBODY)
    (record,) = (one for one in caplog.records if one.name == "jwt_signer_mw.decisions")
    assert '"reason":"tenant_unknown"' in record.getMessage()


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host"])
def test_no_other_header_names_a_host(house: House, providers: Providers, name: str) -> None:
    sent = (*providers.headers(B), (name, "host=b.example" if name == "Forwarded" else B))
    assert house.send(A, sent).status == 401
    assert house.send(NOBODY, sent).status == 421


def test_a_target_with_a_host_of_its_own_has_to_name_the_same(kind: Any, providers: Providers) -> None:
    """RFC 9112 section 3.2.2: one server reads this host, another that, and so might an application."""
    house = kind(Tenants(ALL, default=B), transport=providers, keyset_store=MemoryStore())
    for target in (f"http://{B}/", f"https://{B}:443/x", "http://[/x", "HTTP://evil.example/"):
        assert house.send(A, providers.headers(A), target).status == 421
        assert house.send(A, providers.headers(B), target).status == 421
    assert new_token(house.send(A, providers.headers(A), f"http://{A.upper()}:80/x"))[0] == A


def test_two_hosts_are_none(providers: Providers) -> None:
    house = ASGIHouse(Tenants(ALL, default=B), transport=providers, keyset_store=MemoryStore())
    assert house.send(A, (("Host", B), *providers.headers(A))).status == 421


def test_a_default_takes_strangers_but_no_one_elses_requests(kind: Any, providers: Providers) -> None:
    house = kind(Tenants(ALL, default=B), transport=providers, keyset_store=MemoryStore())
    for host in (NOBODY, "evil.a.example"):
        assert new_token(house.send(host, providers.headers(B)))[0] == B
        assert house.send(host, providers.headers(A)).status == 401
    assert house.send(A, providers.headers(B)).status == 401
    assert house.send("a.example@x", providers.headers(B)).status == 421


def test_a_callable_chooses(kind: Any, providers: Providers) -> None:
    def by_path(asked: Asked) -> str | None:
        return {"/a": A, "/b": B, "/x": "a/../b"}.get(asked.path)

    house = kind(Tenants(ALL, choose=by_path), transport=providers, keyset_store=MemoryStore())
    assert new_token(house.send(NOBODY, providers.headers(B), "/b"))[0] == B
    assert house.send(NOBODY, providers.headers(B), "/a").status == 401
    assert house.send(A, providers.headers(A), "/x").status == 421
    assert house.send(A, providers.headers(A), "/").status == 421


def test_a_choice_that_fails_is_nobodys(
    kind: Any, providers: Providers, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(asked: Asked) -> str | None:
        raise ZeroDivisionError

    house = kind(Tenants(ALL, choose=fail, default=A), transport=providers, keyset_store=MemoryStore())
    assert house.send(A, providers.headers(A)).status == 421
    assert "the choice of a tenant failed" in caplog.text


def test_a_websocket_of_nobody_is_refused(providers: Providers) -> None:
    house = ASGIHouse(ALL, transport=providers, keyset_store=MemoryStore())
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/feed", "root_path": "", "headers": [(b"host", b"nobody.example")]}
    asyncio.run(house.middleware(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


# What nobody shares


def test_a_verdict_serves_its_own_tenant_only(kind: Any, providers: Providers) -> None:
    """Both trust one provider, and only one demands a scope."""
    both = {A: settings_of(A), B: settings_of(A, access_token_scopes_required=["admin"])}
    house = kind(both, transport=providers, keyset_store=MemoryStore())
    sent = providers.headers(A)
    for _ in range(3):
        assert house.send(A, sent).status == 200
        assert house.send(B, sent).status == 403
    assert house.send(A, sent).status == 200


def test_keys_of_one_never_verify_the_tokens_of_another(house: House, providers: Providers) -> None:
    """Though both call their set `kong`, and have one store."""
    published, tokens = {}, {}
    for name in (A, B):
        tokens[name] = new_token(house.send(name, providers.headers(name)))[1]
        shown = house.ask(name, "/jwt-signer/jwks/kong")
        assert shown.status == 200
        published[name] = json.loads(shown.body)
    for name, other in ((A, B), (B, A)):
        assert verify_compact(tokens[name], published[name], algorithms=["ES256"])
        with pytest.raises(KeyUnknown):
            verify_compact(tokens[name], published[other], algorithms=["ES256"])


@pytest.mark.parametrize("name", ["kong", "a.example/kong", "b.example/kong", "..%2Fa.example%2Fkong"])
def test_no_endpoint_shows_the_set_of_another(house: House, providers: Providers, name: str) -> None:
    own = {A: house.ask(A, "/jwt-signer/jwks/kong").body, B: house.ask(B, "/jwt-signer/jwks/kong").body}
    assert own[A] != own[B]
    shown = house.ask(B, f"/jwt-signer/jwks/{name}")
    assert shown.status == 404 or shown.body == own[B]
    assert house.ask(NOBODY, "/jwt-signer/jwks/kong").status == 421
    del providers


def test_a_store_of_many() -> None:
    store = MemoryStore()
    from jwt_signer_mw.flows.named import Named
    from stepping import Stepper

    for tenant in ("a", "b"):
        named = Named(
            "kong", TenantStore(store, tenant), Clock.of(None), algorithms=["ES256"], period=0, changed=print
        )
        Stepper().run(named.prepare())
    assert store.names() == ("a/kong", "b/kong")
    a, b = TenantStore(store, "a"), TenantStore(store, "b")
    assert a.names() == b.names() == ("kong",)
    loaded = a.load("kong")
    assert loaded is not None
    assert loaded.name == "kong"
    assert a.version("kong") != b.version("kong")
    a.delete("kong")
    assert (a.load("kong"), b.load("kong") is None) == (None, False)
    assert a.load("../b/kong") is None


def test_a_cache_of_many() -> None:
    cache = MemoryCache(100, Clock.of(None))
    a, b = TenantCache(cache, "a"), TenantCache(cache, "b")
    a.put("key", b"of a", 100)
    b.put("key", b"of b", 100)
    assert (a.get("key"), b.get("key")) == (b"of a", b"of b")
    seen: list[bytes] = []

    def fits(value: bytes) -> bool:
        seen.append(value)
        return True

    assert a.purge(fits) == 1
    assert seen == [b"of a"]
    assert (a.get("key"), b.get("key")) == (None, b"of b")
    assert a.claim("x", 10)
    assert b.claim("x", 10)


# Tenants that come and go


class Directory:
    """Settings by name, as a database would have them."""

    def __init__(self, **settings: Mapping[str, Any] | Exception) -> None:
        self.settings: dict[str, Any] = dict(settings)
        self.asked: list[str] = []

    def __call__(self, name: str) -> Any:
        self.asked.append(name)
        found = self.settings.get(name)
        if isinstance(found, Exception):
            raise found
        return found


def test_tenants_are_looked_up_when_they_are_asked_for(kind: Any, providers: Providers) -> None:
    directory = Directory(**ALL)
    house = kind(Tenants(directory), transport=providers, keyset_store=MemoryStore())
    assert directory.asked == []
    for _ in range(3):
        assert house.send(A, providers.headers(A)).status == 200
        assert house.send(NOBODY, providers.headers(A)).status == 421
    assert directory.asked == [A, NOBODY]


def test_memory_is_bounded(kind: Any, providers: Providers) -> None:
    directory = Directory(**{f"t{number}.example": settings_of(A) for number in range(6)})
    house = kind(Tenants(directory, limit=2), transport=providers, keyset_store=MemoryStore())
    sent = providers.headers(A)
    for number in range(6):
        assert house.send(f"t{number}.example", sent).status == 200
    assert len(house.middleware.book.middlewares()) == 2
    for number in range(1_500):
        house.middleware.book.open(f"stranger{number}")
    assert len(house.middleware.book._strangers) <= 1_000
    assert len(house.middleware.book.middlewares()) == 2


def test_settings_that_change(kind: Any, providers: Providers) -> None:
    directory, sent = Directory(**ALL), providers.headers(A)
    house = kind(Tenants(directory), transport=providers, keyset_store=MemoryStore())
    assert house.send(A, sent).status == 200
    first = house.middleware.book.find(A)
    house.middleware.forget(A)
    assert house.send(A, sent).status == 200
    directory.settings[A] = settings_of(A, access_token_scopes_required=["admin"])
    assert house.send(A, sent).status == 200
    house.middleware.forget(A)
    assert house.send(A, sent).status == 403
    directory.settings[A] = None
    house.middleware.forget(A)
    assert house.send(A, sent).status == 421
    assert first is not None


def test_the_same_settings_go_on_with_the_same_middleware(providers: Providers) -> None:
    house = WSGIHouse(Tenants(Directory(**ALL), max_age=0), transport=providers, keyset_store=MemoryStore())
    sent = providers.headers(A)
    house.send(A, sent)
    house.send(A, sent)
    assert providers.asked == [f"https://{A}/jwks"]


def test_a_directory_that_is_down(kind: Any, providers: Providers) -> None:
    directory = Directory(**{A: ZeroDivisionError("secret")})
    house = kind(Tenants(directory), transport=providers, keyset_store=MemoryStore())
    refused = house.send(A, providers.headers(A))
    assert (
        refused.status,
        dict(refused.headers).get("Retry-After") or dict(refused.headers)["retry-after"],
    ) == (
        503,
        "5",
    )
    assert b"secret" not in refused.body


def test_a_directory_that_is_down_later_keeps_who_was_known(providers: Providers) -> None:
    directory = Directory(**ALL)
    house = WSGIHouse(Tenants(directory, max_age=0), transport=providers, keyset_store=MemoryStore())
    assert house.send(A, providers.headers(A)).status == 200
    directory.settings[A] = ZeroDivisionError()
    assert house.send(A, providers.headers(A)).status == 200


def test_settings_that_can_not_be_used(kind: Any, providers: Providers) -> None:
    house = kind(Tenants(Directory(**{A: {"no_such": 1}}), default=A), transport=providers)
    refused = house.send(A, providers.headers(A))
    assert (refused.status, json.loads(refused.body)) == (500, {"message": "An unexpected error occurred"})


def test_one_builds_and_the_others_wait(providers: Providers) -> None:
    gate, directory = threading.Event(), Directory(**ALL)

    def slow(name: str) -> Any:
        gate.wait(10)
        return directory(name)

    house = WSGIHouse(Tenants(slow), transport=providers, keyset_store=MemoryStore())
    sent, statuses = providers.headers(A), []
    threads = [threading.Thread(target=lambda: statuses.append(house.send(A, sent).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 8
    assert directory.asked == [A]


# Settings


@pytest.mark.parametrize(
    "policies, more, problems",
    [
        ({"A.example": {}}, {}, [("tenants.E003", "policies")]),
        ({"a.example:80": {}}, {}, [("tenants.E003", "policies")]),
        ({"a/b": {}}, {}, [("tenants.E001", "policies")]),
        ({"a/b": {}}, {"choose": print}, [("tenants.E001", "policies")]),
        ({A: {}}, {"default": B}, [("tenants.E002", "default")]),
    ],
)
def test_problems(policies: Any, more: Any, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Tenants(policies, **more)
    assert [(one.id, one.option) for one in caught.value.problems] == problems


def test_the_problems_of_all_tenants_at_once(kind: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind({A: {"no_such": 1}, B: {"access_token_leeway": "x"}}, keyset_store=MemoryStore())
    found = [one.option for one in caught.value.problems if one.level == "error"]
    assert found == ["a.example.no_such", "b.example.access_token_leeway"]


def test_hosts() -> None:
    assert normal_host("[::1]:8000") == "[::1]"
    assert normal_host("LOCALHOST") == "localhost"
    assert asked_host(None, "/") == ""
    assert asked_host("a.example", "/http://b.example/") == "a.example"


# A tenant's own middleware


def test_purges_and_explanations_are_of_one_tenant(providers: Providers) -> None:
    house = WSGIHouse(ALL, transport=providers, keyset_store=MemoryStore())
    for name in (A, B):
        house.send(name, providers.headers(name))
    assert house.middleware.tenant(A).purge(everything=True).verdicts == 1
    assert len(house.middleware.tenant(B).pipeline.verdicts) == 1
    assert house.middleware.tenant(A).explain(dict(providers.headers(B))).outcome == "refused"
    with pytest.raises(LookupError):
        house.middleware.tenant(NOBODY)


def test_decisions_are_told_with_their_tenant(kind: Any, providers: Providers) -> None:
    heard: list[Any] = []
    house = kind(ALL, transport=providers, keyset_store=MemoryStore(), observers=[heard.append])
    house.send(A, providers.headers(A))
    house.send(B, providers.headers(B))
    house.send(NOBODY)
    assert [(event.policy, event.reason) for event in heard] == [
        (A, "accepted"),
        (B, "accepted"),
        ("default", "tenant_unknown"),
    ]
