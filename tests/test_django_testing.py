"""What a project's own tests use: `django_jwt_signer.test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parts import ROOT, require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from django.test import RequestFactory, SimpleTestCase, override_settings  # noqa: E402

from django_jwt_signer.test import (  # noqa: E402
    SigningAsyncClient,
    SigningClient,
    sign_headers,
    signed_request,
    trust_issuer,
)
from django_project import views  # noqa: E402

if TYPE_CHECKING:
    from jwt_signer_mw.testing import Issuer

OPTIONS = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_required_claims": [["tenant"]],
    "channel_token_request_header": "X-Channel",
    "channel_token_introspection_endpoint": "https://issuer.example/introspect",
    "channel_token_optional": True,
    "keyset_store": "django://nowhere-in-tests",
}


@override_settings(JWT_SIGNER={**OPTIONS, "keyset_store": "memory://"})
@trust_issuer()
class ProjectTests(SimpleTestCase):
    """As a project writes them; no database is allowed here."""

    client_class = SigningClient
    async_client_class = SigningAsyncClient

    def test_client(self) -> None:
        client: Any = self.client
        claims = client.get("/plain", claims={"sub": "alice"}).json()["claims"]
        assert (claims["sub"], claims["aud"], claims["tenant"]) == ("alice", "orders", "required")

    def test_claims_of_the_client(self) -> None:
        client: Any = self.client
        client.claims = {"sub": "alice", "tenant": "one"}
        claims = client.get("/plain", claims={"tenant": "two"}).json()["claims"]
        assert (claims["sub"], claims["tenant"]) == ("alice", "two")
        assert client.get("/plain", claims=None).status_code == 401
        assert client.post("/plain", {"a": 1}).json()["claims"]["sub"] == "alice"

    def test_the_rules_are_real(self) -> None:
        client: Any = self.client
        assert client.get("/plain", claims={"iss": "https://other.example"}).status_code == 401
        assert client.get("/plain", claims={"exp": 1}).status_code == 401
        assert client.get("/plain", claims={"aud": "other"}).status_code == 403

    def test_a_header_of_ones_own_wins(self) -> None:
        client: Any = self.client
        assert client.get("/plain", headers={"Authorization": "Bearer x"}).status_code == 401

    def test_the_channel_token(self) -> None:
        client: Any = self.client
        assert client.get("/plain", channel_claims={"sub": "gateway"}).status_code == 200
        headers = {"X-Channel": "unknown-to-the-issuer"}
        assert client.get("/plain", headers=headers).status_code == 401

    async def test_async_client(self) -> None:
        client: Any = self.async_client
        response = await client.get("/aplain", claims={"sub": "alice"})
        assert response.json()["claims"]["sub"] == "alice"

    def test_redirects_are_followed_with_tokens(self) -> None:
        client: Any = self.client
        assert client.get("/plain", follow=True, claims={"sub": "alice"}).status_code == 200


def test_context_manager_gives_the_issuer() -> None:
    with override_settings(JWT_SIGNER={**OPTIONS, "keyset_store": "memory://"}), trust_issuer() as issuer:
        headers = sign_headers({"sub": "alice"})
        assert SigningClient().get("/plain", claims=None, headers=headers).status_code == 200
    with pytest.raises(RuntimeError, match="trust_issuer"), override_settings(JWT_SIGNER={"realm": "x"}):
        sign_headers({"sub": "alice"})
    assert issuer.send is not None


def test_decorator_gives_the_issuer() -> None:
    @trust_issuer(kwarg_name="issuer")
    def decorated(issuer: Issuer | None = None) -> Issuer | None:
        return issuer

    given = decorated()
    assert given is not None
    assert given.send is not None


class TestSignedRequest:
    def test_a_view_alone(self) -> None:
        request = signed_request(RequestFactory().get("/"), {"sub": "alice"}, consumer={"id": "7"})
        seen = json.loads(views.plain(request).content)
        assert seen["claims"] == {"sub": "alice"}
        assert request.jwt_signer.consumer.id == "7"  # type: ignore[attr-defined]

    def test_scopes(self) -> None:
        good = signed_request(RequestFactory().get("/"), {"scope": "admin"})
        bad = signed_request(RequestFactory().get("/"), {"scope": "none"})
        none = signed_request(RequestFactory().get("/"))
        assert [views.scoped(one).status_code for one in (good, bad, none)] == [200, 403, 401]

    def test_the_channel_token(self) -> None:
        request: Any = signed_request(RequestFactory().get("/"), channel_claims={"sub": "gateway"})
        assert request.jwt_signer.access_token is None
        assert request.jwt_signer.channel_token.claims == {"sub": "gateway"}


def test_key_sets_in_a_test_database() -> None:
    """By Django's own runner, which undoes every test; sync and async clients, in one database in memory."""
    command = [sys.executable, "-W", "error", "-m", "django", "test", "django_project.in_database"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "django_project.settings"}
    done = subprocess.run(
        command, cwd=ROOT / "tests", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
