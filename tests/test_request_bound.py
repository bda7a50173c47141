"""Request-bound tokens beyond the conformance table: bodies that are handed on, and services behind."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Plain
from conformance.asgi import scope_of
from conformance.case import HOST, NOW
from conformance.cases_request import digest
from conformance.keys import jwks
from conformance.tokens import render, token
from conformance.wsgi import environ_of
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.bodies import TOO_LONG, digest_of, take_from_environ, take_from_receive
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.messages import claims_in
from jwt_signer_mw.verifier import Verifier
from jwt_signer_mw.wire import dump_json
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_signing_algorithm": "ES256",
    "access_token_upstream_request": ["method", "body"],
    "channel_token_optional": True,
}
STORE = MemoryStore()


class Provider:
    def send(self, _exchange: Exchange) -> Reply:
        return Reply(200, {}, json.dumps(render(jwks("rsa1"))).encode())


def services() -> Any:
    return {"keyset_store": STORE, "transport": Provider(), "clock": FrozenClock(NOW)}


def plain(body: bytes) -> Plain:
    return Plain("POST", "/orders", HOST, (("Authorization", f"Bearer {token()}"),), body)


# Bodies reach the application


def test_a_wsgi_application_reads_the_body_that_was_hashed() -> None:
    seen: list[tuple[bytes, str]] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append((environ["wsgi.input"].read(), environ["HTTP_AUTHORIZATION"]))
        start_response("200 OK", [])
        return [b""]

    environ = environ_of(plain(b"a body" * 1000))
    original = environ["wsgi.input"]
    JWTSignerMiddleware(application, SETTINGS, **services())(environ, lambda *_: None)  # type: ignore[arg-type]
    ((body, header),) = seen
    assert body == b"a body" * 1000
    assert claims_in(header)["request"]["content-digest"] == digest(body)
    assert environ["wsgi.input"] is original, "the server's own environ stays as it is"


def test_an_asgi_application_receives_the_messages_that_were_hashed() -> None:
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in (b"a", b"", b"bc")]
    messages = [*parts, {"type": "http.request", "body": b"d"}, {"type": "http.disconnect"}]
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, _send: Any) -> None:
        seen.append(dict(scope["headers"])[b"authorization"].decode())
        seen.extend([await receive() for _ in range(5)])

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_message: Any) -> None: ...

    middleware = ASGIMiddleware(application, SETTINGS, **services())
    asyncio.run(middleware(scope_of(plain(b"")), receive, send))
    header, *received = seen
    assert b"".join(one.get("body", b"") for one in received) == b"abcd"
    assert received[-1]["type"] == "http.disconnect"
    assert claims_in(header)["request"]["content-digest"] == digest(b"abcd")


def test_a_flask_view_reads_the_form_that_was_hashed() -> None:
    flask = pytest.importorskip("flask")
    flask_jwt_signer = pytest.importorskip("flask_jwt_signer")
    app = flask.Flask(__name__)
    app.config["JWT_SIGNER"] = SETTINGS
    flask_jwt_signer.JWTSigner(app, **services())
    seen: list[Any] = []

    def view() -> str:
        seen.extend([dict(flask.request.form), flask.request.files["paper"].read()])
        said = claims_in(flask.request.headers["Authorization"])["request"]["content-digest"]
        return str(said)

    app.add_url_rule("/orders", view_func=view, methods=["POST"])
    headers = {"Authorization": f"Bearer {token()}"}
    data = {"drink": "coffee", "paper": (BytesIO(b"a file"), "paper.txt")}
    answer = app.test_client().post("/orders", data=data, headers=headers)
    assert (answer.status_code, seen) == (200, [{"drink": "coffee"}, b"a file"])
    assert answer.text != digest(b"")


class Trickle(BytesIO):
    """Gives a byte at a time, as sockets may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 0))


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"CONTENT_LENGTH": "3", "wsgi.input": BytesIO(b"abcdef")}, digest_of(b"abc")),
        ({"CONTENT_LENGTH": "3", "wsgi.input": Trickle(b"abcdef")}, digest_of(b"abc")),
        ({"CONTENT_LENGTH": "3", "wsgi.input": BytesIO(b"ab")}, digest_of(b"ab")),
        ({"CONTENT_LENGTH": "", "wsgi.input": BytesIO(b"abc")}, digest_of(b"")),
        ({"wsgi.input": BytesIO(b"abc")}, digest_of(b"")),
        ({"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(b"abcde")}, TOO_LONG),
        ({"CONTENT_LENGTH": "-1", "wsgi.input": BytesIO(b"abc")}, TOO_LONG),
        ({"CONTENT_LENGTH": "\u0663", "wsgi.input": BytesIO(b"abc")}, TOO_LONG),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"abc")}, TOO_LONG),
        ({"wsgi.input_terminated": True, "wsgi.input": Trickle(b"abcd")}, digest_of(b"abcd")),
        ({"wsgi.input_terminated": True, "wsgi.input": Trickle(b"abcde")}, TOO_LONG),
    ],
)
def test_the_body_in_an_environ(environ: dict[str, Any], expected: bytes) -> None:
    assert take_from_environ(environ, 4) == expected
    if expected != TOO_LONG:
        assert digest_of(environ["wsgi.input"].read()) == expected, "the application reads what was hashed"


def test_no_more_is_received_than_the_limit() -> None:
    asked = []

    async def receive() -> Any:
        asked.append(1)
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    assert asyncio.run(take_from_receive(receive, 25))[0] == TOO_LONG
    assert len(asked) == 3


# A service behind

KEY = generate_key("ES256")


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    (tmp_path / "keys.json").write_bytes(dump_json({"keys": [KEY.public_jwk()]}))
    place = f"file://{tmp_path}/keys.json"
    return Verifier(place, issuer="kong", algorithms="ES256", clock=FrozenClock(NOW))


def made(**said: object) -> str:
    claims = {"iss": "kong", "exp": NOW + 60, **({"request": said} if said else {})}
    return sign_compact(dump_json(claims), KEY, "ES256")


WHOLE = {"method": "POST", "path": "/orders", "query": "a=1", "content-digest": digest(b"body")}


def test_a_service_compares_what_it_gives(verifier: Verifier) -> None:
    assert verifier.verify(made(**WHOLE), method="POST", path="/orders", query="a=1", body=b"body")
    assert verifier.verify(made(**WHOLE), method="POST")
    assert verifier.verify(made(**WHOLE))
    assert verifier.verify_header(f"Bearer {made(**WHOLE)}", path="/orders")
    assert asyncio.run(verifier.averify(made(**WHOLE), body=b"body"))


@pytest.mark.parametrize(
    "given", [{"method": "GET"}, {"path": "/orders/"}, {"query": ""}, {"body": b""}, {"method": "post"}]
)
def test_a_token_for_another_request_is_refused(verifier: Verifier, given: Any) -> None:
    for text in (
        made(**WHOLE),
        made(),
        made(other=1),
        made(method=1, path=[], query=None, **{"content-digest": 1}),
    ):
        with pytest.raises(Refusal) as caught:
            verifier.verify(text, **given)
        assert (caught.value.status, caught.value.code) == (401, "request_mismatch")


def test_a_claim_that_is_no_object_says_nothing(verifier: Verifier) -> None:
    text = sign_compact(dump_json({"iss": "kong", "exp": NOW + 60, "request": "POST"}), KEY, "ES256")
    with pytest.raises(Refusal):
        verifier.verify(text, method="POST")


def test_a_body_is_bytes(verifier: Verifier) -> None:
    with pytest.raises(TypeError):
        verifier.verify(made(**WHOLE), body="body")  # type: ignore[arg-type]
