"""The key set endpoints as a blueprint, and the signal about rotations."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from parts import require_module

require_module("flask")

from flask import Blueprint, Flask, request

from flask_app import ISSUER, SETTINGS, bearer, make_app
from flask_jwt_signer import JWTSigner, keyset_rotated
from flask_jwt_signer.gate import gate_of
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.flows.named import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = {"Authorization": "Bearer the-admin-token"}


@pytest.fixture
def app() -> Flask:
    return make_app(admin_token="the-admin-token")


def kids(app: Flask, path: str = "/jwt-signer/jwks/kong") -> list[str]:
    return [key["kid"] for key in app.test_client().get(path).get_json()["keys"]]


def test_everybody_reads_one_set(app: Flask) -> None:
    answer = app.test_client().get("/jwt-signer/jwks/kong")
    assert (answer.status_code, answer.mimetype) == (200, "application/jwk-set+json")
    assert all("d" not in key for key in answer.get_json()["keys"])
    assert (
        app.test_client()
        .get("/jwt-signer/jwks/kong", headers={"If-None-Match": answer.headers["ETag"]})
        .status_code
        == 304
    )


def test_the_keys_verify_what_views_see(app: Flask) -> None:
    import jwt

    app.add_url_rule("/", view_func=lambda: request.headers["Authorization"].removeprefix("Bearer "))
    token = app.test_client().get("/", headers=bearer()).text
    (key,) = [
        key
        for key in jwt.PyJWKSet.from_dict(app.test_client().get("/jwt-signer/jwks/kong").get_json()).keys
        if key.key_id == jwt.get_unverified_header(token)["kid"]
    ]
    assert jwt.decode(token, key, algorithms=["ES256"], audience="orders")["sub"] == "alice"


@pytest.mark.parametrize("path", ["/jwt-signer/jwks", "/jwt-signer/jwks/"])
def test_the_list_needs_the_admin_token(app: Flask, path: str) -> None:
    client = app.test_client()
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer()).status_code == 401, (
        "a token for the application is none for this"
    )
    names = {entry["name"] for entry in client.get(path, headers=ADMIN).get_json()["data"]}
    assert names == {"kong", SETTINGS["access_token_jwks_uri"]}


def test_the_admin_token_is_none_for_the_application(app: Flask) -> None:
    app.add_url_rule("/", view_func=lambda: "")
    assert app.test_client().get("/", headers=ADMIN).status_code == 401


def test_rotation(app: Flask) -> None:
    client, before = app.test_client(), kids(app)
    assert client.post("/jwt-signer/jwks/kong/rotate").status_code == 401
    assert client.get("/jwt-signer/jwks/kong/rotate", headers=ADMIN).status_code in {404, 405}
    answer = client.post("/jwt-signer/jwks/kong/rotate", headers=ADMIN)
    assert answer.status_code == 200
    assert kids(app) != before


def test_deletion(app: Flask) -> None:
    assert app.test_client().delete("/jwt-signer/jwks/kong", headers=ADMIN).status_code == 204
    assert app.test_client().get("/jwt-signer/jwks/kong").status_code == 404


def test_a_set_at_a_url_is_named_by_it(app: Flask) -> None:
    name = SETTINGS["access_token_jwks_uri"]
    answer = app.test_client().get(f"/jwt-signer/jwks/{quote(name, safe='')}")
    assert answer.status_code == 200
    assert answer.get_json()["keys"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS"])
def test_other_methods(app: Flask, method: str) -> None:
    assert app.test_client().open("/jwt-signer/jwks/kong", method=method).status_code == 405


def test_without_an_admin_token_there_is_no_list() -> None:
    assert make_app().test_client().get("/jwt-signer/jwks").status_code == 404


def test_another_path() -> None:
    app = make_app(admin_path="/internal/keys")
    assert kids(app, "/internal/keys/jwks/kong")
    assert app.test_client().get("/jwt-signer/jwks/kong").status_code == 401


def test_no_path_no_endpoints() -> None:
    assert make_app(admin_path=None).test_client().get("/jwt-signer/jwks/kong").status_code == 401


def test_under_a_mount(app: Flask) -> None:
    answer = app.test_client().get("/jwt-signer/jwks/kong", base_url="http://localhost/mounted")
    assert answer.status_code == 200


class TestExplain:
    """`POST /jwt-signer/explain`: the policy is that of the application's own routes."""

    @pytest.fixture
    def app(self) -> Flask:
        partners = SETTINGS | {"access_token_audiences_allowed": ["partners"]}
        app, signer = Flask(__name__), JWTSigner(transport=ISSUER)
        app.config["JWT_SIGNER"] = {"default": SETTINGS | {"exempt_paths": ["/free"]}, "partners": partners}
        app.config["JWT_SIGNER_ADMIN_TOKEN"] = "the-admin-token"
        signer.init_app(app)
        app.add_url_rule("/", "index", lambda: "", methods=["POST"])
        app.add_url_rule("/open", "open", signer.exempt(lambda: ""))
        app.add_url_rule("/typo", "typo", signer.policy("partnrs")(lambda: ""))
        shop = Blueprint("shop", __name__, url_prefix="/shop")
        shop.add_url_rule("/<int:number>", "one", lambda number: "")
        app.register_blueprint(signer.policy("partners")(shop))
        return app

    def ask(self, app: Flask, **asked: Any) -> Any:
        return app.test_client().post("/jwt-signer/explain", headers=ADMIN, json=asked)

    @pytest.mark.parametrize(
        "asked, outcome, reason",
        [
            ({"path": "/", "method": "POST"}, "forwarded", "forwarded"),
            ({"path": "/shop/7"}, "refused", "audience_not_allowed"),
            ({"path": "/shop/seven"}, "forwarded", "forwarded"),
            ({"path": "/nowhere", "host": "api.example:8443"}, "forwarded", "forwarded"),
            ({"path": "/nowhere", "host": "["}, "forwarded", "forwarded"),
            ({"path": "/free"}, "exempt", "exempt"),
            ({"path": "/open"}, "exempt", "exempt"),
            ({"path": "/typo"}, "refused", "internal_error"),
        ],
    )
    def test_by_the_policy_of_the_route(
        self, app: Flask, asked: dict[str, str], outcome: str, reason: str
    ) -> None:
        answer = self.ask(app, headers=bearer(), **asked).get_json()
        assert (answer["outcome"], answer["reason"]) == (outcome, reason)
        if "method" not in asked and asked["path"] != "/":
            headers = bearer() | {"Host": asked.get("host", "localhost")}
            real = app.test_client().get(
                asked["path"], headers=headers if asked.get("host") != "[" else bearer()
            )
            assert (real.status_code in {401, 403, 500}) == (outcome == "refused")

    def test_needs_the_admin_token(self, app: Flask) -> None:
        assert app.test_client().post("/jwt-signer/explain", json={}).status_code == 401


class TestSeveralPolicies:
    @pytest.fixture
    def app(self) -> Flask:
        partners = SETTINGS | {"access_token_keyset": "partners", "channel_token_keyset": "kong"}
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": partners, "third": SETTINGS}
        app.config["JWT_SIGNER_ADMIN_TOKEN"] = "the-admin-token"
        JWTSigner(app, transport=ISSUER)
        return app

    def test_sets_of_all_are_served(self, app: Flask) -> None:
        assert kids(app)
        assert kids(app, "/jwt-signer/jwks/partners")

    def test_a_shared_set_is_one_set(self, app: Flask) -> None:
        entries = app.test_client().get("/jwt-signer/jwks", headers=ADMIN).get_json()["data"]
        assert sorted(entry["name"] for entry in entries if "://" not in entry["name"]) == [
            "kong",
            "partners",
        ]

    def test_a_shared_set_is_rotated_once(self, app: Flask) -> None:
        before = kids(app)
        app.test_client().post("/jwt-signer/jwks/kong/rotate", headers=ADMIN)
        assert set(before) < set(kids(app)), "two rotations would forget a key"


class TestRotationSignal:
    @pytest.fixture
    def heard(self) -> Iterator[list[tuple[Flask, str]]]:
        heard: list[tuple[Flask, str]] = []

        def receive(sender: Flask, *, keyset: str, **_: Any) -> None:
            heard.append((sender, keyset))

        with keyset_rotated.connected_to(receive):
            yield heard

    def test_by_request(self, app: Flask, heard: list[tuple[Flask, str]]) -> None:
        kids(app)
        assert heard == []
        app.test_client().post("/jwt-signer/jwks/kong/rotate", headers=ADMIN)
        assert heard == [(app, "kong")]

    def test_by_another_process(self, heard: list[tuple[Flask, str]]) -> None:
        """The first request that notices it tells it, once."""
        now = [1_000_000.0]
        app = Flask(__name__)
        JWTSigner(app, transport=ISSUER, clock=lambda: now[0], verify_access_token_expiry=False, **SETTINGS)
        store = gate_of(app).policies["default"].assembly.keyset_store
        client, headers = app.test_client(), bearer()
        assert client.get("/", headers=headers).status_code == 404
        now[0] += 60
        gate_of(app).policies["default"].driver.run(Named("kong", store, Clock.of(lambda: now[0])).rotate())
        now[0] += 10
        for _ in range(3):
            assert client.get("/", headers=headers).status_code == 404
        assert heard == [(app, "kong")]
