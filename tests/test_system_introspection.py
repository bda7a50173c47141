"""Attack cases INT and CCH: what introspection answers mean, and what caches must not mix."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Plain
from conformance.case import ISSUER, NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import Basic, signed
from conformance.tokens import token as make_token
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.transport import AT_ONCE
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware
from system import ACTIVE, GOOD, INTROSPECTING, MAIN, OPAQUE, STORE, token

if TYPE_CHECKING:
    from conformance.provider import Providers, Site
    from system import Gate, Gates


def saying(body: object, **more: Any) -> Provider:
    return Provider({"/jwks": MAIN}, {OPAQUE: Answer(body, **more)})


def deep(depth: int) -> bytes:
    text = json.dumps({**ACTIVE, "x": "DEEP"})
    return text.replace('"DEEP"', "[" * depth + "]" * depth).encode()


REFUSED: dict[str, object] = {
    "inactive": {**ACTIVE, "active": False},
    "active as text": {**ACTIVE, "active": "true"},
    "active as false text": {**ACTIVE, "active": "false"},
    "active as a number": {**ACTIVE, "active": 1},
    "active as a float": {**ACTIVE, "active": 1.0},
    "active null": {**ACTIVE, "active": None},
    "active a list": {**ACTIVE, "active": [True]},
    "active an object": {**ACTIVE, "active": {"active": True}},
    "active elsewhere": {"data": ACTIVE},
    "Active": {**{n: v for n, v in ACTIVE.items() if n != "active"}, "Active": True},
    "active missing": {n: v for n, v in ACTIVE.items() if n != "active"},
    "active twice": b'{"active":false,' + json.dumps(ACTIVE).encode()[1:],
    "active twice, escaped": b'{"\\u0061ctive":false,' + json.dumps(ACTIVE).encode()[1:],
    "a list": [ACTIVE],
    "text": "x",
    "a number": 5,
    "true": True,
    "null": None,
    "nothing": b"",
    "HTML": b"<html>",
    "trailing garbage": json.dumps(ACTIVE).encode() + b"x",
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(ACTIVE).encode(),
    "UTF-16": json.dumps(ACTIVE).encode("utf-16"),
    "bad UTF-8": json.dumps(ACTIVE).encode()[:-1] + b',"x":"\xff"}',
    "nested 5,000 deep": deep(5000),
    "nested 900 deep": deep(900),
    "too large an integer": json.dumps(ACTIVE).encode()[:-1] + b',"n":' + b"9" * 5000 + b"}",
    "infinity": json.dumps(ACTIVE).encode()[:-1] + b',"n":1e400}',
    "exp as text": {**ACTIVE, "exp": str(NOW + 300)},
    "exp true": {**ACTIVE, "exp": True},
    "exp a list": {**ACTIVE, "exp": [NOW + 300]},
    "exp past": {**ACTIVE, "exp": NOW - 1},
    "exp now": {**ACTIVE, "exp": NOW},
    "exp zero": {**ACTIVE, "exp": 0},
    "exp in milliseconds": {**ACTIVE, "exp": (NOW + 300) * 1000},
    "nbf ahead": {**ACTIVE, "nbf": NOW + 60},
    "nbf an object": {**ACTIVE, "nbf": {}},
    "iat a list": {**ACTIVE, "iat": []},
    "iss another": {**ACTIVE, "iss": "https://evil.example"},
    "iss with a slash": {**ACTIVE, "iss": ISSUER + "/"},
    "iss a list": {**ACTIVE, "iss": [ISSUER]},
    "iss missing": {n: v for n, v in ACTIVE.items() if n != "iss"},
    "sub a number": {**ACTIVE, "sub": 5},
    "a refresh token": {**ACTIVE, "token_type": "refresh_token"},
}
FORBIDDEN: dict[str, object] = {
    "aud another": {**ACTIVE, "aud": "api://billing"},
    "aud null": {**ACTIVE, "aud": None},
    "aud missing": {n: v for n, v in ACTIVE.items() if n != "aud"},
    "aud mixed": {**ACTIVE, "aud": ["api://orders", 5]},
    "scope missing": {n: v for n, v in ACTIVE.items() if n != "scope"},
    "scope another": {**ACTIVE, "scope": "orders.readwrite"},
    "scope an object": {**ACTIVE, "scope": {"orders.read": True}},
    "scope by tab": {**ACTIVE, "scope": "a\torders.read"},
}


@pytest.mark.rule("S3", "S12", "S13", "S26")
@pytest.mark.attack("INT-01", "INT-03", "INT-04", "INT-06", "INT-07", "INT-12", "INT-13", "INT-18", "INT-19")
@pytest.mark.advisory("CVE-2026-11717", "CVE-2025-46647")
@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_no_good_answer_is_refused(gates: Gates, body: object) -> None:
    gate = gates.open(INTROSPECTING, saying(body))
    for _ in range(2):
        assert gate.send(OPAQUE).status == 401
    assert gate.send(GOOD).status == 200


@pytest.mark.rule("S14", "S15", "S26")
@pytest.mark.attack("INT-15", "INT-16")
@pytest.mark.advisory("CVE-2026-37979")
@pytest.mark.parametrize("body", FORBIDDEN.values(), ids=FORBIDDEN)
def test_an_answer_for_something_else_is_forbidden(gates: Gates, body: object) -> None:
    gate = gates.open(INTROSPECTING, saying(body))
    for _ in range(2):
        assert gate.send(OPAQUE).status == 403


@pytest.mark.rule("S26")
@pytest.mark.attack("INT-07", "INT-09", "INT-10")
@pytest.mark.parametrize("status", [201, 202, 204, 206, 301, 400, 401, 403, 404, 429])
def test_nothing_but_a_200_is_an_answer(gates: Gates, status: int) -> None:
    """Refused, and not remembered: the next request asks again."""
    gate = gates.open(INTROSPECTING, saying(b"" if status == 204 else ACTIVE, status=status))
    assert gate.send(OPAQUE).status == 401
    gate.site.provide(saying(ACTIVE))
    assert gate.send(OPAQUE).status == 200


@pytest.mark.rule("S26")
@pytest.mark.attack("INT-10")
def test_a_failure_is_tried_once_more(gates: Gates) -> None:
    failing = Answer(b"", 500)
    gate = gates.open(INTROSPECTING, Provider({}, {OPAQUE: (failing, Answer(ACTIVE))}))
    assert gate.send(OPAQUE).status == 200
    gate = gates.open(INTROSPECTING, Provider({}, {OPAQUE: (failing, failing, Answer(ACTIVE))}))
    assert gate.send(OPAQUE).status == 503
    assert gate.calls("/introspect") == 2
    assert gate.send(OPAQUE).status == 200


@pytest.mark.rule("S26")
@pytest.mark.attack("INT-31")
@pytest.mark.parametrize("signed_answer", [True, False])
def test_an_answer_of_another_kind_is_none(gates: Gates, signed_answer: bool) -> None:
    """RFC 9701 answers are JWTs for somebody who asked for them; we did not, and read no other form."""
    answer = {"iss": ISSUER, "aud": "gateway", "token_introspection": ACTIVE}
    body = str(signed(answer, alg="ES256", key="p256")).encode() if signed_answer else ACTIVE
    kind = {"Content-Type": "application/token-introspection+jwt"}
    assert gates.open(INTROSPECTING, saying(body, headers=kind)).send(OPAQUE).status == 401


EMBEDDED: dict[str, object] = {
    "missing": None,
    "no text": 5,
    "no JWT": "opaque",
    "an object": {"exp": NOW + 300},
    "empty": "",
    "alg none": signed({**ACTIVE}, alg="ES256", key=None, header={"alg": "none", "kid": None}),
    "alg none with a signature": signed({**ACTIVE}, alg="ES256", key="p256", header={"alg": "none"}),
    "forged": token(key="p256-forged", header={"kid": "p256"}),
    "expired": token({"exp": NOW - 1}),
    "another issuer": token({"iss": "https://evil.example"}),
    "crit": token(header={"crit": ["exp"]}),
    "too long": token({"filler": "x" * 20_000}),
    "a list of one": [str(token())],
    "with a scheme": f"Bearer {token()}",
}


@pytest.mark.rule("S1", "S5", "S10", "S26")
@pytest.mark.attack("INT-21", "INT-22")
@pytest.mark.parametrize("member", EMBEDDED.values(), ids=EMBEDDED)
def test_a_jwt_in_an_answer_is_checked_like_one_in_a_request(gates: Gates, member: object) -> None:
    settings = {
        **INTROSPECTING,
        "access_token_introspection_jwt_claim": ["jwt"],
        "trust_access_token_introspection": False,
    }
    gate = gates.open(settings, saying({**ACTIVE, "jwt": member}))
    assert gate.send(OPAQUE).status == 401
    gate = gates.open(settings, saying({**ACTIVE, "jwt": token()}))
    assert gate.send(OPAQUE).status == 200


@pytest.mark.rule("S18", "S26")
@pytest.mark.attack("INT-24")
@pytest.mark.parametrize(
    "user", ["x&token_type_hint=refresh_token&client_id=admin", "a b", "%26x=1", "a=b", "a;b", "a#b?c"]
)
def test_text_that_is_no_token_changes_no_form(gates: Gates, user: str) -> None:
    """Whether it comes by Bearer or inside Basic credentials: it is refused and never sent."""
    gate = gates.open(INTROSPECTING)
    for value in (f"Bearer {user}", str(Basic(user))):
        assert gate.send(None, ("Authorization", value)).status == 401
    assert gate.calls("/introspect") == 0


@pytest.mark.rule("S26")
@pytest.mark.attack("INT-24")
@pytest.mark.parametrize("text", ["a+b/c==", "mF_9.B5f-4.1JqM", "~~~", "a.b", "a.b.c.d.e", "....", "-._~+/="])
def test_an_opaque_token_is_one_form_field(gates: Gates, text: str) -> None:
    gate = gates.open({**INTROSPECTING, "access_token_introspection_body_args": "resource=a%26b&x="})
    assert gate.send(text).status == 401
    (call,) = gate.site.calls["/introspect"]
    assert call.form == (
        ("token", text),
        ("token_type_hint", "access_token"),
        ("resource", "a&b"),
        ("x", ""),
    )
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "cookie" not in call.headers


@pytest.mark.rule("S1", "S18", "S26")
@pytest.mark.attack("INT-25")
@pytest.mark.parametrize(
    "text", ["a\r\nX: y", "a\0b", "a\xe9", "a\tb", "a b", " a", "a,b", 'a"b', "a\x7f", "a=b"]
)
def test_bytes_that_no_token_has_go_nowhere(gates: Gates, text: str) -> None:
    gate = gates.open(INTROSPECTING)
    if gates.adapter == "wsgi" and "\n" in text:
        pytest.skip("the PEP 3333 validator refuses such an environ")
    assert gate.send(text).status == 401
    assert gate.calls("/introspect") == 0


JWTS = {
    "forged": token(key="p256-forged", header={"kid": "p256"}),
    "unknown kid": token(header={"kid": "nobody"}),
    "alg none": signed(dict(ACTIVE), alg="ES256", key=None, header={"alg": "none"}),
    "alg foreign": token(header={"alg": "ES256K"}),
    "alg lower case": token(header={"alg": "es256"}),
    "HS256": token(key="oct1", alg="HS256"),
    "expired": token({"exp": NOW - 1}),
    "crit": token(header={"crit": ["x"]}),
    "zip": token(header={"zip": "DEF"}),
    "b64": token(header={"b64": False}),
    "typ": token(header={"typ": "dpop+jwt"}),
    "kid a number": token(header={"kid": 1}),
}


@pytest.mark.rule("S4", "S26")
@pytest.mark.attack("INT-27", "INT-28")
@pytest.mark.parametrize("text", JWTS.values(), ids=JWTS)
def test_a_jwt_that_fails_is_not_introspected_instead(gates: Gates, text: object) -> None:
    gate = gates.open(INTROSPECTING, Provider({"/jwks": MAIN}, {text: Answer(ACTIVE)}))
    assert gate.send(text).status == 401
    assert gate.calls("/introspect") == 0


@pytest.mark.rule("S26", "S33")
@pytest.mark.attack("INT-30")
def test_garbage_tokens_cost_a_bounded_number_of_exchanges_at_once(providers_gate: CountingProvider) -> None:
    """Many tasks, each with a token of its own: what is under way at one endpoint stays bounded."""
    middleware = ASGIMiddleware(_forbidden, storm_settings(providers_gate.url), keyset_store=STORE)
    statuses = asyncio.run(_storm(middleware, providers_gate, 300))
    assert set(statuses) == {401}
    assert providers_gate.most_at_once <= AT_ONCE


@pytest.mark.rule("S26", "S33")
@pytest.mark.attack("INT-30")
def test_garbage_from_many_threads_is_bounded_alike(providers_gate: CountingProvider) -> None:
    middleware = WSGIMiddleware(_forbidden, storm_settings(providers_gate.url), keyset_store=STORE)  # type: ignore[arg-type]

    def one(number: int) -> str:
        from conformance.wsgi import environ_of

        statuses: list[str] = []
        environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer garbage-{number}"),)))
        list(middleware(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
        return statuses[0]

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(one, range(300))) == {"401 Unauthorized"}
    assert 16 < providers_gate.most_at_once <= AT_ONCE


@pytest.mark.rule("S26", "S27", "S33")
@pytest.mark.attack("INT-30", "CCH-16")
def test_the_memory_of_garbage_is_bounded_and_short(gates: Gates) -> None:
    clock = Clock.of(lambda: NOW)
    cache = MemoryCache(100, clock)
    gate = gates.open(INTROSPECTING, cache=cache)
    for number in range(250):
        assert gate.send(f"garbage-{number}").status == 401
    assert len(cache) == 100
    late = "issued-just-now"
    assert gate.send(late).status == 401
    gate.site.provide(Provider({}, {late: Answer(ACTIVE)}))
    gate = gates.open(INTROSPECTING, Provider({"/jwks": MAIN}, {late: Answer({"active": False})}))
    assert gate.send(late).status == 401
    gate.site.provide(Provider({}, {late: Answer(ACTIVE)}))
    gate.clock.now += 60
    assert gate.send(late).status == 200


class CountingProvider:
    """A slow endpoint that counts how many are inside."""

    def __init__(self, site: Site, url: str) -> None:
        self.url = url
        self.inside = self.most_at_once = 0
        self._lock = threading.Lock()
        self._answer = site.answer
        site.answer = self.answer  # type: ignore[method-assign]

    def answer(self, path: str, call: Any) -> Answer:
        with self._lock:
            self.inside += 1
            self.most_at_once = max(self.most_at_once, self.inside)
        try:
            time.sleep(0.05)
            return self._answer(path, call)
        finally:
            with self._lock:
                self.inside -= 1


SETTINGS: dict[str, object] = {"channel_token_optional": True, "access_token_signing_algorithm": "ES256"}


def storm_settings(endpoint: str) -> dict[str, object]:
    """With time enough for a machine that has other work."""
    more = {"access_token_introspection_endpoint": endpoint, "access_token_introspection_timeout": 30_000}
    return {**SETTINGS, **more}


@pytest.fixture
def providers_gate(system_providers: Providers) -> CountingProvider:
    site, places = system_providers.open_site(Provider())
    return CountingProvider(site, places["$IDP"] + "/introspect")


async def _forbidden(*_: object) -> None:
    raise AssertionError("the application was called")


async def _storm(middleware: Any, provider: CountingProvider, number: int) -> list[int]:
    from asgi_client import bearer, call, http_scope

    answers = await asyncio.gather(
        *(call(middleware, http_scope(headers=bearer(f"garbage-{n}"))) for n in range(number))
    )
    await middleware.driver.aclose()
    return [answer.status for answer in answers]


# CCH ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S12", "S27")
@pytest.mark.attack("CCH-01", "CCH-02")
@pytest.mark.parametrize("opaque", [True, False])
def test_nothing_that_is_remembered_outlives_the_token(gates: Gates, opaque: bool) -> None:
    gate = gates.open(INTROSPECTING, saying({**ACTIVE, "exp": NOW + 10}))
    value = OPAQUE if opaque else token({"exp": NOW + 10})
    assert gate.send(value).status == 200
    gate.clock.now += 9.9
    assert gate.send(value).status == 200
    gate.clock.now = NOW + 10
    assert gate.send(value).status == 401


@pytest.mark.rule("S12", "S27")
@pytest.mark.attack("CCH-19")
def test_nothing_that_is_remembered_begins_before_the_token(gates: Gates) -> None:
    """A clock that is set back finds the token not yet valid, as it would without a cache."""
    settings = {"verify_access_token_notbefore": True, "access_token_leeway": 10}
    value = token({"nbf": NOW})
    gate = gates.open(settings)
    for now, status in ((NOW, 200), (NOW, 200), (NOW - 10, 200), (NOW - 11, 401), (NOW, 200)):
        gate.clock.now = now
        assert gate.send(value).status == status
    gate.clock.now = NOW + 310
    assert gate.send(value).status == 401


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-04")
def test_a_revoked_token_passes_no_longer_than_the_caches_say(gates: Gates) -> None:
    gate = gates.open({**INTROSPECTING, "introspection_cache_ttl": 30}, saying(dict(ACTIVE)))
    assert gate.send(OPAQUE).status == 200
    gate.site.provide(saying({"active": False}))
    gate.clock.now += 30.1
    assert gate.send(OPAQUE).status == 401


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-05", "CCH-07", "CCH-20")
@pytest.mark.advisory("GHSA-4mq7-pvjg-xp2r", "CVE-2021-32701")
def test_one_cache_for_two_policies_mixes_nothing(gates: Gates) -> None:
    """Another endpoint, other credentials, a shorter list of issuers: each asks or checks for itself."""
    cache = MemoryCache(1000, Clock.of(lambda: NOW))
    first = gates.open(INTROSPECTING, saying(dict(ACTIVE)), cache=cache)
    assert first.send(OPAQUE).status == 200
    other = gates.open(INTROSPECTING, saying({"active": False}), cache=cache)
    assert other.send(OPAQUE).status == 401
    endpoint = {**INTROSPECTING, "access_token_introspection_endpoint": f"{first.places['$IDP']}/introspect"}
    for change, status in (
        ({"access_token_introspection_issuers_allowed": ["https://another.example"]}, 401),
        ({"access_token_introspection_scopes_required": ["orders.write"]}, 403),
        ({"access_token_introspection_audiences_allowed": ["api://billing"]}, 403),
        ({"verify_access_token_introspection_expiry": False}, 200),
    ):
        again = gates.open({**endpoint, **change}, cache=cache)
        assert again.send(OPAQUE).status == status
    assert first.calls("/introspect") == 1
    credentials = {**endpoint, "access_token_introspection_authorization": "Basic eDp5"}
    gates.open(credentials, cache=cache).send(OPAQUE)
    assert first.calls("/introspect") == 2


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-08")
@pytest.mark.advisory("CVE-2026-35030", "CVE-2026-35039")
@pytest.mark.parametrize("length", [20, 64, 200, 2000])
def test_tokens_with_a_common_beginning_keep_apart(gates: Gates, length: int) -> None:
    one, other = "t" * length + "a", "t" * length + "b"
    tokens = {one: Answer({**ACTIVE, "sub": "alice"}), other: Answer({**ACTIVE, "sub": "bob"})}
    gate = gates.open(INTROSPECTING, Provider({}, tokens))
    for _ in range(3):
        for text, subject in ((one, "alice"), (other, "bob")):
            identity = gate.seen(text).identity
            assert identity is not None
            assert identity.access_token is not None
            assert identity.access_token.claims["sub"] == subject
    assert gate.send("t" * length).status == 401


@pytest.mark.rule("S27", "S31")
@pytest.mark.attack("CCH-10")
def test_keys_of_caches_hold_nothing_of_the_token(gates: Gates) -> None:
    cache = MemoryCache(1000, Clock.of(lambda: NOW))
    gate = gates.open(INTROSPECTING, saying(dict(ACTIVE)), cache=cache)
    assert gate.send(OPAQUE).status == 200
    assert gate.send(GOOD).status == 200
    runner: Any = gate.runner
    held = [*cache._entries, *runner.middleware.pipeline.verdicts._entries]
    assert len(held) == 3
    for key in held:
        assert OPAQUE not in str(key)
        assert "alice" not in str(key)
        assert len(key) in (32, 64)  # SHA-256


@pytest.mark.rule("S1", "S27")
@pytest.mark.attack("CCH-11")
@pytest.mark.advisory("CVE-2026-102269")
@pytest.mark.parametrize("tail", ["==", "????", "=", ".", "\xa0", "%3D", "A", "~"])
def test_a_remembered_token_has_one_spelling(gates: Gates, tail: str) -> None:
    gate = gates.open()
    assert gate.send(GOOD).status == 200
    assert gate.send(f"{GOOD}{tail}").status == 401
    runner: Any = gate.runner
    assert len(runner.middleware.pipeline.verdicts) == 1


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-13")
def test_an_application_that_edits_claims_edits_a_copy(gates: Gates) -> None:
    gate = gates.open(INTROSPECTING, saying({**ACTIVE, "roles": ["reader"]}))
    for value in (OPAQUE, token({"roles": ["reader"]})):
        for _ in range(3):
            identity = gate.seen(value).identity
            assert identity is not None
            assert identity.access_token is not None
            claims = identity.access_token.claims
            assert claims["roles"] == ["reader"]
            claims["roles"].append("admin")
            claims["sub"] = "mallory"
            upstream = identity.access_token.upstream_claims
            assert upstream is not None
            upstream["roles"].append("admin")
            assert identity.access_token.claims["sub"] == "alice"


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-14", "CCH-17")
def test_threads_share_one_answer_and_never_a_subject(system_providers: Providers) -> None:
    users = {f"opaque-of-{name}": name for name in ("alice", "bob", "carol", "dave")}
    tokens = {text: Answer({**ACTIVE, "sub": name}, delay=0.02) for text, name in users.items()}
    site, places = system_providers.open_site(Provider({}, tokens))
    seen = threading.local()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.subject = environ["jwt_signer_mw.identity"].access_token.claims["sub"]
        start_response("200 OK", [])
        return [b""]

    settings = {**SETTINGS, "access_token_introspection_endpoint": places["$IDP"] + "/introspect"}
    middleware = WSGIMiddleware(application, settings, keyset_store=STORE, clock=lambda: NOW)

    def one(number: int) -> None:
        from conformance.wsgi import environ_of

        text = list(users)[number % len(users)]
        environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer {text}"),)))
        list(middleware(environ, lambda *_: lambda _: None))
        assert seen.subject == users[text]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(1000)))
    assert site.counts() == {"/introspect": len(users)}


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-19")
def test_a_wall_clock_that_steps_back_prolongs_nothing() -> None:
    wall, ticks = [float(NOW)], [100.0]
    cache = MemoryCache(10, Clock(lambda: wall[0], lambda: ticks[0]))
    cache.put("key", b"value", 30)
    wall[0] -= 3600
    ticks[0] += 29.9
    assert cache.get("key") == b"value"
    ticks[0] += 0.2
    assert cache.get("key") is None


@pytest.mark.rule("S27")
@pytest.mark.attack("CCH-20")
def test_roles_keep_apart_in_one_pipeline(gates: Gates) -> None:
    """A token that is good as the access token is not thereby good as the channel token, nor swapped."""
    gate = gates.open(
        {
            "channel_token_optional": False,
            "channel_token_request_header": "X-Channel",
            "channel_token_jwks_uri": "$IDP/channel",
            "channel_token_upstream_header": "X-Channel-Up",
            "channel_token_signing_algorithm": "ES256",
        },
        Provider({"/jwks": Answer(jwks("p256")), "/channel": Answer(jwks("ed1"))}),
    )
    channel = make_token({"sub": "shop"}, alg="EdDSA", key="ed1")
    assert gate.send(GOOD, ("X-Channel", str(channel))).status == 200
    assert gate.send(GOOD, ("X-Channel", str(GOOD))).status == 401
    assert gate.send(channel, ("X-Channel", str(GOOD))).status == 401
    assert gate.send(channel, ("X-Channel", str(channel))).status == 401
    assert gate.send(GOOD).status == 401


class SameKid:
    """A transport with two providers that use one kid for two keys."""

    def send(self, exchange: Exchange) -> Reply:
        name = "p256" if "one" in exchange.url else "p256-forged"
        jwk = jwks(name).as_json()["keys"][0]  # type: ignore[index]
        return Reply(200, {}, json.dumps({"keys": [{**jwk, "kid": "same"}]}).encode())


@pytest.mark.rule("S7", "S27")
@pytest.mark.attack("CCH-05")
@pytest.mark.advisory("CVE-2025-59936", "CVE-2026-49998", "CVE-2026-50202")
def test_one_kid_at_two_issuers_is_two_keys(gates: Gates) -> None:
    of_one, of_other = token(header={"kid": "same"}), token(key="p256-forged", header={"kid": "same"})
    for url, good, bad in (
        ("https://one.example/jwks", of_one, of_other),
        ("https://other.example/jwks", of_other, of_one),
    ):
        gate: Gate = gates.open({"access_token_jwks_uri": url}, transport=SameKid())
        assert gate.send(good).status == 200
        assert gate.send(bad).status == 401
