"""The help for tests of applications: real signatures, other settings, or no tokens at all."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import contextlib
from typing import Any

import pytest

from parts import require_module

require_module("flask")

from flask import Flask, request, session
from werkzeug.test import EnvironBuilder

from flask_app import bearer, claims_of, is_refused
from flask_jwt_signer import JWTSigner, current_consumer, current_identity
from flask_jwt_signer.gate import gate_of
from flask_jwt_signer.testing import impersonate, override, signing_client
from jwt_signer_mw import ConfigurationError
from jwt_signer_mw.messages import Consumer

# What an application has in production: nothing of it can be reached here.
SETTINGS: dict[str, Any] = {
    "access_token_jwks_uri": "https://login.example/jwks",
    "access_token_issuers_allowed": ["https://login.example"],
    "access_token_audiences_allowed": ["orders", "other"],
    "access_token_scopes_required": ["orders:read"],
    "access_token_required_claims": [["tenant", "id"]],
    "verify_access_token_notbefore": True,
    "channel_token_optional": True,
    "channel_token_request_header": "X-Channel",
    "channel_token_upstream_header": "X-Channel-Upstream",
    "channel_token_introspection_endpoint": "https://network.example/introspect",
    "keyset_store": "memory://",
    "access_token_signing_algorithm": "ES256",
    "channel_token_signing_algorithm": "ES256",
}


def make_app(**settings: Any) -> Flask:
    app = Flask(__name__)
    app.secret_key = "only for tests"
    app.config["JWT_SIGNER"] = SETTINGS | settings
    signer = JWTSigner(app)

    @app.route("/")
    def index() -> dict[str, Any]:
        tokens = (current_identity.access_token, current_identity.channel_token)
        claims = [None if token is None else token.claims for token in tokens]
        return {"access": claims[0], "channel": claims[1], "headers": dict(request.headers)}

    app.add_url_rule("/write", "write", signer.require(scopes=["write"])(lambda: "written"), methods=["POST"])
    return app


@pytest.fixture
def app() -> Flask:
    return make_app()


class TestSigningClient:
    def test_needs_no_claims(self, app: Flask) -> None:
        with signing_client(app) as client:
            seen = client.get("/").get_json()
        assert seen["access"]["iss"] == "https://login.example"
        assert seen["access"]["aud"] == "orders"
        assert seen["access"]["tenant"] == {"id": "required"}
        assert claims_of(seen["headers"]["Authorization"])["iss"] == "kong", "it is re-signed for real"

    def test_its_claims(self, app: Flask) -> None:
        with signing_client(app, sub="alice", tenant={"id": 7}) as client:
            claims = client.get("/").get_json()["access"]
            assert (claims["sub"], claims["tenant"]) == ("alice", {"id": 7})

    def test_claims_of_one_request(self, app: Flask) -> None:
        with signing_client(app, sub="alice", scope="orders:read") as client:
            assert client.get("/", claims={"sub": "bob"}).get_json()["access"]["sub"] == "bob"
            assert is_refused(client.post("/write"), 403)
            assert client.post("/write", claims={"scope": "orders:read write"}).text == "written"

    @pytest.mark.parametrize(
        "claims, status", [({"aud": "x"}, 403), ({"exp": 1}, 401), ({"iss": None}, 401), ({"scope": ""}, 403)]
    )
    def test_is_refused_for_what_is_wrong(self, app: Flask, claims: dict[str, Any], status: int) -> None:
        with signing_client(app) as client:
            assert is_refused(client.get("/", claims=claims), status)

    def test_no_token(self, app: Flask) -> None:
        with signing_client(app) as client:
            assert is_refused(client.get("/", claims=None))

    def test_a_header_of_its_own(self, app: Flask) -> None:
        with signing_client(app) as client:
            assert is_refused(client.get("/", headers={"Authorization": "Bearer x.y.z"}))

    def test_both_tokens(self, app: Flask) -> None:
        with signing_client(app, sub="alice") as client:
            seen = client.get("/", channel_claims={"network": "inner"}).get_json()
        assert seen["channel"]["network"] == "inner"
        assert "sub" not in seen["channel"]
        assert claims_of(seen["headers"]["X-Channel-Upstream"])["network"] == "inner"

    @pytest.mark.parametrize("header", ["X-Token", "authorization:basic", "Authorization"])
    @pytest.mark.parametrize("opaque", [False, True])
    def test_every_way_to_send_one(self, header: str, opaque: bool) -> None:
        settings: dict[str, Any] = {"access_token_request_header": header}
        if opaque:
            settings["access_token_jwks_uri"] = None
            settings["access_token_introspection_endpoint"] = "https://login.example/introspect"
        with signing_client(make_app(**settings), sub="alice") as client:
            assert client.get("/").get_json()["access"]["sub"] == "alice"

    def test_a_jwt_inside_an_introspection_result(self) -> None:
        app = make_app(
            access_token_jwks_uri=None,
            access_token_introspection_endpoint="https://login.example/introspect",
            access_token_introspection_jwt_claim=["inner", "jwt"],
        )
        with signing_client(app, sub="alice") as client:
            assert client.get("/").get_json()["access"]["sub"] == "alice"

    def test_signing_keys_at_a_url(self) -> None:
        with signing_client(make_app(access_token_keyset="https://keys.example/private"), sub="a") as client:
            assert claims_of(client.get("/").get_json()["headers"]["Authorization"])["sub"] == "a"

    def test_a_token_that_is_switched_off(self) -> None:
        off = pytest.raises(ValueError, match="channel_token_request_header")
        with signing_client(make_app(channel_token_request_header=None)) as client, off:
            client.get("/", channel_claims={})

    def test_another_policy(self) -> None:
        app, signer = Flask(__name__), JWTSigner()
        partners = SETTINGS | {"access_token_request_header": "X-Partner"}
        app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": partners}
        signer.init_app(app)
        app.add_url_rule("/", view_func=signer.policy("partners")(lambda: "partners"))
        with signing_client(app) as client:
            assert is_refused(client.get("/"))
            assert client.get("/", policy="partners").text == "partners"

    def test_what_a_client_can_do_otherwise(self, app: Flask) -> None:
        @app.route("/login")
        def login() -> str:
            session["user"] = "alice"
            return ""

        app.add_url_rule("/session", "session", lambda: session["user"])
        with signing_client(app) as client:
            client.get("/login")
            assert client.get("/session").text == "alice"
            assert is_refused(client.open(EnvironBuilder("/"))), "a builder is sent as it is"
            with client:
                client.get("/")
                assert current_identity.access_token is not None

    def test_afterwards_everything_is_as_before(self, app: Flask) -> None:
        before = gate_of(app).policies
        with contextlib.suppress(ZeroDivisionError), signing_client(app):
            assert gate_of(app).policies is not before
            raise ZeroDivisionError
        assert gate_of(app).policies is before

    def test_the_keys_of_the_application_stay(self, app: Flask) -> None:
        before = app.test_client().get("/jwt-signer/jwks/kong").get_json()
        with signing_client(app) as client:
            client.get("/")
            assert client.get("/jwt-signer/jwks/kong").get_json() == before


class TestOverride:
    def test_other_settings_for_a_while(self, app: Flask) -> None:
        with signing_client(app) as client:
            with override(app, access_token_scopes_required=["admin"]):
                assert is_refused(client.get("/", claims={"scope": "orders:read"}), 403)
            assert client.get("/", claims={"scope": "orders:read"}).status_code == 200

    def test_another_header(self, app: Flask) -> None:
        with signing_client(app) as client, override(app, access_token_request_header="X-Token"):
            assert "X-Token" not in client.get("/").get_json()["headers"], "it is removed like the first one"

    def test_bad_settings(self, app: Flask) -> None:
        with pytest.raises(ConfigurationError), override(app, realms="typo"):
            pass

    def test_an_unknown_policy(self, app: Flask) -> None:
        with pytest.raises(LookupError), override(app, "partners"):
            pass


class TestImpersonate:
    def test_nobody_needs_a_token(self, app: Flask) -> None:
        with impersonate(app, {"sub": "alice"}, consumer={"username": "a"}):
            assert app.test_client().get("/").get_json()["access"] == {"sub": "alice"}
        assert is_refused(app.test_client().get("/"))

    def test_the_consumer(self, app: Flask) -> None:
        app.add_url_rule("/consumer", "consumer", lambda: current_consumer.username or "")  # type: ignore[union-attr]
        with impersonate(app, consumer=Consumer(username="a")):
            assert app.test_client().get("/consumer").text == "a"

    def test_scopes_of_a_view_still_count(self, app: Flask) -> None:
        with impersonate(app, {"scope": "write"}):
            assert app.test_client().post("/write").text == "written"
        with impersonate(app, {"scope": "read"}):
            assert is_refused(app.test_client().post("/write"), 403)

    def test_nothing_of_the_client_passes(self, app: Flask) -> None:
        with impersonate(app, {"sub": "alice"}, {"network": "inner"}):
            seen = app.test_client().get("/", headers=bearer() | {"X-Consumer-ID": "admin"}).get_json()
        assert seen["channel"] == {"network": "inner"}
        assert not {"Authorization", "X-Consumer-Id"} & set(seen["headers"])
