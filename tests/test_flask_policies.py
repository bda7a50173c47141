"""Which policy judges a request: that of its view, of its blueprint, or the default; and scopes by view."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import functools
from typing import Any

import pytest

from parts import require_module

require_module("flask")

from flask import Blueprint, Flask, request
from flask.views import MethodView, View

from flask_app import FORGED, ISSUER, SETTINGS, bearer, is_refused
from flask_jwt_signer import JWTSigner, RequestRefused, current_identity

PARTNERS = SETTINGS | {
    "access_token_request_header": "X-Partner-Token",
    "access_token_upstream_header": "X-Partner",
    "access_token_audiences_allowed": ["partners"],
}


def as_partner() -> dict[str, str]:
    """Made when a test asks for it: one made at import would expire before a long run reaches its test."""
    return bearer(PARTNERS)


@pytest.fixture
def signer() -> JWTSigner:
    return JWTSigner(transport=ISSUER)


@pytest.fixture
def app(signer: JWTSigner) -> Flask:
    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": PARTNERS}
    signer.init_app(app)
    return app


def view() -> str:
    """The names of the headers that a policy wrote, and who it is."""
    names = [name for name in ("Authorization", "X-Partner", "X-Partner-Token") if name in request.headers]
    token = current_identity.access_token
    return " ".join([*names, "nobody" if token is None else token.claims["aud"]])


def copy_of_view() -> Any:
    """Marks belong to a function, so every test has one of its own."""

    def copy() -> str:
        return view()

    return copy


class TestViews:
    def test_the_default(self, app: Flask) -> None:
        app.add_url_rule("/", view_func=view)
        assert app.test_client().get("/", headers=bearer()).text == "Authorization orders"
        assert is_refused(app.test_client().get("/", headers=as_partner()))

    def test_another_policy(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/", view_func=signer.policy("partners")(copy_of_view()))
        assert app.test_client().get("/", headers=as_partner()).text == "X-Partner partners"
        assert is_refused(app.test_client().get("/", headers=bearer()))

    def test_headers_of_every_policy_are_removed_under_each(self, app: Flask, signer: JWTSigner) -> None:
        """A hook for all views must not take a forged header of another policy for a verified one."""
        app.add_url_rule("/", view_func=view)
        app.add_url_rule("/open", endpoint="open", view_func=signer.exempt(copy_of_view()))
        forged = {"X-Partner": "forged", "X_Partner": "forged", "X-Partner-Token": "forged"}
        assert app.test_client().get("/", headers=bearer() | forged).text == "Authorization orders"
        assert app.test_client().get("/open", headers=bearer() | forged).text == "nobody"

    @pytest.mark.parametrize("outermost", ["route", "mark"])
    def test_either_order_of_decorators(self, app: Flask, signer: JWTSigner, outermost: str) -> None:
        if outermost == "route":
            app.route("/")(signer.exempt(copy_of_view()))
        else:
            signer.exempt(app.route("/")(copy_of_view()))
        assert app.test_client().get("/").text == "nobody"

    def test_a_wrapper_keeps_the_mark(self, app: Flask, signer: JWTSigner) -> None:
        marked = signer.exempt(copy_of_view())

        @app.route("/")
        @functools.wraps(marked)
        def wrapper() -> str:
            return str(marked())

        assert app.test_client().get("/").text == "nobody"

    def test_an_exempt_view_sees_nothing_forged(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/", view_func=signer.exempt(lambda: dict(request.headers)))
        seen = app.test_client().get("/", headers=bearer() | FORGED).get_json()
        assert not {"Authorization", "X-Consumer-Id", "X-Consumer-Username", "X-Credential-Identifier"} & set(
            seen
        )

    def test_two_views_of_one_name_do_not_share_an_exemption(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/open", endpoint="open", view_func=signer.exempt(copy_of_view()))
        app.add_url_rule("/closed", endpoint="closed", view_func=copy_of_view())
        assert app.test_client().get("/open").status_code == 200
        assert is_refused(app.test_client().get("/closed"))

    def test_classes_of_views(self, app: Flask, signer: JWTSigner) -> None:
        class Open(View):
            decorators = [signer.exempt]  # noqa: RUF012  Flask's way

            def dispatch_request(self) -> str:
                return view()

        class Orders(MethodView):
            decorators = [signer.policy("partners")]  # noqa: RUF012

            def get(self) -> str:
                return view()

        app.add_url_rule("/open", view_func=Open.as_view("open"))
        app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
        assert app.test_client().get("/open").text == "nobody"
        assert app.test_client().get("/orders", headers=as_partner()).text == "X-Partner partners"

    def test_an_unknown_policy_lets_nobody_in(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/", view_func=signer.policy("partnrs")(copy_of_view()))
        answer = app.test_client().get("/", headers=bearer())
        assert is_refused(answer, 500)
        assert answer.get_json() == {"message": "An unexpected error occurred"}


class TestBlueprints:
    @pytest.fixture
    def shop(self) -> Blueprint:
        shop = Blueprint("shop", __name__, url_prefix="/shop")
        shop.add_url_rule("/", endpoint="index", view_func=copy_of_view())
        return shop

    def test_a_policy_for_all_views(self, app: Flask, signer: JWTSigner, shop: Blueprint) -> None:
        app.register_blueprint(signer.policy("partners")(shop))
        assert app.test_client().get("/shop/", headers=as_partner()).text == "X-Partner partners"
        assert is_refused(app.test_client().get("/shop/", headers=bearer()))

    def test_an_exemption_for_all_views_even_after_registration(
        self, app: Flask, signer: JWTSigner, shop: Blueprint
    ) -> None:
        app.register_blueprint(shop)
        assert is_refused(app.test_client().get("/shop/"))
        signer.exempt(shop)
        assert app.test_client().get("/shop/").text == "nobody"

    def test_a_view_wins_over_its_blueprint(self, app: Flask, signer: JWTSigner, shop: Blueprint) -> None:
        shop.add_url_rule("/own", endpoint="own", view_func=signer.policy("default")(copy_of_view()))
        app.register_blueprint(signer.exempt(shop))
        assert is_refused(app.test_client().get("/shop/own"))
        assert app.test_client().get("/shop/own", headers=bearer()).text == "Authorization orders"

    def test_the_innermost_blueprint_wins(self, app: Flask, signer: JWTSigner, shop: Blueprint) -> None:
        outer = signer.exempt(Blueprint("outer", __name__, url_prefix="/outer"))
        outer.add_url_rule("/", endpoint="index", view_func=copy_of_view())
        outer.register_blueprint(signer.policy("partners")(shop))
        app.register_blueprint(outer)
        assert app.test_client().get("/outer/").text == "nobody"
        assert is_refused(app.test_client().get("/outer/shop/"))
        assert app.test_client().get("/outer/shop/", headers=as_partner()).text == "X-Partner partners"

    def test_a_blueprint_inside_an_exempt_one_is_exempt(
        self, app: Flask, signer: JWTSigner, shop: Blueprint
    ) -> None:
        outer = signer.exempt(Blueprint("outer", __name__, url_prefix="/outer"))
        outer.register_blueprint(shop)
        app.register_blueprint(outer)
        assert app.test_client().get("/outer/shop/").text == "nobody"

    def test_registered_under_two_names(self, app: Flask, signer: JWTSigner, shop: Blueprint) -> None:
        signer.exempt(shop)
        app.register_blueprint(shop)
        app.register_blueprint(shop, name="second", url_prefix="/second")
        assert [app.test_client().get(path).text for path in ("/shop/", "/second/")] == ["nobody", "nobody"]

    def test_a_dot_in_an_endpoint_is_no_blueprint(self, app: Flask) -> None:
        app.add_url_rule("/", endpoint="api.v1.orders", view_func=copy_of_view())
        assert is_refused(app.test_client().get("/"))
        assert app.test_client().get("/", headers=bearer()).text == "Authorization orders"

    def test_a_path_that_is_not_there_has_no_blueprint(
        self, app: Flask, signer: JWTSigner, shop: Blueprint
    ) -> None:
        app.register_blueprint(signer.exempt(shop))
        assert is_refused(app.test_client().get("/shop/nowhere"))


class TestWhatCanBeMarked:
    def test_not_a_class(self, signer: JWTSigner) -> None:
        class Open(View):
            pass

        with pytest.raises(TypeError, match="decorators"):
            signer.exempt(Open)

    def test_not_a_method(self, signer: JWTSigner) -> None:
        with pytest.raises(TypeError, match="blueprint"):
            signer.exempt(Flask(__name__).send_static_file)

    def test_not_a_name(self, signer: JWTSigner) -> None:
        with pytest.raises(TypeError, match="neither"):
            signer.exempt("index")  # type: ignore[type-var]

    def test_not_twice(self, signer: JWTSigner) -> None:
        marked = signer.exempt(signer.exempt(copy_of_view()))
        with pytest.raises(ValueError, match="already"):
            signer.policy("partners")(marked)

    def test_not_without_a_name(self, signer: JWTSigner) -> None:
        with pytest.raises(ValueError, match="name"):
            signer.policy("")


class TestRequire:
    def open(self, app: Flask, signer: JWTSigner, *scopes: str, **options: Any) -> Any:
        app.add_url_rule("/", view_func=signer.require(scopes=scopes, **options)(copy_of_view()))
        return app.test_client()

    def test_passes_with_the_scope(self, app: Flask, signer: JWTSigner) -> None:
        client = self.open(app, signer, "orders:read")
        assert (
            client.get("/", headers=bearer(scope="orders:read orders:write")).text == "Authorization orders"
        )

    @pytest.mark.parametrize("scope", ["orders:write", "orders:reader", "ORDERS:READ", None, 7])
    def test_403_without(self, app: Flask, signer: JWTSigner, scope: object) -> None:
        answer = self.open(app, signer, "orders:read").get("/", headers=bearer(scope=scope))
        assert is_refused(answer, 403)
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert 'scope="orders:read"' in challenge

    @pytest.mark.parametrize("scope, status", [("a", 403), ("b a", 200), ("c", 200), ("", 403)])
    def test_any_element_and_all_of_its_words(
        self, app: Flask, signer: JWTSigner, scope: str, status: int
    ) -> None:
        client = self.open(app, signer, "a b", "c")
        assert client.get("/", headers=bearer(scope=scope)).status_code == status

    def test_reads_the_claim_of_the_settings(self, signer: JWTSigner) -> None:
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = SETTINGS | {"access_token_scopes_claim": ["realm", "roles"]}
        signer.init_app(app)
        client = self.open(app, signer, "reader")
        assert client.get("/", headers=bearer(realm={"roles": ["reader"]})).status_code == 200
        assert client.get("/", headers=bearer(scope="reader")).status_code == 403

    def test_an_optional_claim_is_no_excuse(self, signer: JWTSigner) -> None:
        app = Flask(__name__)
        app.config["JWT_SIGNER"] = SETTINGS | {"access_token_optional_claims": [["scope"]]}
        signer.init_app(app)
        assert is_refused(self.open(app, signer, "reader").get("/", headers=bearer()), 403)

    def test_an_exempt_view_has_no_token(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/", view_func=signer.exempt(signer.require(scopes=["a"])(copy_of_view())))
        assert is_refused(app.test_client().get("/", headers=bearer(scope="a")))

    def test_the_channel_token(self, app: Flask, signer: JWTSigner) -> None:
        client = self.open(app, signer, "a", token="channel_token")
        assert is_refused(client.get("/", headers=bearer(scope="a")))

    def test_goes_through_error_handlers(self, app: Flask, signer: JWTSigner) -> None:
        reasons: list[str] = []

        @app.errorhandler(RequestRefused)
        def note(error: RequestRefused) -> str:
            reasons.append(error.reason)
            return "a page"

        answer = self.open(app, signer, "a").get("/", headers=bearer())
        assert is_refused(answer, 403)
        assert (answer.text, reasons) == ("a page", ["scopes_insufficient"])

    def test_on_methods_of_a_class(self, app: Flask, signer: JWTSigner) -> None:
        class Orders(MethodView):
            def get(self) -> str:
                return view()

            @signer.require(scopes=["write"])
            def post(self) -> str:
                return view()

        app.add_url_rule("/", view_func=Orders.as_view("orders"))
        assert app.test_client().get("/", headers=bearer()).status_code == 200
        assert is_refused(app.test_client().post("/", headers=bearer()), 403)

    def test_on_an_async_view(self, app: Flask, signer: JWTSigner) -> None:
        require_module("asgiref")

        @app.route("/")
        @signer.require(scopes=["a"])
        async def orders() -> str:
            return view()

        assert app.test_client().get("/", headers=bearer(scope="a")).status_code == 200
        assert is_refused(app.test_client().get("/", headers=bearer()), 403)

    @pytest.mark.parametrize("scopes", [[], [""], [" "], ["a", ""]])
    def test_no_empty_demands(self, signer: JWTSigner, scopes: list[str]) -> None:
        with pytest.raises(ValueError, match="scopes"):
            signer.require(scopes=scopes)

    def test_one_text_is_one_element(self, app: Flask, signer: JWTSigner) -> None:
        app.add_url_rule("/", view_func=signer.require(scopes="read write")(copy_of_view()))
        assert app.test_client().get("/", headers=bearer(scope="read write")).status_code == 200
        assert app.test_client().get("/", headers=bearer(scope="read")).status_code == 403


def test_observers_hear_the_name_of_the_policy() -> None:
    heard: list[tuple[str, str]] = []
    signer = JWTSigner(transport=ISSUER, observers=[lambda event: heard.append((event.policy, event.reason))])
    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {"default": SETTINGS, "partners": PARTNERS}
    signer.init_app(app)
    app.add_url_rule("/", "open", copy_of_view())
    app.add_url_rule("/partners", "partners", signer.policy("partners")(copy_of_view()))
    client, as_anybody = app.test_client(), bearer()
    for path, headers in (("/", as_anybody), ("/", as_anybody), ("/", {}), ("/partners", as_anybody)):
        client.get(path, headers=headers)
    assert heard == [
        ("default", "accepted"),
        ("default", "accepted"),
        ("default", "token_missing"),
        ("partners", "token_missing"),
    ]
