"""The commands `flask jwt-signer`, through Flask's own group and its entry point."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("flask", "flask_caching", "flask_sqlalchemy")

from click.testing import CliRunner
from flask import Blueprint, Flask
from flask.cli import FlaskGroup
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy

from flask_app import ISSUER, SETTINGS, bearer, make_app
from flask_jwt_signer import JWTSigner
from flask_jwt_signer.gate import gate_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


def run(create_app: Callable[[], Flask], *arguments: str) -> Result:
    return CliRunner().invoke(FlaskGroup(create_app=create_app), ["jwt-signer", *arguments])


def kids(app: Flask) -> list[str]:
    return [key["kid"] for key in app.test_client().get("/jwt-signer/jwks/kong").get_json()["keys"]]


class TestCheck:
    def test_says_what_the_settings_do(self) -> None:
        result = run(make_app, "check")
        assert result.exit_code == 0
        assert result.output.startswith("Policy default can be used: no errors")
        assert "`aud`" in result.output

    def test_shows_every_policy(self) -> None:
        def create_app() -> Flask:
            app = Flask(__name__)
            app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": SETTINGS}
            JWTSigner(app, transport=ISSUER)
            return app

        output = run(create_app, "check").output
        assert "Policy default can be used" in output
        assert "Policy partners can be used" in output

    def test_all_problems_in_place_of_a_traceback(self) -> None:
        def create_app() -> Flask:
            return make_app(realms="typo", access_token_jwks_uri="ftp://x")

        result = run(create_app, "check")
        assert result.exit_code == 1
        assert "2 errors" in result.output
        assert "Did you mean realm?" in result.output
        assert "Traceback" not in result.output

    @pytest.mark.parametrize("marked", ["view", "blueprint"])
    def test_finds_marks_without_a_policy(self, marked: str) -> None:
        def create_app() -> Flask:
            app = make_app(signer := JWTSigner(transport=ISSUER))
            if marked == "view":
                app.add_url_rule("/", "orders", signer.policy("partnrs")(lambda: ""))
            else:
                app.register_blueprint(signer.policy("partnrs")(Blueprint("orders", __name__)))
            return app

        result = run(create_app, "check")
        assert result.exit_code == 1
        assert "error flask.E002 orders" in result.output

    def test_finds_extensions_that_came_too_late(self) -> None:
        def create_app() -> Flask:
            app = make_app()
            app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
            SQLAlchemy(app)
            Cache(app, config={"CACHE_TYPE": "SimpleCache"})
            return app

        result = run(create_app, "check")
        assert result.exit_code == 0
        assert "warning flask.W001 Flask-SQLAlchemy" in result.output
        assert "warning flask.W001 Flask-Caching" in result.output

    def test_an_application_without_the_extension(self) -> None:
        assert isinstance(run(lambda: Flask(__name__), "check").exception, RuntimeError)


class TestExplain:
    @pytest.fixture
    def app(self) -> Flask:
        app, signer = Flask(__name__), JWTSigner(transport=ISSUER)
        partners = SETTINGS | {"access_token_request_header": "X-Partner"}
        app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": partners}
        signer.init_app(app)
        app.add_url_rule("/", "index", lambda: "")
        app.add_url_rule("/partners", "partners", signer.policy("partners")(lambda: ""))
        app.add_url_rule("/open", "open", signer.exempt(lambda: ""))
        return app

    def explain(self, app: Flask, *arguments: str, token: str | None = None) -> Result:
        command = FlaskGroup(create_app=lambda: app)
        return CliRunner().invoke(command, ["jwt-signer", "explain", *arguments], input=token)

    def token(self, **claims: Any) -> str:
        return bearer(**claims)["Authorization"].removeprefix("Bearer ")

    def test_why_it_passes(self, app: Flask) -> None:
        result = self.explain(app, "--token", "-", token=self.token())
        assert result.exit_code == 0
        assert result.output.startswith("GET /, policy default")
        assert "forwarded" in result.output

    def test_why_it_is_refused(self, app: Flask) -> None:
        result = self.explain(app, "--path", "/partners", "--token", self.token(exp=1), "--json")
        told = json.loads(result.output)
        assert (result.exit_code, told["policy"], told["reason"]) == (1, "partners", "token_expired")

    def test_a_policy_by_name(self, app: Flask) -> None:
        result = self.explain(app, "--policy", "partners", "--json")
        assert json.loads(result.output)["policy"] == "partners"
        assert self.explain(app, "--policy", "nobody").exit_code == 2

    def test_an_exempt_view(self, app: Flask) -> None:
        result = self.explain(app, "--path", "/open", "--token", self.token())
        assert result.exit_code == 0
        assert "the view is exempt" in result.output

    @pytest.mark.parametrize(
        "arguments", [["--header", "no colon"], ["--at", "soon"], ["--channel-token", "x"]]
    )
    def test_wrong_use(self, app: Flask, arguments: list[str]) -> None:
        assert self.explain(app, *arguments).exit_code == 2

    def test_help(self, app: Flask) -> None:
        result = self.explain(app, "--help")
        assert result.exit_code == 0
        assert "--offline" in result.output


class TestKeys:
    @pytest.fixture
    def app(self) -> Flask:
        return make_app()

    def run(self, app: Flask, *arguments: str) -> Result:
        return run(lambda: app, "keys", *arguments)

    def test_list(self, app: Flask) -> None:
        assert "kong  ES256" in self.run(app, "list").output
        (entry,) = json.loads(self.run(app, "list", "--json").output)
        assert (entry["name"], entry["algorithms"]) == ("kong", ["ES256"])

    def test_show(self, app: Flask) -> None:
        assert all(kid in self.run(app, "show", "kong").output for kid in kids(app))
        shown: dict[str, Any] = json.loads(self.run(app, "show", "kong", "--json").output)
        assert [key["kid"] for key in shown["keys"]] == kids(app)
        assert all("d" not in key for key in shown["keys"])

    def test_rotate(self, app: Flask) -> None:
        before = kids(app)
        assert self.run(app, "rotate", "kong").exit_code == 0
        assert set(before) < set(kids(app))

    def test_delete(self, app: Flask) -> None:
        assert self.run(app, "delete", "kong").exit_code == 0
        assert gate_of(app).policies["default"].assembly.keyset_store.names() == ()

    def test_an_unknown_set(self, app: Flask) -> None:
        result = self.run(app, "show", "queen")
        assert (result.exit_code, result.output) == (1, "Error: there is no key set 'queen'\n")

    def test_the_store_of_a_policy(self) -> None:
        app = Flask(__name__)
        other = {"keyset_encryption_keys": ["A" * 43 + "="], "access_token_keyset": "queen"}
        app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": SETTINGS | other}
        JWTSigner(app, transport=ISSUER)
        assert "queen" not in self.run(app, "list").output
        assert "queen" in self.run(app, "list", "--policy", "partners").output
        unknown = self.run(app, "list", "--policy", "nobody")
        assert unknown.exit_code == 2
        assert "there are default, partners" in unknown.output
