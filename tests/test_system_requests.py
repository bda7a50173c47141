"""Attack cases HTP, SPF and PTH: where a token is read, what is removed and written, and what is exempt."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from asgi_client import Application, call, http_scope, websocket_scope
from asgi_client import bearer as asgi_bearer
from conformance.adapter import Plain
from conformance.case import NOW
from conformance.keys import jwks
from conformance.tokens import Basic
from conformance.wsgi import environ_of
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware
from system import GOOD, INTROSPECTING, OPAQUE, STORE, token

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.adapter import Seen
    from system import Gates

ALICE: dict[str, Any] = {
    "access_token_consumer_claim": ["sub"],
    "consumers": [{"id": "1", "username": "alice", "custom_id": "a-1"}],
}
MAPPED = {"x-consumer-id": "1", "x-consumer-username": "alice", "x-consumer-custom-id": "a-1"}


def header_of(seen: Seen, name: str) -> list[str]:
    return [value for found, value in seen.headers if found == name]


# HTP ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-01")
def test_a_request_without_a_token_gets_a_challenge_without_a_code(gates: Gates) -> None:
    outcome = gates.open().send()
    assert outcome.status == 401
    (challenge,) = [value for name, value in outcome.headers if name.lower() == "www-authenticate"]
    assert challenge == 'Bearer realm="api.example"'


VALUES = {
    "empty": "",
    "a scheme alone": "Bearer",
    "a scheme and a blank": "Bearer ",
    "Basic credentials": "Basic dXNlcjpwYXNz",
    "a tab": "Bearer\t{good}",
    "two blanks": "Bearer  {good}",
    "a blank in front": " Bearer {good}",
    "a no-break space": "Bearer\xa0{good}",
    "a colon": "Bearer:{good}",
    "an equals sign": "Bearer={good}",
    "no blank": "Bearer{good}",
    "no scheme": "{good}",
    "another scheme": "Token {good}",
    "DPoP": "DPoP {good}",
    "JWT": "JWT {good}",
    "twice": "Bearer {good},Bearer {good}",
    "twice with a blank": "Bearer {good}, Bearer {good}",
    "and Basic": "Bearer {good}, Basic eDp5",
    "Basic and it": "Basic eDp5, Bearer {good}",
    "a comma in front": "Bearer ,{good}",
    "a comma behind": "Bearer {good},",
    "parameters": 'Bearer {good}, realm="x"',
    "quoted": 'Bearer "{good}"',
    "Bearer twice": "Bearer Bearer {good}",
    "bytes behind": "Bearer {good}\xe9\xff",
    "bytes alone": "\xe9\xff",
    "a blank behind": "Bearer {good} ",
    "percent-encoded": "Bearer%20{good}",
    "a semicolon": "Bearer {good};",
    "full-width": "\uff22earer {good}".encode().decode("latin-1"),
}


@pytest.mark.rule("S1", "S18")
@pytest.mark.attack("HTP-25", "HTP-02", "HTP-04", "HTP-07", "HTP-08", "HTP-10", "HTP-13", "HTP-23")
@pytest.mark.advisory("CVE-2026-26308")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("header", ["authorization:bearer", "Authorization"])
def test_a_value_that_is_no_bearer_token_is_refused(
    gates: Gates, value: str, optional: bool, header: str
) -> None:
    """Never taken for nothing where the token is optional, but for another scheme in bearer mode."""
    settings = {"access_token_optional": optional, "access_token_request_header": header, **INTROSPECTING}
    gate = gates.open(settings)
    outcome = gate.send(None, ("Authorization", value.format(good=GOOD)))
    another_scheme = header == "authorization:bearer" and value.startswith("Basic ") and "," not in value
    if optional and another_scheme:
        assert outcome.status == 200  # HTP-25: there is no bearer token, and nobody is known
        identity = outcome.seen[0].identity
        assert identity is not None
        assert identity.access_token is None
        assert identity.consumer is None
    else:
        assert outcome.status == 401
    if another_scheme or "good" in value:
        assert gate.calls("/introspect") == 0 or header == "Authorization"


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-05")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("header", ["authorization:bearer", "Authorization"])
def test_a_scheme_has_no_case(gates: Gates, scheme: str, header: str) -> None:
    gate = gates.open({"access_token_request_header": header})
    assert gate.send(None, ("authorization", f"{scheme} {GOOD}")).status == 200


@pytest.mark.rule("S18", "S20")
@pytest.mark.attack("HTP-11")
@pytest.mark.parametrize(
    "value", ["Bearer {good}\r\n folded", "Bearer a\r\n {good}", "Bearer\r\n {good}", "a\0b"]
)
def test_a_folded_value_is_refused(value: str, caplog: pytest.LogCaptureFixture) -> None:
    """As `wsgiref` delivers it: with the line break inside."""
    caplog.set_level("DEBUG")
    middleware = WSGIMiddleware(_never, {"access_token_jwks_uri": "file:///x", **PLAIN}, keyset_store=STORE)
    environ = environ_of(Plain("GET", "/", "x", ()))
    environ["HTTP_AUTHORIZATION"] = value.format(good=GOOD)
    statuses: list[str] = []
    list(middleware(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
    assert statuses == ["401 Unauthorized"]
    for record in caplog.records:
        assert "\n" not in record.getMessage()


PLAIN: dict[str, Any] = {"channel_token_optional": True, "access_token_signing_algorithm": "ES256"}


def _never(*_: object) -> Any:
    raise AssertionError("the application was called")


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-14", "HTP-16", "HTP-17")
@pytest.mark.parametrize(
    "header",
    [
        None,
        ("Cookie", "access_token={good}; Authorization=Bearer {good}"),
        ("X-Access-Token", "{good}"),
        ("X_Authorization", "Bearer {good}"),
        ("X-Authorization", "Bearer {good}"),
        ("Authorization_", "Bearer {good}"),
        ("_Authorization", "Bearer {good}"),
        ("HTTP-Authorization", "Bearer {good}"),
        ("HTTP_AUTHORIZATION", "Bearer {good}"),
        ("Proxy-Authorization", "Bearer {good}"),
        ("X-Forwarded-Authorization", "Bearer {good}"),
        ("Authentication", "Bearer {good}"),
        ("Authorization.", "Bearer {good}"),
        ("Sec-WebSocket-Protocol", "bearer, {good}"),
    ],
    ids=str,
)
def test_a_token_anywhere_else_is_none(gates: Gates, header: tuple[str, str] | None) -> None:
    headers = () if header is None else ((header[0], header[1].format(good=GOOD)),)
    gate = gates.open()
    assert gate.send(None, *headers, target=f"/orders?access_token={GOOD}").status == 401


@pytest.mark.rule("S18", "S19")
@pytest.mark.attack("HTP-19")
@pytest.mark.parametrize("name", ["X-Token", "X_Token", "x.token", "X-TOKEN"])
def test_every_spelling_of_a_token_header_is_taken_away(gates: Gates, name: str) -> None:
    gate = gates.open({"access_token_request_header": "X-Token", "access_token_upstream_header": "X-Up"})
    outcome = gate.send(None, (name, str(GOOD)))
    if outcome.status == 200:
        assert [found for found, _ in outcome.seen[0].headers] == ["x-up"]
    else:
        assert (outcome.status, name) == (401, "x.token") or gates.adapter == "wsgi"
    both = gate.send(None, ("X-Token", str(GOOD)), ("x_token", str(GOOD)))
    assert both.status == 401, "which of the two is it?"


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-20")
@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic eHk",
        "Basic eHk=",
        "Basic /////w==",
        "Basic " + "QUFB" * 40000,
        "Basic OnB3",
        "Basic eDp5 ",
        "Basic\teDp5",
        "Basic eDp5,eDp5",
        "Basic Og==",
        "Basic =",
        "basic eDp5==",
    ],
)
def test_broken_basic_credentials_are_refused(gates: Gates, value: str) -> None:
    settings = {"access_token_request_header": "authorization:basic", **INTROSPECTING}
    for optional in (False, True):
        gate = gates.open({**settings, "access_token_optional": optional})
        assert gate.send(None, ("Authorization", value)).status == 401
        assert gate.calls("/introspect") == 0


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-20")
def test_basic_credentials_carry_a_token(gates: Gates) -> None:
    gate = gates.open({"access_token_request_header": "authorization:basic"})
    assert gate.send(None, ("Authorization", str(Basic(GOOD)))).status == 200
    assert gate.send(None, ("Authorization", f"Basic {GOOD}")).status == 200
    assert gate.send(None, ("Authorization", str(Basic(token({"exp": NOW}))))).status == 401


@pytest.mark.rule("S2", "S33")
@pytest.mark.attack("HTP-22")
def test_five_hundred_headers_take_no_time(gates: Gates) -> None:
    gate = gates.open()
    headers = [(f"X-Filler-{number}", "x" * 100) for number in range(500)]
    assert gate.send(GOOD).status == 200
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        assert gate.send(GOOD, *headers).status == 200
        best = min(best, time.perf_counter() - start)
    assert best < 0.05  # with the test's own validators around it


@pytest.mark.rule("S2", "S33")
@pytest.mark.advisory("CVE-2025-61920", "CVE-2025-30204", "CVE-2025-27144")
@pytest.mark.parametrize(
    "text", ["." * 50_000, "a" * 1_000_000, "a." * 20_000, "e30." * 5000, "." * 1_000_000, "\xe9" * 500_000]
)
def test_long_values_are_refused_at_once(gates: Gates, text: str) -> None:
    gate = gates.open(INTROSPECTING)
    start = time.perf_counter()
    assert gate.send(text).status == 401
    assert time.perf_counter() - start < 0.2
    assert gate.calls("/introspect") == 0


@pytest.mark.rule("S18")
@pytest.mark.attack("HTP-23", "HTP-26")
@pytest.mark.advisory("CVE-2021-21378", "CVE-2025-64527")
def test_an_optional_token_that_is_bad_is_no_absent_one(gates: Gates) -> None:
    gate = gates.open({"access_token_optional": True})
    for value in (token({"exp": NOW}), "opaque", token(key="p256-forged", header={"kid": "p256"}), "a.b.c"):
        assert gate.send(value).status == 401
    assert gate.send().status == 200
    both = gates.open(
        {
            "channel_token_optional": False,
            "channel_token_request_header": "X-Channel",
            "channel_token_jwks_uri": "$IDP/jwks",
        }
    )
    assert both.send(GOOD).status == 401
    assert both.send(None, ("X-Channel", str(GOOD))).status == 401
    assert both.send(GOOD, ("X-Channel", "")).status == 401


@pytest.mark.rule("S31")
@pytest.mark.attack("HTP-28", "LOG-06")
def test_a_challenge_is_quoted_and_tells_nothing_of_the_token(gates: Gates) -> None:
    gate = gates.open({"realm": 'a "quoted" \\ realm'})
    bad = gate.send(token(key="p256-forged", header={"kid": "p256"}, claims={"sub": "secret-subject"}))
    unknown = gate.send(token(header={"kid": "nobody"}))
    foreign = gate.send(token(header={"alg": "RS256"}))
    assert bad.headers == unknown.headers == foreign.headers, "no oracle"
    (challenge,) = [value for name, value in bad.headers if name.lower() == "www-authenticate"]
    assert challenge.startswith('Bearer realm="a \\"quoted\\" \\\\ realm", error="invalid_token"')
    forbidden = gate.send(token({"scope": "x", "sub": "secret-subject"}))
    assert forbidden.status == 403
    assert "secret-subject" not in repr(forbidden)


@pytest.mark.rule("S31")
@pytest.mark.attack("HTP-28")
@pytest.mark.parametrize("host", ['evil", error="x', "a\\", "é", "x" * 3000, "", "[::1", "a:b:c", "a\tb"])
def test_a_host_cannot_break_out_of_the_realm(gates: Gates, host: str) -> None:
    outcome = gates.open().ask_for(Plain("GET", "/", host.encode().decode("latin-1"), ()))
    (challenge,) = [value for name, value in outcome.headers if name.lower() == "www-authenticate"]
    assert challenge.isascii()
    assert challenge.isprintable()
    assert re.sub(r"\\.", "", challenge).count('"') == 2
    assert len(challenge) < 600


@pytest.mark.rule("S19", "S22")
@pytest.mark.attack("HTP-29", "SPF-11", "SPF-25")
@pytest.mark.anyio
@pytest.mark.parametrize("name", [b"Authorization", b"AUTHORIZATION", b"authorization"])
async def test_names_in_any_case_on_asgi(name: bytes, tmp_path: Path) -> None:
    application = Application()
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(jwks("p256").as_json()))
    settings = {"access_token_jwks_uri": keys.as_uri(), **PLAIN, **ALICE}
    middleware = ASGIMiddleware(application, settings, keyset_store=STORE, clock=lambda: NOW)
    scope = http_scope()
    evil = [(b"X-Consumer-ID", b"evil"), (b"x-consumer-id", b"evil"), (b"x_consumer_id", b"evil")]
    scope["headers"] += [(name, f"Bearer {GOOD}".encode()), *evil]
    before = list(scope["headers"])
    assert (await call(middleware, scope)).status == 200
    assert scope["headers"] == before
    seen = application.scope["headers"]
    assert [value for found, value in seen if found.lower().replace(b"_", b"-") == b"x-consumer-id"] == [b"1"]
    assert all(found == found.lower() for found, _ in seen)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# SPF ------------------------------------------------------------------------------------------------

IDENTITY_NAMES = [
    f"X{a}Consumer{b}{end}"
    for a in "-_."
    for b in "-_."
    for end in ("ID", "Username", "Custom-ID", "Custom_ID", "Custom.Id", "Groups", "Anything")
] + ["X-Credential-Identifier", "x_credential_identifier", "X-Anonymous-Consumer", "x.anonymous.consumer"]
FORGED = tuple((name, "evil") for name in IDENTITY_NAMES)


@pytest.mark.rule("S19")
@pytest.mark.attack("SPF-01", "SPF-02", "SPF-04", "SPF-08", "SPF-10", "SPF-23")
@pytest.mark.advisory(
    "CVE-2015-0219", "CVE-2026-3902", "CVE-2025-64484", "CVE-2026-54763", "CVE-2026-88011", "CVE-2026-39858"
)
@pytest.mark.advisory("GHSA-7r4p-vjf4-gxv4", "GHSA-f59h-q822-g45g", "CVE-2026-44087", "CVE-2026-33433")
@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("carries", ["a token", "nothing", "an exempt path"])
def test_no_copy_of_an_identity_header_passes(gates: Gates, mapped: bool, carries: str) -> None:
    settings = {"access_token_optional": True, "exempt_paths": ["/health"], **(ALICE if mapped else {})}
    gate = gates.open(settings)
    target = "/health" if carries == "an exempt path" else "/orders"
    for _ in range(3):
        for value in (GOOD,) if carries == "a token" else (None,):
            seen = gate.seen(value, *FORGED, ("Connection", "X-Consumer-ID, authorization"), target=target)
            assert "evil" not in repr(seen.headers)
            found = {name: header for name, header in seen.headers if name.startswith("x-c")}
            assert found == (MAPPED if mapped and carries == "a token" else {})
            assert ("connection", "X-Consumer-ID, authorization") in seen.headers


@pytest.mark.rule("S19", "S22")
@pytest.mark.attack("SPF-05", "PTH-18", "PTH-19", "PTH-21")
@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "TRACE", "PROPFIND", "get", "FOO", "QUERY", "CONNECT"])
def test_every_method_is_protected(gates: Gates, method: str) -> None:
    """There is no way around for preflights: who wants one exempts its path, or puts CORS in front."""
    gate = gates.open()
    preflight = (
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "GET"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-Method-Override", "OPTIONS"),
    )
    assert gate.send(None, *preflight, method=method, target="/admin?_method=OPTIONS").status == 401


@pytest.mark.rule("S19")
@pytest.mark.attack("SPF-07", "SPF-10")
def test_a_joined_value_in_an_environ_is_replaced(tmp_path: Path) -> None:
    """What `wsgiref`, a2wsgi and Starlette's WSGIMiddleware make of two spellings."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(jwks("p256").as_json()))
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [])
        return [b""]

    settings = {"access_token_jwks_uri": keys.as_uri(), **PLAIN, **ALICE}
    middleware = WSGIMiddleware(application, settings, keyset_store=STORE, clock=lambda: NOW)
    environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer {GOOD}"),)))
    environ |= {"HTTP_X_CONSUMER_ID": "good,evil", "HTTP_X.CONSUMER.ID": "evil", "HTTP_x_consumer_id": "evil"}
    for _ in range(3):
        list(middleware(environ, lambda *_: None))  # type: ignore[arg-type]
    for one in seen:
        assert one["HTTP_X_CONSUMER_ID"] == "1"
        assert "evil" not in {value for value in one.values() if isinstance(value, str)}


@pytest.mark.rule("S19")
@pytest.mark.attack("SPF-13", "SPF-14", "SPF-16")
@pytest.mark.parametrize("signing", [True, False])
def test_no_copy_of_an_output_passes(gates: Gates, signing: bool) -> None:
    names = {
        "access_token_upstream_header": "X-Up",
        "channel_token_upstream_header": "X-Channel-Up",
        "original_access_token_upstream_header": "X-Original",
        "original_channel_token_upstream_header": "X-Channel-Original",
        "channel_token_request_header": "X-Channel",
    }
    gate = gates.open({**names, "access_token_signing": signing, "access_token_optional": True})
    forged = [
        (spelling, "evil")
        for name in ("X-Up", "X-Channel-Up", "X-Original", "X-Channel-Original")
        for spelling in (name, name.replace("-", "_"), name.replace("-", "."), name.upper())
    ]
    seen = gate.seen(GOOD, *forged)
    wanted = {"x-up", "x-original"} if signing else {"x-original"}
    assert {name for name, _ in seen.headers} == wanted
    assert header_of(seen, "x-original") == [str(GOOD)]
    assert "evil" not in repr(seen)
    assert gate.seen(None, *forged).headers == ()


@pytest.mark.rule("S19", "S23")
@pytest.mark.attack("SPF-16", "SPF-17", "SPF-28")
def test_a_token_leaves_by_the_configured_headers_alone(gates: Gates) -> None:
    gate = gates.open({"access_token_upstream_header": "X-Up"})
    outcome = gate.send(GOOD)
    assert [name for name, _ in outcome.seen[0].headers] == ["x-up"]
    new = header_of(outcome.seen[0], "x-up")[0]
    assert new not in repr(outcome.headers) + outcome.body.decode()
    refused = gate.send(token({"exp": NOW}))
    assert refused.seen == ()
    assert not [name for name, _ in refused.headers if name.lower().startswith("x-")]


@pytest.mark.rule("S16", "S20")
@pytest.mark.attack("SPF-19", "SPF-20", "SPF-22")
@pytest.mark.parametrize(
    "username, shown",
    [
        ("Zoë", "Zo%C3%AB"),
        ("漢字", "%E6%BC%A2%E5%AD%97"),
        ("100%", "100%25"),
        ("a b", "a b"),
        ("\U0001f600", "%F0%9F%98%80"),
    ],
)
def test_text_of_all_the_world_is_percent_encoded(gates: Gates, username: str, shown: str) -> None:
    settings = {"access_token_consumer_claim": ["name"], "consumers": [{"id": "1", "username": username}]}
    seen = gates.open(settings).seen(token({"name": username}))
    assert header_of(seen, "x-consumer-username") == [shown]


@pytest.mark.rule("S16", "S20")
@pytest.mark.attack("SPF-20", "SPF-22")
@pytest.mark.parametrize(
    "value",
    [
        "",
        " alice",
        "alice ",
        "alice\x00",
        "alice\r\nX: y",
        "ali\tce",
        "\x7f",
        "x" * 2000,
        ["alice"],
        {"a": "alice"},
        True,
        False,
        1.5,
        0.0,
        -0.0,
        1e300,
        [],
        {},
        "%",
        "*",
        "_",
        "alice\u2028",
        "alice\u200b",
        "ALICE",
        10**2000,
    ],
)
def test_a_value_that_names_nobody_is_forbidden(gates: Gates, value: object) -> None:
    settings = {
        "access_token_consumer_claim": ["name"],
        "consumers": lambda field, value: {"username": value},
    }
    odd = value if isinstance(value, str) and value in ("%", "*", "_", "ALICE") else None
    outcome = gates.open(settings).send(token({"name": value}))
    assert outcome.status == (200 if odd else 403)
    gate = gates.open({**settings, "consumers": [{"id": "1", "username": "alice"}]})
    assert gate.send(token({"name": value})).status == 403


# PTH ------------------------------------------------------------------------------------------------

TARGETS = [
    "//admin",
    "/./admin",
    "/public/../admin",
    "/public/..",
    "/public/.",
    "/public/%2e%2e/admin",
    "/public/%2E%2E/admin",
    "/public/.%2e/admin",
    "/public%2f..%2fadmin",
    "/public%2F..%2Fadmin",
    "/public/..%2fadmin",
    "/public/%5c..%5cadmin",
    "/public%5cadmin",
    "/public/..;/admin",
    "/public;/admin",
    "/public;x=1/a",
    "/admin%00/public",
    "/public%00/../admin",
    "/public/%00",
    "/health%00",
    "/health%0a",
    "/health%0d",
    "/admin%0a",
    "/health%0A",
    "/health%20",
    "/health%09",
    "/health/",
    "/health/.",
    "/HEALTH",
    "/health.json",
    "/healthz",
    "/health/../admin",
    "/health%2f",
    "/health%2F..%2fadmin",
    "/%2561dmin",
    "/health%23",
    "/health%3f",
    "/health%23x",
    "/health;x",
    "/public//admin",
    "/public/a//b",
    "//public/a",
    "/%2fpublic/a",
    "/public/%252e%252e/admin",
    "/public%252fa",
    "/public",
    "/publicity/a",
    "/admin?x=/public/",
    "/admin?/health",
    "/admin?/public/a",
    "/public/%c0%ae%c0%ae/admin",
    "/public/%ff",
    "/health%e2%80%a8",
    "/public/%7f",
    "/public/%1f",
    "/x/../health",
    "/public/%e0%80%af",
    "/public/a%00b",
    "/public/a%0ab",
]


@pytest.mark.rule("S21")
@pytest.mark.attack("PTH-01", "PTH-03", "PTH-04", "PTH-06", "PTH-07", "PTH-09", "PTH-12", "PTH-13")
@pytest.mark.advisory("CVE-2019-9901", "CVE-2021-29492", "CVE-2021-32779", "CVE-2020-8595", "CVE-2021-31920")
@pytest.mark.advisory(
    "CVE-2021-39156", "CVE-2026-42272", "CVE-2026-42274", "GHSA-p224-6x5r-fjpm", "CVE-2021-44420"
)
@pytest.mark.advisory("CVE-2025-54576", "CVE-2026-41059", "CVE-2026-2880", "CVE-2026-73511", "CVE-2026-73553")
@pytest.mark.parametrize("target", TARGETS)
def test_no_way_of_writing_a_path_makes_it_exempt(gates: Gates, target: str) -> None:
    gate = gates.open({"exempt_paths": ["/health", "/public/*"]})
    assert gate.send(target=target).status == 401
    assert gate.send(target="/health").status == 200
    assert gate.send(target="/public/a").status == 200


@pytest.mark.rule("S21")
@pytest.mark.attack("PTH-10", "PTH-12")
@pytest.mark.parametrize(
    "path",
    [
        "http://other/public/a",
        "http://other/health",
        "health",
        "",
        "*",
        "/health\n",
        "\\health",
        "/public/\\..\\admin",
        "/public/a#b",
        "#/health",
        "?/health",
        "/public/../",
        "/public/\x00",
        "/public/\ud800",
        "/health\ufffd",
    ],
)
def test_paths_as_servers_may_hand_them_on(path: str) -> None:
    from jwt_signer_mw.request.exempt import ExemptPaths

    assert path not in ExemptPaths(["/health", "/public/*"])


@pytest.mark.rule("S21")
@pytest.mark.attack("PTH-15", "PTH-27", "PTH-28", "PTH-30")
@pytest.mark.advisory(
    "CVE-2023-27487", "CVE-2026-34457", "CVE-2026-40575", "CVE-2026-76835", "CVE-2026-35051"
)
@pytest.mark.advisory("CVE-2026-42273", "CVE-2026-57209", "CVE-2024-45806", "CVE-2026-54764")
@pytest.mark.parametrize(
    "name, value",
    [
        (name, "/health")
        for name in [
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded-Uri",
            "X-Forwarded-Prefix",
            "X-Forwarded-Path",
            "X-Envoy-Original-Path",
            "X-Original-URI",
            "X-Request-URI",
            "X-Script-Name",
            "X-Auth-Request-Redirect",
            "Referer",
            "X-HTTP-DestinationURL",
        ]
    ]
    + [
        ("User-Agent", "kube-probe/1.0"),
        ("User-Agent", "GoogleHC/1.0"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1;host=localhost"),
        ("X-Forwarded-Host", "localhost"),
        ("X-Forwarded-Proto", "https"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("Expect", "100-continue"),
    ],
)
def test_no_header_makes_a_path_exempt(gates: Gates, name: str, value: str) -> None:
    gate = gates.open({"exempt_paths": ["/health"]})
    for host in ("localhost", "admin.internal", "127.0.0.1"):
        assert gate.send(None, (name, value), target="/admin", host=host).status == 401


@pytest.mark.rule("S21", "S22")
@pytest.mark.attack("PTH-16")
@pytest.mark.anyio
@pytest.mark.parametrize(
    "root, path, status",
    [
        ("/api", "/api/health", 200),
        ("/api", "/health", 200),  # some servers leave the mount out
        ("/api", "/api/admin", 401),
        ("/api", "/apihealth", 401),
        ("/api", "/api", 401),
        ("", "/api/health", 401),
        ("/api/", "/api/health", 200),
        ("/health", "/health", 401),
        ("/api", "/api//health", 401),
        ("/api", "/api/../health", 401),
    ],
)
async def test_exempt_paths_are_inside_the_mount(root: str, path: str, status: int) -> None:
    settings = {"access_token_jwks_uri": "file:///x", "exempt_paths": ["/health"], **PLAIN}
    middleware = ASGIMiddleware(Application(), settings, keyset_store=STORE)
    assert (await call(middleware, http_scope(path) | {"root_path": root})).messages[0]["status"] == status
    # a client has no say in where the application is mounted
    headers = [("x-script-name", root), ("x-forwarded-prefix", root), ("script_name", root)]
    assert (await call(middleware, http_scope(path + "x", headers))).messages[0]["status"] == 401


@pytest.mark.rule("S22")
@pytest.mark.attack("PTH-22", "PTH-24", "PTH-25")
@pytest.mark.anyio
@pytest.mark.parametrize("extension", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("sec-websocket-protocol", f"bearer, {GOOD}"),),
        (("cookie", f"access_token={GOOD}"),),
        asgi_bearer("bad"),
    ],
)
async def test_a_websocket_is_refused_before_it_is_accepted(
    headers: tuple[tuple[str, str], ...], extension: bool
) -> None:
    application = Application()
    settings = {"access_token_jwks_uri": "file:///x", "exempt_paths": ["/public"], **PLAIN}
    middleware = ASGIMiddleware(application, settings, keyset_store=STORE)
    more: dict[str, Any] = {"extensions": {"websocket.http.response": {}}} if extension else {}
    scope = websocket_scope(headers=headers, query_string=f"access_token={GOOD}".encode(), **more)
    answer = await call(middleware, scope, [{"type": "websocket.connect"}])
    if extension:
        assert answer.messages[0]["status"] == 401
    else:
        assert answer.messages == [{"type": "websocket.close", "code": 1008}]
    assert application.scopes == []
    for kind in ("webtransport", "http2", "", "HTTP", "ws", None):
        with pytest.raises(Exception, match="can't be protected"):
            await call(middleware, {**scope, "type": kind})
    assert application.scopes == []


@pytest.mark.rule("S21", "S32")
@pytest.mark.attack("PTH-31")
def test_an_exempt_path_is_no_pattern(gates: Gates) -> None:
    """A regular expression is refused by the settings: nothing here backtracks."""
    from jwt_signer_mw import ConfigurationError

    for pattern in (
        "^/(a+)+$",
        "/(a+)+$",
        "/a*",
        "*",
        "/*/x",
        "health",
        "/a/**",
        "",
        "/../x",
        "/a?b",
        "//",
        "/a#b",
    ):
        try:
            gate = gates.open({"exempt_paths": [pattern]})
        except ConfigurationError:
            continue
        start = time.perf_counter()
        assert gate.send(target="/" + "a" * 40 + "!").status == 401
        assert time.perf_counter() - start < 0.2


@pytest.mark.rule("S33")
@pytest.mark.attack("DOS-06", "DOS-07")
def test_a_body_is_left_alone(tmp_path: Path) -> None:
    """A refusal does not read it, and an application gets the whole of it."""

    class Untouched:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the body was touched: {name}")

    middleware = WSGIMiddleware(_never, {"access_token_jwks_uri": "file:///x", **PLAIN}, keyset_store=STORE)
    environ = environ_of(
        Plain("POST", "/", "x", (("Expect", "100-continue"), ("Authorization", "Bearer bad")))
    )
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = Untouched(), "1000000"
    statuses: list[str] = []
    list(middleware(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
    assert statuses == ["401 Unauthorized"]


@pytest.mark.rule("S33")
@pytest.mark.attack("DOS-06", "DOS-07")
@pytest.mark.anyio
async def test_a_body_is_left_alone_on_asgi() -> None:
    async def receive() -> Any:
        raise AssertionError("the body was touched")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    middleware = ASGIMiddleware(_never, {"access_token_jwks_uri": "file:///x", **PLAIN}, keyset_store=STORE)
    await middleware(http_scope(headers=asgi_bearer("bad"), method="POST"), receive, send)
    assert sent[0]["status"] == 401


@pytest.mark.rule("S19", "S31", "S33")
def test_names_that_clients_make_up_fill_no_memory(gates: Gates) -> None:
    """A header's name may be as long as a server lets it be, and other ones come with every request."""
    gate = gates.open()
    for number in range(40):
        long = f"X-{number}-" + "n" * 8000
        assert gate.send(GOOD, (long, "v"), *((f"X-{number}-{n}", "v") for n in range(50))).status == 200
    runner: Any = gate.runner
    middleware = runner.middleware
    names = middleware._harmless if gates.adapter == "wsgi" else middleware._roles
    assert len(names) <= 1024
    assert sum(map(len, names)) < 100_000
    assert gate.send(OPAQUE, *FORGED).status == 401
