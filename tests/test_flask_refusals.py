"""What a refusal meets on its way back to the client, and how preflights are answered."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

from typing import Any, ClassVar

import pytest

from parts import require_module

require_module("flask", "flask_cors")

from flask import Blueprint, Flask, Response, abort, current_app, render_template_string, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException, Unauthorized

from flask_app import FORGED, ISSUER, SETTINGS, bearer, is_refused, make_app
from flask_jwt_signer import JWTSigner, RequestRefused, TokenUnauthorized


@pytest.fixture
def app() -> Flask:
    app = make_app()
    app.add_url_rule("/", view_func=lambda: "answered")
    return app


class TestRefusals:
    def test_json_by_default(self, app: Flask) -> None:
        answer = app.test_client().get("/")
        assert is_refused(answer)
        assert answer.get_json() == {"message": "Unauthorized"}
        assert int(answer.headers["Content-Length"]) == len(answer.data)

    def test_head_has_no_body(self, app: Flask) -> None:
        answer = app.test_client().head("/")
        assert is_refused(answer)
        assert answer.data == b""

    def test_a_handler_by_status(self, app: Flask) -> None:
        @app.errorhandler(401)
        def page(error: HTTPException) -> str:
            return render_template_string("<h1>{{ name }}</h1>", name=error.name)

        answer = app.test_client().get("/")
        assert (answer.text, answer.mimetype) == ("<h1>Unauthorized</h1>", "text/html")
        assert is_refused(answer), "though the handler returned 200 and no challenge"

    @pytest.mark.parametrize(
        "kind", [RequestRefused, TokenUnauthorized, Unauthorized, HTTPException, Exception]
    )
    def test_a_handler_by_class(self, app: Flask, kind: type[Exception]) -> None:
        app.register_error_handler(kind, lambda error: (type(error).__name__, 418))
        answer = app.test_client().get("/")
        assert answer.text == "TokenUnauthorized"
        assert is_refused(answer)

    def test_a_handler_of_the_blueprint(self, app: Flask) -> None:
        blueprint = Blueprint("shop", __name__, url_prefix="/shop")
        blueprint.add_url_rule("/", view_func=lambda: "")
        blueprint.register_error_handler(401, lambda _: ("of the shop", 401))
        app.register_blueprint(blueprint)
        assert app.test_client().get("/shop/").text == "of the shop"
        assert app.test_client().get("/").get_json() == {"message": "Unauthorized"}

    def test_the_json_handler_of_flasks_documentation(self, app: Flask) -> None:
        @app.errorhandler(HTTPException)
        def as_json(error: HTTPException) -> Any:
            response: Any = error.get_response()
            response.data = current_app.json.dumps({"code": error.code, "name": error.name})
            response.content_type = "application/json"
            return response

        answer = app.test_client().get("/")
        assert is_refused(answer)
        assert answer.get_json() == {"code": 401, "name": "Unauthorized"}

    def test_the_reason_is_for_the_application(self, app: Flask) -> None:
        reasons: list[str] = []

        @app.errorhandler(RequestRefused)
        def note(error: RequestRefused) -> Any:
            reasons.append(error.reason)
            return error

        assert is_refused(app.test_client().get("/", headers=bearer(exp=1)))
        assert is_refused(app.test_client().get("/", headers=bearer(aud="other")), 403)
        assert reasons == ["token_expired", "audience_not_allowed"]

    def test_after_request_runs_and_does_not_undo_it(self, app: Flask) -> None:
        @app.after_request
        def spoil(response: Response) -> Response:
            response.status_code = 200
            response.headers["X-Frame-Options"] = "DENY"
            del response.headers["WWW-Authenticate"]
            return response

        answer = app.test_client().get("/")
        assert is_refused(answer)
        assert answer.headers["X-Frame-Options"] == "DENY"

    def test_a_handler_that_breaks_lets_nobody_in(self, app: Flask) -> None:
        app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
        app.register_error_handler(401, lambda _: str(1 / 0))
        assert is_refused(app.test_client().get("/"))

    def test_no_provider_is_503_with_retry_after(self) -> None:
        app = make_app(access_token_jwks_uri="http://127.0.0.1:1/jwks")
        answer = app.test_client().get("/", headers=bearer())
        assert is_refused(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1

    def test_what_the_application_aborts_is_its_own(self, app: Flask) -> None:
        app.add_url_rule("/abort", "abort", view_func=lambda: abort(401))
        answer = app.test_client().get("/abort", headers=bearer())
        assert answer.status_code == 401
        assert "WWW-Authenticate" not in answer.headers

    def test_an_error_in_a_view_is_flasks(self, app: Flask) -> None:
        app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
        app.add_url_rule("/break", "break", view_func=lambda: str(1 / 0))
        answer = app.test_client().get("/break", headers=bearer())
        assert answer.status_code == 500
        assert "WWW-Authenticate" not in answer.headers


class TestPreflight:
    HEADERS: ClassVar = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}

    def make(self, **options: Any) -> Flask:
        app = Flask(__name__)
        CORS(app, origins="https://app.example", allow_headers=["Authorization"])
        JWTSigner(app, transport=ISSUER, **options, **SETTINGS)
        app.add_url_rule("/", view_func=lambda: "answered")
        app.add_url_rule("/own", endpoint="own", view_func=lambda: "own", methods=["GET", "OPTIONS"])
        return app

    def test_is_refused_by_default(self) -> None:
        assert is_refused(self.make().test_client().options("/", headers=self.HEADERS))

    def test_passes_where_it_is_allowed(self) -> None:
        answer = self.make(allow_preflight=True).test_client().options("/", headers=self.HEADERS)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"

    @pytest.mark.parametrize("missing", HEADERS)
    def test_needs_both_headers(self, missing: str) -> None:
        headers = {name: value for name, value in self.HEADERS.items() if name != missing}
        assert is_refused(self.make(allow_preflight=True).test_client().options("/", headers=headers))

    @pytest.mark.parametrize("method, path", [("OPTIONS", "/own"), ("OPTIONS", "/nowhere"), ("GET", "/")])
    def test_no_view_ever_runs_for_it(self, method: str, path: str) -> None:
        client = self.make(allow_preflight=True).test_client()
        assert is_refused(client.open(path, method=method, headers=self.HEADERS))

    def test_forged_headers_are_removed(self) -> None:
        app = self.make(allow_preflight=True)
        seen: list[dict[str, str]] = []
        app.before_request(lambda: seen.append(dict(request.headers)))
        app.test_client().options("/", headers=self.HEADERS | FORGED | {"Authorization": "Bearer x"})
        assert {"Authorization", *FORGED}.isdisjoint(seen[0])

    def test_a_refusal_carries_the_headers_of_cors(self) -> None:
        """Without them a browser's script could not tell a 401 from a broken connection."""
        answer = self.make().test_client().get("/", headers={"Origin": "https://app.example"})
        assert is_refused(answer)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
