"""Attack cases JWK and NET: what key sets hold, and how they are fetched. All through WSGI and ASGI."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from conformance.case import NOW, Answer, Provider
from conformance.keys import Jwk, jwks, signing
from conformance.tokens import segment
from conformance.tokens import token as make_token
from jwt_signer_mw import ConfigurationError
from system import GOOD, INTROSPECTING, MAIN, OPAQUE, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from providers.certificates import Certificates
    from system import Gates

FORGED = token({"sub": "mallory"}, key="p256-forged", header={"kid": "p256"})


def document(text: str | bytes) -> Provider:
    return Provider({"/jwks": Answer(text.encode() if isinstance(text, str) else text)})


NO_SETS = {
    "empty": "",
    "white space": " \n",
    "an object without keys": "{}",
    "keys that are no list": '{"keys":{}}',
    "keys null": '{"keys":null}',
    "an HTML page": "<html><body>Maintenance</body></html>",
    "a number": "5",
    "nested 5,000 lists deep": "[" * 5000 + "]" * 5000,
    "nested inside keys": '{"keys":' + "[" * 5000 + "]" * 5000 + "}",
    "nested inside a key": '{"keys":[{"kty":"EC","x":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]}",
    "UTF-16": '{"keys":[]}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"keys":[]}',
    "cut off": '{"keys":[{"kty":"EC","crv"',
    "two documents": '{"keys":[]}{"keys":[]}',
    "keys twice": '{"keys":[],"keys":[]}',
    "not a number": '{"keys":[],"x":NaN}',
}


@pytest.mark.rule("S3", "S24", "S25")
@pytest.mark.attack("JWK-01", "JWK-02", "JWK-04", "JWK-22")
@pytest.mark.parametrize("text", NO_SETS.values(), ids=NO_SETS)
def test_what_is_no_key_set_is_a_failed_fetch(gates: Gates, text: str | bytes) -> None:
    """Decision 25: 503 with nothing in memory; with an older set that one serves on, and others get 401."""
    cold = gates.open(provider=document(text))
    outcome = cold.send(GOOD)
    assert outcome.status == 503
    assert int(dict(outcome.headers)["Retry-After" if gates.adapter == "wsgi" else "retry-after"]) >= 1
    assert cold.send(GOOD).status == 503
    assert cold.calls() == 1, "a failed fetch rests"
    cold.clock.now += 31
    cold.answer("/jwks", MAIN)
    assert cold.send(GOOD).status == 200

    warm = gates.open()
    assert warm.send(GOOD).status == 200
    warm.answer("/jwks", Answer(text.encode() if isinstance(text, str) else text))
    assert warm.send(token(key="rsa2", alg="RS256")).status == 401
    assert warm.send(token({"sub": "bob"})).status == 200


@pytest.mark.rule("S7", "S25", "S27")
@pytest.mark.attack("JWK-05", "JWK-26")
@pytest.mark.parametrize("left", [jwks(), jwks("rsa1")], ids=["nothing", "another key"])
def test_a_key_that_was_removed_verifies_no_more(gates: Gates, left: object) -> None:
    """The verdicts that were made with it go as well, and the provider is not stormed."""
    gate = gates.open({"access_token_jwks_uri_rotate_period": 300})
    assert gate.send(GOOD).status == 200
    gate.answer("/jwks", Answer(left))
    gate.clock.now += 250
    assert gate.send(GOOD).status == 200, "remembered, and not yet looked at again"
    gate.clock.now += 51
    late = token({"exp": NOW + 9000})
    for _ in range(3):
        assert gate.send(late).status == 401
    assert gate.send(GOOD).status == 401
    assert gate.calls() <= 3


def pss_like(n: int, message: bytes) -> bytes:
    """With e = 1 the padded hash is its own signature."""
    import hashlib

    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    size = (n.bit_length() + 7) // 8
    return b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info


def numbers(name: str) -> dict[str, Any]:
    return Jwk(name).as_json()


def edwards(name: str = "ed1", **members: object) -> dict[str, object]:
    return Jwk(name, members).as_json()


def test_weak_keys_are_what_they_are_said_to_be() -> None:
    """The sets below hold well-formed JWKs, apart from what is wrong with them."""
    assert numbers("weak1")["kty"] == "RSA"
    assert len(numbers("weak1")["n"]) == 171  # 1024 bits


UNUSABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what the set holds beside a good key, and how the token is made
    "use enc": ({**numbers("p256-x"), "use": "enc"}, {"key": "p256-x"}),
    "use Sig": ({**numbers("p256-x"), "use": "Sig"}, {"key": "p256-x"}),
    "use null": ({**numbers("p256-x"), "use": None}, {"key": "p256-x"}),
    "key_ops encrypt": ({**numbers("p256-x"), "key_ops": ["encrypt"]}, {"key": "p256-x"}),
    "key_ops empty": ({**numbers("p256-x"), "key_ops": []}, {"key": "p256-x"}),
    "key_ops text": ({**numbers("p256-x"), "key_ops": "verify"}, {"key": "p256-x"}),
    "1024 bits": (numbers("weak1"), {"key": "weak1", "alg": "RS256"}),
    "another alg": ({**numbers("rsa-x"), "alg": "RS512"}, {"key": "rsa-x", "alg": "RS256"}),
    "alg of another type": ({**numbers("rsa-x"), "alg": "ES256"}, {"key": "rsa-x", "alg": "RS256"}),
    "alg RSA-OAEP": ({**numbers("rsa-x"), "alg": "RSA-OAEP"}, {"key": "rsa-x", "alg": "RS256"}),
    "P-256 called P-384": ({**numbers("p256-x"), "crv": "P-384"}, {"key": "p256-x"}),
    "P-384 called P-256": ({**numbers("p384-x"), "crv": "P-256"}, {"key": "p384-x", "alg": "ES384"}),
    "off its curve": ({**numbers("p256-x"), "y": numbers("p256-y")["y"]}, {"key": "p256-x"}),
    "the point 0, 0": ({**numbers("p256-x"), "x": "A" * 43, "y": "A" * 43}, {"key": "p256-x"}),
    "kty RSA of an EC key": ({**numbers("p256-x"), "kty": "RSA"}, {"key": "p256-x"}),
    "kty ec": ({**numbers("p256-x"), "kty": "ec"}, {"key": "p256-x"}),
    "kty list": ({**numbers("p256-x"), "kty": ["EC"]}, {"key": "p256-x"}),
    "kid of another type": ({**numbers("p256-x"), "kid": 5}, {"key": "p256-x"}),
    "kid in another case": ({**numbers("p256-x"), "kid": "P256-X"}, {"key": "p256-x"}),
    "kid with a blank": ({**numbers("p256-x"), "kid": "p256-x "}, {"key": "p256-x"}),
    "x padded": ({**numbers("p256-x"), "x": numbers("p256-x")["x"] + "="}, {"key": "p256-x"}),
    "an Edwards point of small order": (
        edwards("ed-x", x=segment(bytes(32))),
        {"key": "ed-x", "alg": "EdDSA"},
    ),
    "Ed25519 called X25519": (edwards("ed-x", crv="X25519"), {"key": "ed-x", "alg": "EdDSA"}),
}


@pytest.mark.rule("S8")
@pytest.mark.attack("JWK-08", "JWK-10", "JWK-11", "JWK-13", "JWK-14")
@pytest.mark.parametrize("member, made", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_key_is_skipped_alone(gates: Gates, member: dict[str, Any], made: dict[str, Any]) -> None:
    """The token that it signed is refused, wherever it stands; the rest of the set works."""
    for keys in (jwks(member, "p256"), jwks("p256", member)):
        gate = gates.open(provider=Provider({"/jwks": Answer(keys)}))
        assert gate.send(token(**made)).status == 401
        assert gate.send(GOOD).status == 200


@pytest.mark.rule("S8")
@pytest.mark.attack("JWK-07")
@pytest.mark.parametrize("e", ["AQ", "AA", "Ag", "Aw" * 30], ids=["1", "0", "2", "huge"])
def test_an_rsa_key_with_a_bad_exponent(gates: Gates, e: str) -> None:
    weak = {**numbers("rsa-x"), "e": e}
    n = int.from_bytes(base64.urlsafe_b64decode(weak["n"] + "=="))
    honest = token(key="rsa-x", alg="RS256").compact()
    signed = honest.rpartition(".")[0]
    gate = gates.open(provider=Provider({"/jwks": Answer(jwks(weak, "p256"))}))
    assert gate.send(f"{signed}.{segment(pss_like(n, signed.encode()))}").status == 401
    assert gate.send(honest).status == 401


@pytest.mark.rule("S8")
@pytest.mark.attack("JWK-16")
@pytest.mark.parametrize("reverse", [False, True])
def test_two_keys_with_one_kid_are_both_refused(
    gates: Gates, reverse: bool, caplog: pytest.LogCaptureFixture
) -> None:
    other = Jwk("p256-forged", {"kid": "p256"})
    members = [Jwk("p256"), other]
    keys = [one.as_json() for one in (reversed(members) if reverse else members)]
    gate = gates.open(provider=Provider({"/jwks": Answer({"keys": [*keys, Jwk("rsa1").as_json()]})}))
    assert gate.send(FORGED).status == 401
    assert gate.send(GOOD).status == 401
    assert gate.send(token(key="rsa1", alg="RS256")).status == 200
    assert "keys[0]" in caplog.text


@pytest.mark.rule("S8")
@pytest.mark.attack("JWK-16")
def test_a_broken_double_leaves_doubt(gates: Gates) -> None:
    """Whether it says what it is for or not: which of the two is the provider's?"""
    for more in ({}, {"use": "sig"}):
        broken = {"kid": "p256", "kty": "EC", "crv": "P-256", "x": "!", "y": "!", **more}
        gate = gates.open(provider=Provider({"/jwks": Answer({"keys": [broken, Jwk("p256").as_json()]})}))
        assert gate.send(GOOD).status == 401


@pytest.mark.rule("S6", "S7")
@pytest.mark.attack("JWK-17", "JWK-19")
@pytest.mark.parametrize("k", [None, ""], ids=["a good secret", "an empty one"])
def test_secrets_from_the_network_are_no_keys(gates: Gates, k: str | None) -> None:
    """Even where HS* is on; one in a local file is a key, unless it is empty."""
    secret = Jwk("oct1", {} if k is None else {"k": k}).as_json()
    keys = Answer({"keys": [secret, Jwk("p256").as_json()]})
    gate = gates.open({"enable_hs_signatures": True}, Provider({"/jwks": keys}))
    forged = token(key="oct1", alg="HS256")
    if k is not None:
        import hashlib
        import hmac

        text = forged.compact().rpartition(".")[0]
        assert gate.send(f"{text}.{segment(hmac.digest(b'', text.encode(), hashlib.sha256))}").status == 401
    assert gate.send(forged).status == 401
    assert gate.send(GOOD).status == 200


@pytest.mark.rule("S8", "S29")
@pytest.mark.attack("JWK-20")
def test_private_halves_of_a_fetched_set_are_left_behind(
    gates: Gates, caplog: pytest.LogCaptureFixture
) -> None:
    private = Jwk("p256", private=True).as_json()
    gate = gates.open({"admin_token": "s" * 20}, Provider({"/jwks": Answer({"keys": [private]})}))
    assert gate.send(GOOD).status == 200
    from urllib.parse import quote

    from conformance.adapter import Plain

    name = quote(f"{gate.places['$IDP']}/jwks", safe="")
    shown = gate.runner.ask(Plain("GET", f"/jwt-signer/jwks/{name}", "api.example", ()))
    assert shown.status == 200
    assert str(private["d"]) not in shown.body.decode() + caplog.text
    assert '"d"' not in shown.body.decode()
    assert "private" in caplog.text, "the operator of the provider should hear of it"


@pytest.mark.rule("S3", "S8")
@pytest.mark.attack("JWK-23")
def test_a_key_that_repeats_a_member_is_refused_alone(gates: Gates) -> None:
    twice = json.dumps(numbers("rsa-x"))[:-1] + f', "n": "{numbers("rsa-y")["n"]}"}}'
    gate = gates.open(provider=document(f'{{"keys":[{twice},{json.dumps(numbers("p256"))}]}}'))
    for key in ("rsa-x", "rsa-y"):
        assert gate.send(token(key=key, alg="RS256", header={"kid": "rsa-x"})).status == 401
    assert gate.send(GOOD).status == 200


# NET ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-01", "NET-02", "NET-05")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to", ["$IDP/elsewhere", "$IDP/jwks", "http://169.254.169.254/", "file:///etc/passwd"]
)
def test_redirects_are_not_followed(gates: Gates, status: int, to: str) -> None:
    gate = gates.open()
    location = to.replace("$IDP", gate.places["$IDP"])
    gate.answer("/jwks", Answer(jwks("p256"), status, {"Location": location}))
    gate.answer("/elsewhere", MAIN)
    assert gate.send(GOOD).status == 503
    assert gate.site.counts() == {"/jwks": 1}


@pytest.mark.rule("S24")
@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
def test_nothing_but_a_200_is_a_key_set(gates: Gates, status: int) -> None:
    gate = gates.open()
    gate.answer("/jwks", Answer(b"" if status in (204, 304) else jwks("p256"), status))
    assert gate.send(GOOD).status == 503


@pytest.mark.rule("S24", "S26")
@pytest.mark.attack("NET-04")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_is_never_sent_on(gates: Gates, status: int) -> None:
    gate = gates.open(INTROSPECTING)
    to = {"Location": gate.places["$IDP"] + "/elsewhere"}
    gate.answer("/introspect", Answer(b'{"active":true}', status, to))
    assert gate.send(OPAQUE).status == 401
    assert set(gate.site.counts()) == {"/introspect"}


class Endless:
    """A server that answers every connection with these bytes, again and again until the client leaves."""

    def __init__(self, head: bytes, chunk: bytes, pause: float = 0.0) -> None:
        self._head, self._chunk, self._pause = head, chunk, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/jwks"
        self.sent = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(65536)
                    connection.sendall(self._head)
                    while self.sent < 1 << 30:
                        connection.sendall(self._chunk)
                        self.sent += len(self._chunk)
                        time.sleep(self._pause)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def endless() -> Iterator[Callable[..., Endless]]:
    opened: list[Endless] = []

    def start(*arguments: Any, **more: Any) -> Endless:
        opened.append(Endless(*arguments, **more))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def bomb(megabytes: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
    return packed.getvalue()


HEADS = {
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536, 0.0),
    "endless chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + b" " * 65536 + b"\r\n",
        0.0,
    ),
    "endless head": (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 4000 + b"\r\n", 0.0),
    "endless status lines": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.0),
    "a byte now and then": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", 0.05),
    "a head in drops": (b"HTTP/1.1 200 OK\r\n", b"X", 0.05),
    "a gzip bomb": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + bomb(256),
        b"",
        0.2,
    ),
}


@pytest.mark.rule("S24", "S33")
@pytest.mark.attack("NET-07", "NET-08")
@pytest.mark.parametrize("head, chunk, pause", HEADS.values(), ids=HEADS)
def test_a_body_is_read_to_the_cap_and_to_the_time_limit(
    gates: Gates, endless: Callable[..., Endless], head: bytes, chunk: bytes, pause: float
) -> None:
    server = endless(head, chunk, pause=pause)
    gate = gates.open({"access_token_jwks_uri": server.url, "http_timeout": 700})
    start = time.monotonic()
    assert gate.send(GOOD).status == 503
    assert time.monotonic() - start < 3
    assert server.sent < 64 << 20


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-10")
@pytest.mark.parametrize("media_type", ["text/html", "application/octet-stream", "application/jwk-set+json"])
def test_the_content_type_of_a_key_set_does_not_matter(gates: Gates, media_type: str) -> None:
    keys = Answer(jwks("p256"), headers={"Content-Type": media_type})
    assert gates.open(provider=Provider({"/jwks": keys})).send(GOOD).status == 200


@pytest.mark.rule("S24", "S25")
@pytest.mark.attack("NET-11", "NET-20")
def test_a_provider_that_comes_back_is_found_again(gates: Gates) -> None:
    """Refused connections, then a server under the same address, without a restart of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gate = gates.open({"access_token_jwks_uri": f"http://127.0.0.1:{port}/jwks"})
    assert gate.send(GOOD).status == 503
    gate.clock.now += 31
    body = json.dumps(jwks("p256").as_json()).encode()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head + body)

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        assert gate.send(GOOD).status == 200


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-11")
@pytest.mark.parametrize("url", ["https://nowhere.invalid/jwks", "http://[::1]:1/jwks", "$TLS/jwks"])
def test_unreachable_or_untrusted_providers_fail_closed(gates: Gates, url: str) -> None:
    gate = gates.open({"access_token_jwks_uri": url})
    assert gate.send(GOOD).status == 503
    assert gate.calls() == 0


@pytest.mark.rule("S24", "S32")
@pytest.mark.attack("NET-14")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://idp.example/jwks",
        "data:application/json,{}",
        "gopher://idp.example/jwks",
        "jar:file:///x!/y",
        "javascript:1",
        "//idp.example/jwks",
        "idp.example/jwks",
        "http:/idp.example/jwks",
        "http://",
        "https:///jwks",
        "https://user:pass@idp.example/jwks",
        "https://idp.example:99999/jwks",
        "https://idp.example/jwks\r\nX: y",
        "https://idp.example/ jwks",
        "file://other-host/etc/passwd",
        "unix:///run/idp.sock",
        "",
        "  ",
    ],
)
def test_other_schemes_are_refused_at_construction(gates: Gates, url: str) -> None:
    with pytest.raises(ConfigurationError):
        gates.open({"access_token_jwks_uri": url})
    if url:
        with pytest.raises(ConfigurationError):
            gates.open({"access_token_introspection_endpoint": url})


@pytest.mark.rule("S24", "S32")
@pytest.mark.attack("NET-14")
def test_a_file_that_is_no_key_set_is_read_and_never_shown(gates: Gates) -> None:
    """Decision: `file:///` is allowed in the settings (not in a token); what is no key set helps nobody."""
    gate = gates.open({"access_token_jwks_uri": "file:///etc/passwd"})
    outcome = gate.send(GOOD)
    assert outcome.status == 503
    assert "root" not in outcome.body.decode()
    with pytest.raises(ConfigurationError):
        gates.open({"access_token_introspection_endpoint": "file:///etc/passwd"})


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-16")
@pytest.mark.advisory("CVE-2016-1000110")
def test_a_clients_proxy_header_and_the_environment_change_no_route(
    gates: Gates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    gate = gates.open()
    assert gate.send(GOOD, ("Proxy", "http://127.0.0.1:1")).status == 200


@pytest.mark.rule("S7", "S25", "S33")
@pytest.mark.attack("NET-17", "NET-19", "NET-29")
@pytest.mark.advisory("PYSEC-2026-177", "CVE-2026-89313")
def test_a_flood_of_unknown_kids_costs_one_fetch_and_nobody_else(gates: Gates) -> None:
    """Every answer is 401, the only key of the set is not used in place of an unknown one, the good pass."""
    gate = gates.open(provider=Provider({"/jwks": Answer(jwks("p256"))}))
    assert gate.send(GOOD).status == 200
    signed = make_token(key="p256", alg="ES256", header={"kid": "KID"}).compact()
    head = json.dumps({"alg": "ES256", "kid": "KID", "typ": "JWT"}).encode()
    times: list[float] = []
    for number in range(300):
        forged = signed.replace(signed.split(".")[0], segment(head.replace(b"KID", b"k%d" % number)), 1)
        start = time.perf_counter()
        assert gate.send(forged).status == 401
        times.append(time.perf_counter() - start)
        if number % 50 == 0:
            assert gate.send(token({"jti": str(number)})).status == 200
    assert gate.calls() == 2, "the first one, and one reload"
    assert sorted(times)[int(len(times) * 0.95)] < 0.05


@pytest.mark.rule("S25")
@pytest.mark.attack("NET-20")
def test_a_new_key_inside_the_cool_down_is_found_after_it(gates: Gates) -> None:
    gate = gates.open(provider=Provider({"/jwks": Answer(jwks("p256"))}))
    assert gate.send(GOOD).status == 200
    assert gate.send(token(key="rsa2", alg="RS256")).status == 401  # uses the reload up
    fresh = token(key="rsa1", alg="RS256")
    gate.answer("/jwks", Answer(jwks("p256", "rsa1")))
    assert gate.send(fresh).status == 401
    gate.clock.now += 31
    assert gate.send(fresh).status == 200
    assert gate.calls() == 3


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-25")
def test_cookies_are_not_sent_back(gates: Gates) -> None:
    keys = Answer(jwks("p256"), headers={"Set-Cookie": "session=1; Path=/"})
    gate = gates.open({"access_token_jwks_uri_rotate_period": 60}, Provider({"/jwks": keys}))
    assert gate.send(GOOD).status == 200
    gate.clock.now += 61
    assert gate.send(token({"jti": "2"})).status == 200
    assert [call.headers.get("cookie") for call in gate.site.calls["/jwks"]] == [None, None]


@pytest.mark.rule("S24", "S26", "S33")
@pytest.mark.attack("NET-26")
def test_two_tries_of_a_hanging_endpoint_end_in_time(gates: Gates) -> None:
    gate = gates.open({**INTROSPECTING, "access_token_introspection_timeout": 200})
    gate.answer("/introspect", Answer(b"{}", delay=1.5))
    start = time.monotonic()
    assert gate.send(OPAQUE).status == 503
    assert time.monotonic() - start < 0.8  # two tries of 0.2 s, and the machine's other work


@pytest.mark.rule("S24")
@pytest.mark.attack("NET-11")
@pytest.mark.parametrize("which", ["expired", "wrong_host", "untrusted"])
def test_certificates_are_verified(
    gates: Gates, which: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(getattr(certificates, which).bundle)
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as secured:
                    heard.append(secured.recv(100))
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"https://localhost:{listener.getsockname()[1]}/jwks"
    gate = gates.open({"access_token_jwks_uri": url})
    assert gate.send(GOOD).status == 503
    listener.close()
    assert [one for one in heard if one] == [], "a request was sent to a server that nobody trusts"


@pytest.mark.rule("S6", "S8", "S29")
@pytest.mark.attack("JWK-28", "SGN-11", "JWK-25")
@pytest.mark.parametrize(
    "jwk",
    [
        {**signing("p256", "ES256").as_json(), "d": signing("p256-y", "ES256").as_json()["d"]},
        {**signing("p256", "ES256").as_json(), "x": numbers("p256-y")["x"], "y": numbers("p256-y")["y"]},
        {"kty": "oct", "kid": "o", "k": segment(b"12345")},
        {"kty": "oct", "kid": "o", "k": ""},
        {"kty": "oct", "kid": "o", "k": segment(b"x" * 31)},
    ],
    ids=["another d", "another point", "five bytes", "empty", "31 bytes"],
)
def test_a_signing_key_that_is_not_sound_signs_nothing(
    gates: Gates, tmp_path: Path, jwk: dict[str, Any]
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk]}))
    alg = "HS256" if jwk["kty"] == "oct" else "ES256"
    gate = gates.open({"access_token_keyset": file.as_uri(), "access_token_signing_algorithm": alg})
    assert gate.send(GOOD).status == 500
