"""The middleware in Django's machinery: both handlers, other middlewares, policies, settings that change."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parts import ROOT, require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

import jwt  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.test import (  # noqa: E402
    AsyncClient,
    AsyncRequestFactory,
    Client,
    RequestFactory,
    override_settings,
)

from django_jwt_signer.decorators import jwt_signer_policy, jwt_signer_scopes  # noqa: E402
from django_jwt_signer.middleware import JWTSignerMiddleware  # noqa: E402
from django_jwt_signer.test import SigningAsyncClient, SigningClient, sign_headers, trust_issuer  # noqa: E402
from django_jwt_signer.views import endpoint  # noqa: E402
from django_project import views  # noqa: E402
from jwt_signer_mw import Settings  # noqa: E402
from jwt_signer_mw.errors import ConfigurationError  # noqa: E402
from jwt_signer_mw.testing import Issuer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.flows.commands import Exchange, Reply

DEFAULT = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "channel_token_optional": True,
    "exempt_paths": ["/static/*"],
    "keyset_store": "memory://",
}
PARTNERS = {
    **DEFAULT,
    "access_token_issuers_allowed": ["https://partner.example"],
    "access_token_upstream_header": "X-Partner-Token",
    "access_token_keyset": "partners",
}
OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"
EARLY = "django_project.middleware.reads_headers_early"
BELOW = "django_project.middleware.ReadsHeaders"

Get = "Callable[..., Any]"


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(JWT_SIGNER={"default": DEFAULT, "partners": PARTNERS}), trust_issuer():
        yield


def get_sync(url: str, **options: Any) -> Any:
    return SigningClient(raise_request_exception=False).get(url, **options)


def get_async(url: str, **options: Any) -> Any:
    async def send() -> Any:
        client = SigningAsyncClient(raise_request_exception=False)
        return await client.get(url.replace("/plain", "/aplain"), **options)

    return asyncio.run(send())


@pytest.fixture(params=[get_sync, get_async], ids=["sync", "async"])
def get(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """One GET through a new client; in async mode `/plain` is asked as `/aplain`."""
    found: Callable[..., Any] = request.param
    return found


def issuer_of(header: str) -> str:
    text: str = jwt.decode(header.rpartition(" ")[2], options={"verify_signature": False})["iss"]
    return text


def test_every_place_shows_the_new_token(get: Callable[..., Any]) -> None:
    seen = get("/plain", claims={"sub": "alice"}).json()
    assert issuer_of(seen["meta"]) == "kong"
    assert seen["header"] == seen["meta"]
    assert seen["scope"] in (None, seen["meta"])
    assert seen["claims"]["sub"] == "alice"
    assert seen["claims"]["iss"] == "https://issuer.example"


def test_async_shows_the_scope(get: Callable[..., Any]) -> None:
    assert get_async("/plain").json()["scope"].startswith("Bearer ")


def test_a_refusal_is_an_answer_with_its_challenge(get: Callable[..., Any]) -> None:
    response = get("/plain", claims=None)
    assert response.status_code == 401
    assert response.reason == "token_missing"
    assert response["WWW-Authenticate"] == 'Bearer realm="testserver"'
    assert response["Vary"] == "Authorization"
    assert response.json() == {"message": "Unauthorized"}


def test_head_gets_the_length_without_the_body() -> None:
    response = Client().head("/plain")
    assert (response.status_code, response.content, response["Content-Length"]) == (401, b"", "26")


@pytest.mark.parametrize("path", ["/nothing-here", "/plain/", "/admin/login/"])
def test_default_is_deny(get: Callable[..., Any], path: str) -> None:
    assert get(path, claims=None).status_code == 401


def test_the_fast_road_is_the_same_road(get: Callable[..., Any]) -> None:
    headers = sign_headers({"sub": "alice"})
    first, second = (get("/plain", claims=None, headers=headers).json() for _ in range(2))
    assert first["meta"] == second["meta"]
    assert second["claims"]["sub"] == "alice"


class TestPolicies:
    def test_exempt(self, get: Callable[..., Any]) -> None:
        seen = get(
            "/exempt", claims=None, headers={"Authorization": "Bearer x", "X-Consumer-Username": "root"}
        )
        assert seen.status_code == 200
        assert seen.json()["meta"] is seen.json()["consumer"] is seen.json()["claims"] is None
        assert "Authorization" not in seen.headers.get("Vary", "")

    def test_an_exemption_at_one_url_is_none_at_another(self, get: Callable[..., Any]) -> None:
        assert get("/exempt-here", claims=None).status_code == 200
        assert get("/plain", claims=None).status_code == 401

    @pytest.mark.parametrize("path", ["/partners", "/apartners"])
    def test_the_policy_of_a_view(self, get: Callable[..., Any], path: str) -> None:
        accepted = get(path, policy="partners")
        assert accepted.json()["claims"]["iss"] == "https://partner.example"
        assert accepted.json()["meta"] is None  # the client's token is not passed on
        assert get(path).status_code == 401
        assert get("/plain", policy="partners").status_code == 401

    def test_observers_and_the_log_have_its_name(
        self, get: Callable[..., Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        heard: list[tuple[str, str]] = []
        observed = {"observers": [lambda event: heard.append((event.policy, event.reason))]}
        policies = {
            "default": DEFAULT,
            "partners": {**PARTNERS, **observed, "request_id_header": "X-Request-ID"},
        }
        with override_settings(JWT_SIGNER=policies), trust_issuer(), caplog.at_level("INFO"):
            get("/plain")
            get("/partners", policy="partners")
            get("/partners", claims=None, headers={"X-Request-ID": "r-1"})
        assert heard == [("partners", "accepted"), ("partners", "token_missing")]
        (fields,) = [one.__dict__["jwt_signer"] for one in caplog.records if "jwt_signer" in one.__dict__]
        assert (fields["policy"], fields["request_id"]) == ("partners", "r-1")

    def test_what_one_policy_writes_is_forged_under_none(self, get: Callable[..., Any]) -> None:
        with override_settings(MIDDLEWARE=[OURS, BELOW]):
            seen = get("/plain", headers={"X-Partner-Token": "forged", "X_Partner_Token": "forged"})
        assert seen.status_code == 200
        assert seen["X-Read-Below"] == seen.json()["meta"]

    def test_a_policy_that_is_not_there(self, get: Callable[..., Any]) -> None:
        response = get("/unknown-policy")
        assert response.status_code == 500
        assert response.json() == {"message": "An unexpected error occurred"}

    def test_the_last_word_is_that_of_the_view(self, get: Callable[..., Any]) -> None:
        """A middleware below leads to another view than the URL said."""
        with override_settings(MIDDLEWARE=[OURS, "django_project.middleware.LeadsToPartners", BELOW]):
            assert get("/plain").status_code == 401
            assert get("/plain", claims={"iss": "https://partner.example"}).status_code == 401
            assert get("/exempt", claims=None).status_code == 401
            seen = get("/exempt", claims={"sub": "alice"}).json()
            assert issuer_of(seen["meta"]) == "kong"
            both = {"access_token_issuers_allowed": ["https://issuer.example"]}
            with (
                override_settings(JWT_SIGNER={"default": DEFAULT, "partners": {**PARTNERS, **both}}),
                trust_issuer(),
            ):
                seen = get("/plain").json()
        assert seen["meta"] is None  # what the first decision wrote is gone
        assert seen["claims"]["iss"] == "https://issuer.example"

    def test_exempt_paths(self, get: Callable[..., Any]) -> None:
        assert get("/static/style.css", claims=None).status_code == 404
        assert get("/static/../plain", claims=None).status_code == 401

    def test_the_first_request_of_a_process(self) -> None:
        """Its URLs, and with them the marks, are loaded by it."""
        code = (
            "import django_project; django_project.start()\n"
            "from django.test import Client\n"
            "print(Client().get('/exempt').status_code, Client().get('/plain').status_code)"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["200", "401"]


class TestScopes:
    @pytest.mark.parametrize("scope", ["orders:write orders:read", "admin", "x admin"])
    def test_enough(self, get: Callable[..., Any], scope: str) -> None:
        assert get("/scoped", claims={"scope": scope}).status_code == 200

    @pytest.mark.parametrize("path", ["/scoped", "/ascoped", "/aclass"])
    def test_too_little(self, get: Callable[..., Any], path: str) -> None:
        response = get(path, claims={"scope": "orders:write"})
        assert response.status_code == 403
        assert 'error="insufficient_scope"' in response["WWW-Authenticate"]
        assert 'scope="orders:read' in response["WWW-Authenticate"]
        assert response.reason == "scopes_insufficient"

    @pytest.mark.parametrize("path", ["/ascoped", "/aclass"])
    def test_asynchronous_views(self, get: Callable[..., Any], path: str) -> None:
        assert get(path, claims={"scope": "orders:read"}).status_code == 200

    def test_come_on_top_of_a_policy(self, get: Callable[..., Any]) -> None:
        assert get("/class", policy="partners", claims={"scope": "orders:read"}).status_code == 200
        assert get("/class", policy="partners").status_code == 403
        assert get("/class", claims={"scope": "orders:read"}).status_code == 401

    def test_nobody_has_a_scope(self, get: Callable[..., Any]) -> None:
        assert get("/exempt-but-scoped", claims={"scope": "orders:read"}).status_code == 401


class TestOtherMiddlewares:
    def test_headers_that_were_read_early(self, get: Callable[..., Any]) -> None:
        headers = sign_headers({})
        with override_settings(MIDDLEWARE=[EARLY, OURS, BELOW]):
            response = get("/plain", claims=None, headers=headers)
        assert response["X-Read-Early"] == headers["Authorization"]
        assert response["X-Read-Below"] == response.json()["header"] == response.json()["meta"]
        assert response["X-Read-Below"] != response["X-Read-Early"]

    @pytest.mark.parametrize("order", [[OURS, EARLY], [EARLY, OURS, EARLY], [BELOW, EARLY, OURS]])
    def test_one_that_is_sync_only(self, get: Callable[..., Any], order: list[str]) -> None:
        with override_settings(MIDDLEWARE=order):
            assert issuer_of(get("/plain").json()["meta"]) == "kong"
            assert get("/plain", claims=None).status_code == 401
            assert get("/partners", policy="partners").status_code == 200

    def test_cors_preflight_is_answered_above(self, get: Callable[..., Any]) -> None:
        require_module("corsheaders")
        cors = "corsheaders.middleware.CorsMiddleware"
        preflight = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        with override_settings(MIDDLEWARE=[cors, OURS], CORS_ALLOWED_ORIGINS=["https://shop.example"]):
            answer = Client().options("/plain", headers=preflight)
            refused = Client().get("/plain", headers={"Origin": "https://shop.example"})
        assert answer.status_code == 200
        assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
        assert refused.status_code == 401
        assert refused["Access-Control-Allow-Origin"] == "https://shop.example"

    def test_a_preflight_is_a_request_like_any_other(self) -> None:
        assert Client().options("/plain", headers={"Access-Control-Request-Method": "GET"}).status_code == 401

    def test_the_cache_of_django_tells_tokens_apart(self) -> None:
        update = "django.middleware.cache.UpdateCacheMiddleware"
        fetch = "django.middleware.cache.FetchFromCacheMiddleware"
        with override_settings(MIDDLEWARE=[update, OURS, fetch]):
            client = SigningClient()
            who = [
                client.get("/plain", claims={"sub": sub}).json()["claims"]["sub"] for sub in ("alice", "bob")
            ]
            assert who == ["alice", "bob"]
            assert client.get("/plain", claims=None).status_code == 401


class TestBodies:
    def test_streams(self) -> None:
        response: Any = SigningClient().get("/stream")
        assert response.getvalue() == b"one Bearer "

    def test_streams_of_async_views(self) -> None:
        async def read() -> bytes:
            response: Any = await SigningAsyncClient().get("/astream")
            return b"".join([piece async for piece in response])

        assert asyncio.run(read()) == b"one Bearer "

    def test_uploads(self) -> None:
        file = SimpleUploadedFile("order.txt", b"x" * 3_000_000)
        seen = SigningClient().post("/upload", {"field": "one", "file": file}).json()
        assert (seen["size"], seen["name"], seen["field"]) == (3_000_000, "order.txt", "one")

    def test_uploads_to_an_async_handler(self) -> None:
        async def post() -> Any:
            file = SimpleUploadedFile("order.txt", b"x" * 100_000)
            return (await SigningAsyncClient().post("/upload", {"field": "one", "file": file})).json()

        assert asyncio.run(post())["size"] == 100_000


class TestDirectUse:
    def test_request_factory(self) -> None:
        request: Any = RequestFactory().get("/plain", headers=sign_headers({"sub": "alice"}))
        before = request.META
        response: Any = JWTSignerMiddleware(views.plain)(request)
        assert response.status_code == 200
        assert request.jwt_signer.access_token.claims["sub"] == "alice"
        assert before["HTTP_AUTHORIZATION"] != request.META["HTTP_AUTHORIZATION"], (
            "the server's stays as it was"
        )
        assert request.environ is request.META

    def test_a_view_called_without_the_middleware(self) -> None:
        with pytest.raises(LookupError, match="JWTSignerMiddleware"):
            views.scoped(RequestFactory().get("/scoped"))

    def test_the_endpoints_without_the_middleware(self) -> None:
        with override_settings(MIDDLEWARE=[]):
            assert Client().get("/jwt-signer/jwks").status_code == 404
            assert Client().get("/jwt-signer/jwks/kong").status_code == 200

    def test_the_path_as_the_server_got_it(self) -> None:
        """Some servers change what they decode."""
        with override_settings(JWT_SIGNER={**DEFAULT, "access_token_keyset": "shop/one"}), trust_issuer():
            for raw in (b"/jwt-signer/jwks/shop%2Fone", b"/jwt-signer/jwks/other"):
                request: Any = AsyncRequestFactory().get("/jwt-signer/jwks/shop/one")
                request.scope["raw_path"] = raw
                assert endpoint(request).status_code == 200

    def test_secrets_do_not_show_in_variables(self) -> None:
        request: Any = RequestFactory().get("/plain", headers=sign_headers({"sub": "alice"}))
        JWTSignerMiddleware(views.plain)(request)
        taken = request.jwt_signer_passage.client_headers
        assert repr(taken) == "<1 headers that are not for views>"

    def test_decorators_without_a_name_or_a_request(self) -> None:
        with pytest.raises(ValueError, match="name"):
            jwt_signer_policy("")
        with pytest.raises(ValueError, match="scopes"):
            jwt_signer_scopes()
        with pytest.raises(TypeError, match="request"):
            views.scoped()  # type: ignore[call-arg]

    def test_a_decorated_method(self) -> None:
        with pytest.raises(TypeError, match="method_decorator"):
            views.scoped(views.ClassBased())  # type: ignore[arg-type]


class TestSettings:
    def test_override_settings_reaches_a_client_that_is_there(self) -> None:
        client = SigningClient()
        assert client.get("/plain").status_code == 200
        with (
            override_settings(JWT_SIGNER={**DEFAULT, "access_token_scopes_required": ["gold"]}),
            trust_issuer(),
        ):
            assert client.get("/plain", claims={"scope": "silver"}).status_code == 403
        assert client.get("/plain", claims={"scope": "silver"}).status_code == 200

    def test_bad_settings_stop_the_server(self) -> None:
        bad = {"access_token_jwks_urn": "https://issuer.example"}
        with override_settings(JWT_SIGNER=bad), pytest.raises(ConfigurationError) as caught:
            JWTSignerMiddleware(views.plain)
        assert errors_in(caught.value) == ["access_token_jwks_urn"]

    def test_problems_of_all_policies_at_once(self) -> None:
        policies = {
            "default": {"keyset_store": "django://nowhere"},
            "partners": {"cache": "django://nowhere"},
        }
        with override_settings(JWT_SIGNER=policies), pytest.raises(ConfigurationError) as caught:
            JWTSignerMiddleware(views.plain)
        assert errors_in(caught.value) == ["keyset_store", "partners.cache"]

    @pytest.mark.parametrize("policies", [{"partners": {}}, {"default": {}, "": {}}])
    def test_policies_have_names_and_one_is_the_default(self, policies: dict[str, Any]) -> None:
        with override_settings(JWT_SIGNER=policies), pytest.raises(ConfigurationError, match="default"):
            JWTSignerMiddleware(views.plain)

    def test_the_environment_fills_what_is_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_SIGNER_REALM", "orders")
        with override_settings(JWT_SIGNER=DEFAULT):
            assert Client().get("/plain")["WWW-Authenticate"] == 'Bearer realm="orders"'

    def test_settings_that_are_loaded_already(self) -> None:
        loaded = Settings.load({**DEFAULT, "realm": "loaded"})
        for given in (loaded, {"default": loaded}):
            with override_settings(JWT_SIGNER=given):
                assert Client().get("/plain")["WWW-Authenticate"] == 'Bearer realm="loaded"'

    def test_a_transport_of_ones_own(self, get: Callable[..., Any]) -> None:
        """One that is asynchronous serves the async handler."""
        issuer = Issuer()

        class Asynchronous:
            async def send(self, exchange: Exchange) -> Reply:
                return issuer.send(exchange)

        headers = dict([issuer.header(issuer.trusted_by(Settings.load(DEFAULT)).access_token, {})])
        transport = issuer if get is get_sync else Asynchronous()
        mine = {**issuer.trusted_by(Settings.load(DEFAULT)).flat(), "transport": transport}
        with override_settings(JWT_SIGNER=mine):
            assert get("/plain", claims=None, headers=headers).status_code == 200

    def test_services_by_dotted_path(self) -> None:
        paths = {"clock": "time.time", "consumers": "test_django_middleware.nobody"}
        with override_settings(JWT_SIGNER={**DEFAULT, **paths}), trust_issuer():
            assert SigningClient().get("/plain").status_code == 200
        bad = {**DEFAULT, "clock": "time.nowhere"}
        with override_settings(JWT_SIGNER=bad), pytest.raises(ConfigurationError, match="clock"):
            JWTSignerMiddleware(views.plain)


def errors_in(error: ConfigurationError) -> list[str]:
    return [problem.option for problem in error.problems if problem.level == "error"]


def nobody(_field: str, _value: str) -> None:
    """A callable for `consumers`."""


def test_one_loop_after_the_other() -> None:
    """The clients of a test each bring an event loop of their own."""

    async def send() -> int:
        return (await AsyncClient().get("/aplain", headers=sign_headers({}))).status_code

    assert [asyncio.run(send()) for _ in range(3)] == [200, 200, 200]


def test_the_test_project_is_in_order() -> None:
    assert settings.MIDDLEWARE.index(OURS) == 1
