"""The policy by host in Flask and Django, where a view does not name one."""

# ruff: noqa: E402
from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from parts import require_module

require_module("django", "flask", "anyio", "httpx2")

import django_project

django_project.start()

from django.test import Client, override_settings
from flask import Flask, request

from flask_jwt_signer import JWTSigner
from jwt_signer_mw import ConfigurationError
from jwt_signer_mw.errors import KeyUnknown
from jwt_signer_mw.jose import verify_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.tenants.hosts import Hosts
from test_tenants import NOBODY, A, B, Providers, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jwt_signer_mw.tenants.choosing import Asked

    Get = Callable[..., "Answer"]

POLICIES = {
    "default": settings_of("default.example"),
    "acme": settings_of(A),
    "globex": settings_of(B),
}
STORE = MemoryStore()  # of all policies
TENANTS = {A: "acme", B: "globex"}


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def token(self) -> str:
        text: str = json.loads(self.body)
        return text.removeprefix("Bearer ")


@contextmanager
def flask(providers: Providers, tenants: Any, policies: Mapping[str, Any] = POLICIES) -> Iterator[Get]:
    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {name: {**own, "keyset_store": STORE} for name, own in policies.items()}
    app.config["JWT_SIGNER_TENANTS"] = tenants
    signer = JWTSigner(app, transport=providers)

    @app.get("/orders")
    def orders() -> str:
        return json.dumps(request.headers["Authorization"])

    @app.get("/partners")
    @signer.policy("globex")
    def partners() -> str:
        return json.dumps(request.headers["Authorization"])

    client = app.test_client()

    def get(host: str, path: str = "/orders", headers: Any = (), **more: str) -> Answer:
        environ = {"HTTP_HOST": host, **more}
        answer = client.get(path, headers=list(headers), environ_overrides=environ)
        return Answer(answer.status_code, answer.data)

    yield get


@contextmanager
def django(providers: Providers, tenants: Any, policies: Mapping[str, Any] = POLICIES) -> Iterator[Get]:
    given = {name: {**own, "keyset_store": STORE, "transport": providers} for name, own in policies.items()}
    with override_settings(
        JWT_SIGNER=given, JWT_SIGNER_TENANTS=tenants, ALLOWED_HOSTS=["*"], ROOT_URLCONF="tenants_urls"
    ):
        client = Client()

        def get(host: str, path: str = "/orders", headers: Any = (), **more: str) -> Answer:
            sent = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
            answer = client.get(path, **{"HTTP_HOST": host, **sent, **more})
            return Answer(answer.status_code, answer.content)

        yield get


@pytest.fixture(params=[flask, django], ids=["flask", "django"])
def serve(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def providers() -> Providers:
    return Providers()


def test_the_host_chooses(serve: Any, providers: Providers) -> None:
    with serve(providers, TENANTS) as get:
        tokens = {}
        for host in (A, B):
            answer = get(host, headers=providers.headers(host))
            assert answer.status == 200
            tokens[host] = answer.token
        assert get(A, headers=providers.headers(B)).status == 401
        for host in (NOBODY, "a.example@x", "a.example,b.example"):
            assert get(host, headers=providers.headers(A)).status in (400, 421)
        published = {host: json.loads(get(host, "/jwt-signer/jwks/kong").body) for host in (A, B)}
        assert get(NOBODY, "/jwt-signer/jwks/kong").status == 421
    for host, other in ((A, B), (B, A)):
        assert verify_compact(tokens[host], published[host], algorithms=["ES256"])
        with pytest.raises(KeyUnknown):
            verify_compact(tokens[host], published[other], algorithms=["ES256"])


def test_a_view_that_names_a_policy_keeps_it(providers: Providers) -> None:
    with flask(providers, TENANTS) as get:
        assert get(A, "/partners", providers.headers(B)).status == 200
        assert get(A, "/partners", providers.headers(A)).status == 401


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_a_target_of_another_host(serve: Any, providers: Providers, name: str) -> None:
    with serve(providers, {A: "acme", "*": "globex"}) as get:
        for host in (A, B):
            sent = providers.headers(host)
            assert get(A, headers=sent, **{name: f"http://{B}/orders"}).status == 421


def test_other_headers_name_no_host(serve: Any, providers: Providers) -> None:
    with serve(providers, TENANTS) as get:
        sent = (*providers.headers(B), ("X-Forwarded-Host", B))
        assert get(A, headers=sent).status == 401


def test_any_other_host(serve: Any, providers: Providers) -> None:
    with serve(providers, {A: "acme", "*": "globex"}) as get:
        assert get(NOBODY, headers=providers.headers(B)).status == 200
        assert get(NOBODY, headers=providers.headers(A)).status == 401
        assert get(A, headers=providers.headers(B)).status == 401


def test_a_callable_chooses(serve: Any, providers: Providers) -> None:
    def by_first_label(asked: Asked) -> str | None:
        return {"a": "acme", "b": "globex", "x": "no such policy"}.get(asked.host.partition(".")[0])

    with serve(providers, by_first_label) as get:
        assert get("a.anything", headers=providers.headers(A)).status == 200
        assert get("b.anything", headers=providers.headers(A)).status == 401
        for host in ("x.anything", "c.anything"):
            assert get(host, headers=providers.headers(A)).status == 421


@pytest.mark.parametrize(
    "given, problem",
    [
        ({}, "tenants.E004"),
        ("acme", "tenants.E004"),
        ({"A.example": "acme"}, "tenants.E003"),
        ({"a.example:80": "acme"}, "tenants.E003"),
        ({A: "acmee"}, "tenants.E005"),
        ({A: None}, "tenants.E005"),
    ],
)
def test_problems(given: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Hosts(given, POLICIES, "JWT_SIGNER_TENANTS")
    assert [(one.id, one.option) for one in caught.value.problems] == [(problem, "JWT_SIGNER_TENANTS")]


def test_without_it_nothing_is_chosen(providers: Providers) -> None:
    own = {"default": settings_of(A)}
    with flask(providers, None, own) as get:
        assert get(NOBODY, headers=providers.headers(A)).status == 200
