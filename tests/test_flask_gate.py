"""What a request meets on its way to a view, and what a refusal meets on its way back."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("flask", "flask_cors")

from flask import (
    Flask,
    Response,
    g,
    request,
    request_started,
    send_file,
    stream_with_context,
)
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_app import FORGED, ISSUER, SETTINGS, bearer, claims_of, is_refused, make_app
from flask_jwt_signer import (
    JWTSigner,
    TokenForbidden,
    TokenUnauthorized,
    current_consumer,
    current_identity,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def app() -> Flask:
    """Its one view tells what it sees."""
    app = make_app()

    @app.route("/")
    def index() -> dict[str, Any]:
        return {"headers": dict(request.headers), "g": g.get("seen")}

    return app


class TestOnTheWayIn:
    def test_the_view_sees_the_new_token_and_nothing_forged(self, app: Flask) -> None:
        seen = app.test_client().get("/", headers=bearer() | FORGED | {"X-Other": "1"}).get_json()["headers"]
        claims = claims_of(seen.pop("Authorization"))
        assert (claims["iss"], claims["original_iss"]) == ("kong", "https://issuer.example")
        assert claims["sub"] == "alice"
        assert {name for name in seen if name.startswith("X")} == {"X-Other"}

    def test_hooks_see_the_rewritten_request_even_if_they_were_registered_before(self) -> None:
        app = Flask(__name__)
        seen: list[str | None] = []
        app.before_request(lambda: seen.append(request.headers.get("Authorization")))
        JWTSigner(app, transport=ISSUER, **SETTINGS)
        app.before_request(lambda: seen.append(request.headers.get("Authorization")))
        headers = bearer()
        app.test_client().get("/", headers=headers)
        assert [claims_of(header)["iss"] for header in seen] == ["kong", "kong"]
        app.test_client().get("/")
        assert len(seen) == 2, "a refused request meets no hook"

    def test_what_runs_before_the_check_sees_no_token(self) -> None:
        """A session interface, `request_started`, a hook in front of ours, and middlewares inside."""
        seen: dict[str, dict[str, str]] = {}

        class Sessions(SecureCookieSessionInterface):
            def open_session(self, app: Flask, request: Any) -> Any:
                seen["session"] = dict(request.headers)
                return super().open_session(app, request)

        app = Flask(__name__)
        app.session_interface = Sessions()
        inner = app.wsgi_app

        def middleware(environ: dict[str, Any], start_response: Any) -> Any:
            seen["middleware"] = {key: "" for key in environ if key.startswith("HTTP_")}
            return inner(environ, start_response)

        app.wsgi_app = middleware  # type: ignore[method-assign]
        JWTSigner(app, transport=ISSUER, **SETTINGS)
        app.before_request_funcs[None].insert(0, lambda: seen.update(hook=dict(request.headers)))

        def started(sender: Flask, **_: Any) -> None:
            seen["started"] = dict(request.headers)

        with request_started.connected_to(started, app):
            app.test_client().get("/", headers=bearer() | FORGED | {"X-Other": "1"})
        assert set(seen) == {"session", "middleware", "hook", "started"}
        for headers in seen.values():
            names = " ".join(headers).lower().replace("_", "-")
            assert "x-other" in names
            assert not [name for name in ("authorization", "consumer", "credential") if name in names]

    def test_the_environ_of_the_server_stays_as_it_is(self, app: Flask) -> None:
        builder = app.test_client()
        environ = {"HTTP_AUTHORIZATION": bearer()["Authorization"], "HTTP_X_CONSUMER_ID": "admin"}
        before = dict(environ)
        assert builder.get("/", environ_overrides=environ).status_code == 200
        assert environ == before

    def test_a_debugger_that_prints_the_environ_shows_no_token(self, app: Flask) -> None:
        app.add_url_rule("/environ", view_func=lambda: repr(request.environ))
        headers = bearer()
        text = app.test_client().get("/environ", headers=headers).text
        assert "HTTP_AUTHORIZATION" in text
        assert headers["Authorization"].split(".")[2] not in text

    def test_a_context_pushed_by_hand(self, app: Flask) -> None:
        with app.test_request_context("/", headers=bearer() | FORGED):
            assert app.preprocess_request() is None
            assert claims_of(request.headers["Authorization"])["sub"] == "alice"
            assert "X-Consumer-ID" not in request.headers
        with app.test_request_context("/"), pytest.raises(TokenUnauthorized):
            app.preprocess_request()

    def test_behind_a_proxy(self) -> None:
        """Whichever is wrapped first: the realm is the host that the proxy was asked for."""
        for before in (True, False):
            app = Flask(__name__)
            if before:
                app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
            JWTSigner(app, transport=ISSUER, **SETTINGS)
            if not before:
                app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
            answer = app.test_client().get("/", headers={"X-Forwarded-Host": "public.example"})
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="public.example"'


class TestDefaultDeny:
    @pytest.mark.parametrize("path", ["/nowhere", "/static/app.css", "/folder", "/only-post", "/"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
    def test_nothing_is_told_without_a_token(self, app: Flask, path: str, method: str) -> None:
        app.add_url_rule("/folder/", endpoint="folder", view_func=lambda: "")
        app.add_url_rule("/only-post", endpoint="post", view_func=lambda: "", methods=["POST"])
        assert is_refused(app.test_client().open(path, method=method))

    def test_a_good_token_gets_what_flask_answers(self, app: Flask) -> None:
        app.add_url_rule("/folder/", endpoint="folder", view_func=lambda: "")
        app.add_url_rule("/only-post", endpoint="post", view_func=lambda: "", methods=["POST"])
        client = app.test_client()
        paths = {"/nowhere": 404, "/static/app.css": 404, "/folder": 308, "/only-post": 405}
        assert {path: client.get(path, headers=bearer()).status_code for path in paths} == paths
        assert client.options("/", headers=bearer()).headers["Allow"]

    def test_static_files_can_be_exempt(self, tmp_path: Any) -> None:
        (tmp_path / "app.css").write_text("body {}")
        app = Flask(__name__, static_folder=tmp_path, static_url_path="/static")
        JWTSigner(app, transport=ISSUER, exempt_paths=["/static/*"], **SETTINGS)
        with app.test_client().get("/static/app.css") as answer:
            assert answer.data == b"body {}"
        assert is_refused(app.test_client().get("/static/../static/app.css"))


class TestResponses:
    def test_streaming_with_context(self, app: Flask) -> None:
        def pieces() -> Iterator[str]:
            for _ in range(2):
                assert current_identity.access_token is not None
                yield current_identity.access_token.claims["sub"]

        app.add_url_rule("/stream", view_func=lambda: Response(stream_with_context(pieces())))
        assert app.test_client().get("/stream", headers=bearer()).text == "alicealice"

    def test_streaming_without_it_has_to_take_the_identity_along(self, app: Flask) -> None:
        def pieces(identity: Any) -> Iterator[str]:
            yield identity.access_token.claims["sub"]

        def view() -> Response:
            return Response(pieces(current_identity._get_current_object()))  # type: ignore[attr-defined]

        app.add_url_rule("/stream", view_func=view)
        assert app.test_client().get("/stream", headers=bearer()).text == "alice"

    def test_a_file(self, app: Flask) -> None:
        app.add_url_rule("/file", view_func=lambda: send_file(__file__))
        with app.test_client().get("/file", headers=bearer()) as answer:
            assert answer.data.startswith(b'"""What a request meets')

    def test_an_async_view(self, app: Flask) -> None:
        require_module("asgiref")

        async def view() -> str:
            assert current_identity.access_token is not None
            return str(current_identity.access_token.claims["sub"])

        app.add_url_rule("/async", view_func=view)
        assert app.test_client().get("/async", headers=bearer()).text == "alice"


class TestProxies:
    def test_the_consumer(self) -> None:
        app = make_app(access_token_consumer_claim="sub", consumers=[{"username": "alice", "id": "1"}])
        app.add_url_rule("/", view_func=lambda: f"{current_consumer.id} {request.headers['X-Consumer-ID']}")  # type: ignore[union-attr]
        assert app.test_client().get("/", headers=bearer()).text == "1 1"

    def test_nobody(self) -> None:
        app = make_app(exempt_paths=["/"])
        app.add_url_rule("/", view_func=lambda: f"{current_identity.access_token} {bool(current_consumer)}")
        assert app.test_client().get("/").text == "None False"

    def test_outside_of_a_request(self) -> None:
        with pytest.raises(RuntimeError, match="outside of request context"):
            _ = current_identity.access_token

    def test_a_forbidden_token_is_403(self) -> None:
        app = make_app(access_token_consumer_claim="sub", consumers=[])
        app.register_error_handler(TokenForbidden, lambda _: "not you")
        answer = app.test_client().get("/", headers=bearer())
        assert is_refused(answer, 403)
        assert answer.text == "not you"
