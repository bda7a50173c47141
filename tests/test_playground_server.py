"""Who may ask the playground's server, and what it never answers."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import http.client
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

from jwt_signer_mw.demo.playground.server import MAX_BODY
from playgrounds import Playground, opened

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


def test_every_answer_has_the_headers(playground: Playground) -> None:
    for answer in (
        playground.get(""),
        playground.get("main.js"),
        playground.get("no"),
        playground.post("no", {}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "", "[::1]:80"])
@pytest.mark.parametrize("method, path", [("GET", "/"), ("POST", "/ask/stage")])
def test_another_host_is_refused(host: str, method: str, path: str, playground: Playground) -> None:
    """DNS rebinding: a name of somebody else's that leads to us."""
    connection = http.client.HTTPConnection(urlsplit(playground.url).netloc, timeout=10)
    headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, b"127.0.0.1 only" in answer.read()) == (421, True)
    connection.close()


def test_localhost_is_us(playground: Playground) -> None:
    port = urlsplit(playground.url).port
    assert playground.get("", Host=f"localhost:{port}").status_code == 200
    ours = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert playground.post("stage", {}, **ours).status_code == 200
    assert playground.post("stage", {}, Host=f"localhost:{port}").status_code == 403


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_another_page_is_refused(headers: dict[str, str], status: int, playground: Playground) -> None:
    assert playground.post("provider", {"provider": "access", "do": "stop"}, **headers).status_code == status
    assert playground.providers.access.down is False


def test_without_origin(playground: Playground) -> None:
    connection = http.client.HTTPConnection(urlsplit(playground.url).netloc, timeout=10)
    connection.request("POST", "/ask/stage", b"{}", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize(
    "body, headers, status",
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"a": 1, "a": 2}', {}, 400),
        (b"[" * 9000, {}, 400),
        (b"\xff", {}, 400),
        (b"{}", {"Content-Length": str(MAX_BODY + 1)}, 413),
        (b"2\r\n{}\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}, 413),
    ],
)
def test_odd_bodies(body: bytes, headers: dict[str, str], status: int, playground: Playground) -> None:
    connection = http.client.HTTPConnection(urlsplit(playground.url).netloc, timeout=10)
    ours = {"Origin": playground.origin, "Content-Type": "application/json"}
    connection.request("POST", "/ask/stage", body, ours | headers)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize(
    "path",
    ["../server.py", "static/main.js", "..%2fserver.py", "%2e%2e/__init__.py", "main.js/", "etc/passwd", "."],
)
def test_only_its_own_files(path: str, playground: Playground) -> None:
    connection = http.client.HTTPConnection(urlsplit(playground.url).netloc, timeout=10)
    connection.request("GET", f"/{path}")
    assert connection.getresponse().status == 404
    connection.close()


def test_methods(playground: Playground) -> None:
    assert playground.get("", "HEAD").text == ""
    assert playground.get("", "PUT").status_code == 405
    assert playground.get("ask/stage").status_code == 404


def test_nobody_sees_a_traceback(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Exception):
        pass

    def check_host(_: object) -> None:
        raise Broken("secret detail")

    monkeypatch.setattr("jwt_signer_mw.demo.playground.server.check_host", check_host)
    answer = playground.get("")
    assert (answer.status_code, list(answer.json())) == (500, ["problem"])
    assert "secret" not in answer.text


def test_the_page_loads_nothing_from_outside(playground: Playground) -> None:
    """And has no script or style in itself, which its policy would not let run."""
    for file in files("jwt_signer_mw.demo.playground").joinpath("static").iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        outside = [
            one for one in ("://", "//cdn", "@import", "innerHTML", " style=", "<style") if one in text
        ]
        assert outside == (["://"] if file.name == "world.js" else []), file.name  # an origin is shortened
    page = playground.get("").text
    assert page.count("<script") == page.count('<script type="module" src="main.js">') == 1
