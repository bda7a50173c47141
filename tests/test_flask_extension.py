"""How the extension is given its applications and their settings."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("flask")

from flask import Flask

from flask_app import ISSUER, SETTINGS, bearer, make_app
from flask_jwt_signer import JWTSigner, current_identity
from flask_jwt_signer.configuration import load_policies
from flask_jwt_signer.gate import Gate, gate_of
from jwt_signer_mw import ConfigurationError, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def options_of(error: pytest.ExceptionInfo[ConfigurationError]) -> set[str]:
    return {problem.option for problem in error.value.problems if problem.level == "error"}


def load(config: Mapping[str, Any], **given: Any) -> dict[str, Settings]:
    return load_policies(config, given)


class TestInitApp:
    def test_protects_the_application_it_is_made_with(self) -> None:
        app = Flask(__name__)
        JWTSigner(app, transport=ISSUER, **SETTINGS)
        assert app.test_client().get("/").status_code == 401

    def test_state_is_in_the_extensions(self) -> None:
        app = make_app()
        assert isinstance(app.extensions["jwt_signer"], Gate)
        assert set(gate_of(app).policies) == {"default"}

    def test_one_object_serves_many_applications(self) -> None:
        extension = JWTSigner(transport=ISSUER)
        names = ["first", "second"]
        apps = [make_app(extension, realm=name) for name in names]
        realms = [app.test_client().get("/").headers["WWW-Authenticate"] for app in apps]
        assert realms == [f'Bearer realm="{name}"' for name in names]

    def test_each_application_has_its_own_keys(self) -> None:
        extension = JWTSigner(transport=ISSUER)
        first, second = (make_app(extension).test_client().get("/jwt-signer/jwks/kong").json for _ in "12")
        assert first != second

    def test_twice_on_one_application_is_refused(self) -> None:
        extension = JWTSigner(transport=ISSUER)
        app = make_app(extension)
        with pytest.raises(RuntimeError, match="already"):
            extension.init_app(app)

    def test_an_application_without_it_says_so(self) -> None:
        with pytest.raises(RuntimeError, match="init_app"):
            gate_of(Flask(__name__))

    def test_settings_are_read_once(self) -> None:
        app = make_app()
        app.config["JWT_SIGNER"] = {"access_token_audiences_allowed": ["other"]}
        assert app.test_client().get("/", headers=bearer()).status_code == 404

    def test_a_bad_application_is_not_half_protected(self) -> None:
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = {"realms": "typo"}
        with pytest.raises(ConfigurationError):
            JWTSigner(app)
        assert "jwt_signer" not in app.extensions
        assert not app.before_request_funcs


class TestSettings:
    def test_a_mapping(self) -> None:
        assert load({"JWT_SIGNER": {"realm": "mine"}})["default"].realm == "mine"

    def test_keys_by_parameter(self) -> None:
        config = {"JWT_SIGNER_REALM": "mine", "JWT_SIGNER_ACCESS_TOKEN_LEEWAY": 7, "OTHER": 1}
        settings = load(config)["default"]
        assert (settings.realm, settings.access_token.claims.leeway) == ("mine", 7)

    def test_settings_that_are_loaded_already(self) -> None:
        loaded = Settings.load({"realm": "mine"})
        assert load({"JWT_SIGNER": loaded}, realm="other")["default"] is loaded

    def test_who_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_SIGNER_REALM", "environment")
        given: dict[str, Any] = {}
        config: dict[str, Any] = {}
        assert load(config, **given)["default"].realm == "environment"
        given["realm"] = "extension"
        assert load(config, **given)["default"].realm == "extension"
        config["JWT_SIGNER_REALM"] = "key"
        assert load(config, **given)["default"].realm == "key"
        config["JWT_SIGNER"] = {"realm": "mapping"}
        assert load(config, **given)["default"].realm == "mapping"

    def test_from_prefixed_env(self, monkeypatch: pytest.MonkeyPatch) -> None:
        app = Flask(__name__)
        monkeypatch.setenv("FLASK_JWT_SIGNER_REALM", "mine")
        monkeypatch.setenv("FLASK_JWT_SIGNER_SET_CLAIMS", json.dumps({"tenant": "t1"}))
        monkeypatch.setenv("FLASK_JWT_SIGNER__exempt_paths", json.dumps(["/health"]))
        app.config["JWT_SIGNER"] = {}
        app.config.from_prefixed_env()
        settings = load(app.config)["default"]
        assert settings.realm == "mine"
        assert settings.set_claims == (("tenant", "t1"),)
        assert settings.exempt_paths == ("/health",)

    def test_all_problems_at_once(self) -> None:
        config = {
            "JWT_SIGNER": {"default": {"realm": 1}, "partners": {"access_token_jwks_uri": "ftp://x"}},
            "JWT_SIGNER_REALMS": "typo",
        }
        with pytest.raises(ConfigurationError) as error:
            load(config)
        assert {"realm", "realms", "partners.access_token_jwks_uri", "partners.realms"} <= options_of(error)

    def test_problems_of_services_are_told_as_well(self) -> None:
        with pytest.raises(ConfigurationError) as error:
            make_app(keyset_store="nowhere.store")
        assert options_of(error) == {"keyset_store"}

    @pytest.mark.parametrize("settings", ["text", 1, ["list"]])
    def test_no_mapping(self, settings: object) -> None:
        with pytest.raises(ConfigurationError):
            load({"JWT_SIGNER": settings})


class TestPolicies:
    def test_mappings_in_a_mapping(self) -> None:
        policies = load({"JWT_SIGNER": {"default": {"realm": "a"}, "partners": {"realm": "b"}}})
        assert (policies["default"].realm, policies["partners"].realm) == ("a", "b")

    def test_they_share_what_they_do_not_say(self) -> None:
        config = {"JWT_SIGNER": {"default": {}, "partners": {"realm": "b"}}, "JWT_SIGNER_REALM": "a"}
        policies = load(config, max_token_bytes=99)
        assert (policies["default"].realm, policies["partners"].realm) == ("a", "b")
        assert {settings.max_token_bytes for settings in policies.values()} == {99}

    def test_options_that_are_mappings_are_no_policies(self) -> None:
        policies = load({"JWT_SIGNER": {"set_claims": {"a": "1"}, "add_claims": {"b": "2"}}})
        assert policies["default"].set_claims == (("a", "1"),)

    @pytest.mark.parametrize("policies", [{"partners": {}}, {"default": {}, "": {}}])
    def test_one_is_the_default_and_all_have_names(self, policies: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError) as error:
            load({"JWT_SIGNER": policies})
        assert [problem.id for problem in error.value.problems if problem.level == "error"] == ["flask.E001"]

    @pytest.mark.parametrize("option", ["admin_path", "admin_token"])
    def test_the_endpoints_have_one_rule(self, option: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            load({"JWT_SIGNER": {"default": {option: "/x"}, "partners": {option: "/x"}}})
        assert options_of(error) == {f"partners.{option}"}

    def test_equal_stores_are_one_store(self) -> None:
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": SETTINGS}
        JWTSigner(app, transport=ISSUER)
        policies = gate_of(app).policies
        stores = {id(policy.assembly.keyset_store) for policy in policies.values()}
        kids = {policy.stored_sets()[0].id for policy in policies.values()}
        assert (len(stores), len(kids)) == (1, 1)


def test_a_factory() -> None:
    """The extension object lives in a module, and is told its application later."""
    extension = JWTSigner(transport=ISSUER)

    def create_app() -> Flask:
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = SETTINGS
        extension.init_app(app)
        app.add_url_rule("/", view_func=lambda: current_identity.access_token.claims["sub"])  # type: ignore[union-attr]
        return app

    for _ in range(2):
        client = create_app().test_client()
        assert client.get("/").status_code == 401
        assert client.get("/", headers=bearer()).text == "alice"
