"""Consumers from models, users of requests, the cache framework, signals, error reports."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.cache import caches  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from django.views.debug import (  # noqa: E402
    get_default_exception_reporter_filter,
    get_exception_reporter_filter,
)

from django_jwt_signer.caches import open_alias  # noqa: E402
from django_jwt_signer.consumers import ModelConsumers, UnusableModel, open_consumers  # noqa: E402
from django_jwt_signer.signals import token_accepted, token_refused  # noqa: E402
from django_jwt_signer.test import SigningAsyncClient, SigningClient, sign_headers, trust_issuer  # noqa: E402
from jwt_signer_mw.errors import ConsumerNotFound, StoreError  # noqa: E402
from jwt_signer_mw.messages import Consumer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"
USERS = "django_jwt_signer.middleware.ConsumerUserMiddleware"
EARLY = "django_project.middleware.reads_headers_early"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OPTIONS = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "channel_token_optional": True,
    "keyset_store": "memory://",
    "consumers": "django://auth?custom_id=email",
    "access_token_consumer_claim": ["sub"],
}


@pytest.fixture
def alice() -> Iterator[User]:
    user = User.objects.create(username=f"alice-{uuid.uuid4().hex[:8]}", email="alice@example.org")
    yield user
    user.delete()


@pytest.fixture
def bob() -> Iterator[User]:
    user = User.objects.create(username=f"bob-{uuid.uuid4().hex[:8]}", email="bob@example.org")
    yield user
    user.delete()


class TestUsersAsConsumers:
    def test_by_each_field(self, alice: User) -> None:
        users = open_consumers("django://auth?custom_id=email")
        found = Consumer(str(alice.pk), alice.username, "alice@example.org")
        assert users.find("username", alice.username) == found
        assert users.find("id", str(alice.pk)) == found
        assert users.find("custom_id", "alice@example.org") == found

    def test_without_a_custom_id(self, alice: User) -> None:
        users = open_consumers("django://auth")
        assert users.find("custom_id", "alice@example.org") is None
        assert users.find("username", alice.username) == Consumer(str(alice.pk), alice.username, None)

    @pytest.mark.parametrize("value", ["nobody", "alice", "9" * 40, "٣", "1e3", ""])
    @pytest.mark.parametrize("field", ["id", "username"])
    def test_nobody(self, alice: User, field: str, value: str) -> None:
        assert open_consumers("django://auth").find(field, value) is None

    def test_an_inactive_user_is_refused_whoever_else_fits(self, alice: User, bob: User) -> None:
        """`consumer_by` would go on to the next field, and find somebody else."""
        alice.is_active = False
        alice.save()
        User.objects.filter(pk=bob.pk).update(email=alice.username)
        with pytest.raises(ConsumerNotFound, match="not active"):
            open_consumers("django://auth?custom_id=email").find("username", alice.username)

    def test_two_of_one_custom_id(self, alice: User, bob: User) -> None:
        User.objects.filter(pk=bob.pk).update(email=alice.email)
        with pytest.raises(ConsumerNotFound, match="more than one"):
            open_consumers("django://auth?custom_id=email").find("custom_id", alice.email)

    def test_exactly_this_value(self, alice: User) -> None:
        assert open_consumers("django://auth").find("username", alice.username.upper()) is None

    def test_the_database_is_down(self) -> None:
        class Broken(ModelConsumers):
            def _rows(self) -> Any:
                return super()._rows().using("postgresql").extra(tables=["nowhere"])

        users = Broken(User)
        with pytest.raises(StoreError):
            users.find("username", "alice")


class TestOtherModels:
    def test_by_label(self) -> None:
        group = Group.objects.create(name="shop")
        groups = open_consumers("django://auth.Group?username=name")
        assert groups.find("username", "shop") == Consumer(str(group.pk), "shop", None)
        assert groups.find("id", str(group.pk)) == Consumer(str(group.pk), "shop", None)
        group.delete()

    def test_by_path(self, alice: User) -> None:
        path = {**OPTIONS, "consumers": "django.contrib.auth.models.User"}
        with override_settings(JWT_SIGNER=path), trust_issuer():
            seen = SigningClient().get("/plain", claims={"sub": alice.username}).json()
        assert seen["consumer"] == alice.username

    @pytest.mark.parametrize(
        "url", ["django://auth.Nothing", "django://nothing", "django://auth.Group?username=x"]
    )
    def test_unusable(self, url: str) -> None:
        with pytest.raises(UnusableModel):
            open_consumers(url)


@pytest.fixture(params=["sync", "async"])
def get(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def get_sync(**options: Any) -> Any:
        return SigningClient().get("/plain", **options)

    def get_async(**options: Any) -> Any:
        async def send() -> Any:
            return await SigningAsyncClient().get("/aplain", **options)

        return asyncio.run(send())

    return get_sync if request.param == "sync" else get_async


class TestRequests:
    @pytest.fixture(autouse=True)
    def _settings(self) -> Iterator[None]:
        order = [OURS, SESSIONS, AUTHENTICATION, USERS]
        with override_settings(JWT_SIGNER=OPTIONS, MIDDLEWARE=order), trust_issuer():
            yield

    def test_the_consumer_is_in_the_headers(self, get: Callable[..., Any], alice: User) -> None:
        seen = get(claims={"sub": alice.email}).json()
        assert seen["consumer"] == alice.username

    @pytest.mark.parametrize("order", [[EARLY, OURS], [OURS, EARLY], [EARLY, OURS, EARLY]])
    def test_the_database_is_asked_beside_sync_middlewares(
        self, get: Callable[..., Any], alice: User, order: list[str]
    ) -> None:
        with override_settings(MIDDLEWARE=order):
            assert get(claims={"sub": alice.email}).json()["consumer"] == alice.username

    def test_an_inactive_user_is_refused(self, get: Callable[..., Any], alice: User) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        response = get(claims={"sub": alice.username})
        assert (response.status_code, response.reason) == (403, "consumer_not_found")
        assert get(claims={"sub": "nobody"}).status_code == 403

    def test_the_user_of_the_request(self, get: Callable[..., Any], alice: User) -> None:
        assert get(claims={"sub": alice.username}).json()["user"] == alice.username

    def test_no_session_is_made(self, alice: User) -> None:
        with override_settings(MIDDLEWARE=[OURS, SESSIONS, AUTHENTICATION]):
            seen = SigningClient().get("/plain", claims={"sub": alice.username})
        assert seen.json()["user"] == "AnonymousUser"
        assert "sessionid" not in seen.cookies

    def test_an_exempt_request_has_no_user(self) -> None:
        assert SigningClient().get("/exempt", claims=None).json()["user"] == "AnonymousUser"

    def test_a_consumer_that_is_no_user(self) -> None:
        listed = {**OPTIONS, "consumers": [{"id": "not-a-key", "username": "shop"}]}
        with override_settings(JWT_SIGNER=listed), trust_issuer():
            assert SigningClient().get("/plain", claims={"sub": "shop"}).json()["user"] == "AnonymousUser"


class TestSignals:
    @pytest.fixture(autouse=True)
    def _settings(self) -> Iterator[None]:
        with override_settings(JWT_SIGNER=OPTIONS, MIDDLEWARE=[OURS]), trust_issuer():
            yield

    @pytest.fixture
    def heard(self) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        told: list[tuple[str, dict[str, Any]]] = []

        def accepted(**arguments: Any) -> None:
            told.append(("accepted", {**arguments, "users": User.objects.count()}))

        def refused(**arguments: Any) -> None:
            told.append(("refused", {**arguments, "users": User.objects.count()}))

        token_accepted.connect(accepted)
        token_refused.connect(refused)
        yield told
        token_accepted.disconnect(accepted)
        token_refused.disconnect(refused)

    def test_receivers_may_use_the_database(
        self, get: Callable[..., Any], heard: list[Any], alice: User
    ) -> None:
        get(claims=None)
        get(claims={"sub": alice.username})
        get(claims={"sub": "nobody"})
        assert [(kind, told["event"].reason, told["policy"]) for kind, told in heard] == [
            ("refused", "token_missing", "default"),
            ("accepted", "accepted", "default"),
            ("refused", "consumer_not_found", "default"),
        ]
        assert heard[0][1]["request"].path in ("/plain", "/aplain")
        assert heard[2][1]["event"].option == "access_token_consumer_claim"
        assert heard[1][1]["event"].identity.consumer.username == alice.username
        assert all(told["users"] for _, told in heard)

    def test_the_fast_road_is_told(self, heard: list[Any], alice: User) -> None:
        headers = sign_headers({"sub": alice.username})
        for _ in range(3):
            SigningClient().get("/plain", claims=None, headers=headers)
        assert [told["event"].remembered for _, told in heard] == [False, True, True]

    def test_a_view_that_refuses_is_told(self, heard: list[Any], alice: User) -> None:
        SigningClient().get("/scoped", claims={"sub": alice.username})
        assert [(kind, told["event"].reason) for kind, told in heard] == [
            ("accepted", "accepted"),
            ("refused", "scopes_insufficient"),
        ]

    def test_exemptions_are_no_news(self, heard: list[Any]) -> None:
        SigningClient().get("/exempt", claims=None)
        assert heard == []

    def test_a_receiver_that_fails_changes_nothing(self, get: Callable[..., Any], alice: User) -> None:
        def fail(**_: Any) -> None:
            raise ValueError("not my day")

        token_accepted.connect(fail)
        try:
            assert get(claims={"sub": alice.username}).status_code == 200
        finally:
            token_accepted.disconnect(fail)


class TestCache:
    def test_contract(self) -> None:
        cache = open_alias("tokens")
        cache.put("a", b"x", 60.5)
        assert cache.get("a") == b"x"
        cache.delete("a")
        assert cache.get("a") is None
        assert cache.get("never") is None

    def test_one_claims_a_key(self) -> None:
        cache = open_alias("tokens")
        assert [cache.claim("c", 60), cache.claim("c", 60)] == [True, False]
        cache.delete("c")
        assert cache.claim("c", 0.2)
        assert cache.purge(bool) is None  # type: ignore[func-returns-value]

    def test_less_than_a_second_is_not_kept(self) -> None:
        """0 means never to Django's caches, and None for ever."""
        cache = open_alias("tokens")
        cache.put("short", b"x", 0.9)
        assert cache.get("short") is None

    def test_anything_but_bytes_is_a_miss(self) -> None:
        caches["tokens"].set("jwt-signer:introspection:planted", {"active": True})
        assert open_alias("tokens").get("planted") is None

    def test_a_cache_that_is_down(self) -> None:
        broken = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "nowhere"}
        with override_settings(CACHES={"tokens": broken}), pytest.raises(StoreError, match="does not answer"):
            open_alias("tokens").get("a")

    def test_introspection_results_are_shared(self) -> None:
        introspecting = {
            "access_token_introspection_endpoint": "https://issuer.example/introspect",
            "channel_token_optional": True,
            "keyset_store": "memory://",
            "verdict_cache_size": 0,
            "cache": "django://tokens",
        }
        caches["tokens"].clear()
        with override_settings(JWT_SIGNER=introspecting), trust_issuer() as issuer:
            header = dict([issuer.header(_access_token(), {"sub": "alice"})])
            assert SigningClient().get("/plain", claims=None, headers=header).status_code == 200
            issuer._opaque.clear()
            assert SigningClient().get("/plain", claims=None, headers=header).status_code == 200
            caches["tokens"].clear()
            assert SigningClient().get("/plain", claims=None, headers=header).status_code == 401


def _access_token() -> Any:
    from django_jwt_signer.gate import current_gate

    return current_gate().policies["default"].settings.access_token


def test_error_reports_hold_no_token() -> None:
    filtering = "django_jwt_signer.debug.TokenFilter"
    headers = {"Authorization": "Bearer secret", "X-Consumer-Username": "alice", "X-Other": "shown"}
    request = RequestFactory().get("/plain", headers=headers)
    with override_settings(JWT_SIGNER=OPTIONS, DEFAULT_EXCEPTION_REPORTER_FILTER=filtering):
        default: Any = get_default_exception_reporter_filter
        default.cache_clear()
        shown = get_exception_reporter_filter(request).get_safe_request_meta(request)
        default.cache_clear()
    assert "secret" not in str(shown)
    assert "alice" not in str(shown)
    assert shown["HTTP_X_OTHER"] == "shown"
