"""Broken providers: what tokens get while one is broken, how often it is asked, and how long anyone waits.

With JWT_SIGNER_TEST_FAULT_TABLE=<file> the measured table is written there, for `docs/security/faults.md`.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from conformance.case import NOW, Answer, Provider
from conformance.keys import Jwk, jwks
from jwt_signer_mw.keysets.memory import MemoryStore
from stepping import FrozenClock
from system import ADAPTERS, GOOD, MAIN, Gate, adapter_named, token
from test_system_keys import bomb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.adapter import Runner
    from conformance.provider import Providers
    from providers.certificates import Certificates
    from providers.faults import FaultProxy, Mode
    from providers.oidc import OidcProvider

LIMIT = 0.6  # seconds: `http_timeout` of these tests
SLACK = 0.8  # seconds that the machine's other work may cost
STORM = 20  # requests with tokens of an unknown key
STORE = MemoryStore()
SETTINGS: dict[str, Any] = {
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "verdict_cache_size": 0,  # each request is verified anew
    "http_timeout": int(LIMIT * 1000),
}


class Got(NamedTuple):
    """What one request got, and after how many seconds."""

    status: int
    seconds: float


class Row(NamedTuple):
    """What was measured. `asked`: exchanges with the provider for all requests of the warm middleware."""

    fault: str
    cold: Got
    known: Got | None
    new: Got | None
    asked: int | None
    longest: float


ROWS: dict[tuple[str, str], Row] = {}


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield
    file = os.environ.get("JWT_SIGNER_TEST_FAULT_TABLE")
    if file:
        Path(file).write_text(table())


def table() -> str:
    lines = ["| fault | first request ever | known key | new key | asked | longest wait, blocking | async |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for (fault, adapter), row in ROWS.items():
        other = ROWS.get((fault, "asgi"))
        if adapter != "wsgi" or other is None:
            continue
        assert [got and got.status for got in row[1:4]] == [got and got.status for got in other[1:4]]
        cells = [str(got.status) if got else "-" for got in (row.cold, row.known, row.new)]
        asked = "-" if row.asked is None else str(row.asked)
        waits = (f"{one.longest * 1000:.0f} ms" for one in (row, other))
        lines.append(f"| {fault} | {' | '.join([*cells, asked, *waits])} |")
    return "\n".join(lines) + "\n"


def opened(adapter: str, url: str, clock: FrozenClock, **more: object) -> Runner:
    settings = {**SETTINGS, "access_token_jwks_uri": url, **more}
    return adapter_named(adapter).open(settings, {"keyset_store": STORE, "clock": clock})


def ask(runner: Runner, value: object) -> Got:
    from conformance.adapter import Plain

    start = time.monotonic()
    outcome = runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))
    return Got(outcome.status, time.monotonic() - start)


class Subject(NamedTuple):
    """A provider that can be broken: where, with which tokens, and how."""

    url: str
    known: Callable[[], str]
    new: Callable[[], str]  # of a key that the middleware has not seen yet
    breaks: Callable[[], None]
    heals: Callable[[], None]
    asked: Callable[[], int]
    now: float


def measure(
    fault: str, adapter: str, subject: Subject, *, known: int = 200, new: int = 401, cold: int = 503
) -> Row:
    """Cold, then warm, then healed: nothing passes because something is down, and nobody waits for ever."""
    clock = FrozenClock(subject.now)
    warm = opened(adapter, subject.url, clock)
    assert ask(warm, subject.known()).status == 200
    subject.breaks()
    first = opened(adapter, subject.url, clock)
    got_cold = ask(first, subject.known())
    before = subject.asked()
    got_known = ask(warm, subject.known())
    got_new = ask(warm, subject.new())
    longest = max(got_cold.seconds, got_known.seconds, got_new.seconds)
    for _ in range(STORM):
        longest = max(longest, ask(warm, subject.new()).seconds, ask(warm, subject.known()).seconds)
    asked = subject.asked() - before
    row = Row(fault, got_cold, got_known, got_new, asked, longest)
    ROWS[fault, adapter] = row
    assert (got_cold.status, got_known.status, got_new.status) == (cold, known, new)
    assert asked <= 1
    assert longest < LIMIT + SLACK
    assert got_known.seconds < LIMIT / 2, "who has a known key waits for nobody"
    subject.heals()
    clock.now += 31  # `jwks_reload_interval`
    assert ask(first, subject.known()).status == 200
    assert ask(warm, subject.new()).status == 200, "the documented bound"
    for runner in (first, warm):
        runner.close()
    return row


both = pytest.mark.parametrize("adapter", ADAPTERS)


def real(
    provider: OidcProvider, proxy: FaultProxy, breaks: Callable[[], None], heals: Callable[[], None]
) -> Subject:
    """The npm provider behind the proxy; new tokens are of a key that it began to use a moment ago."""
    old = [provider.mint(alg="ES256") for _ in range(3)]
    provider.add_key("ES256", "brand-new")
    fresh = [provider.mint(alg="ES256") for _ in range(3)]
    provider.reset()  # the warm middleware must not see the key yet
    url = f"http://127.0.0.1:{proxy.port}/jwks"

    def broken() -> None:
        provider.add_key("ES256", "brand-new-2")
        fresh[:] = [provider.mint(alg="ES256") for _ in range(3)]
        proxy.drop()
        breaks()

    def healed() -> None:
        heals()
        proxy.set("none")

    return Subject(
        url,
        lambda: old[0],
        lambda: fresh[0],
        broken,
        healed,
        lambda: max(provider.stats().get("/jwks", 0), proxy.connections),
        time.time(),
    )


PROXIED: dict[str, tuple[Mode, dict[str, Any]]] = {
    "connections reset": ("refuse", {}),
    "reset in the middle": ("reset_after", {"size": 200}),
    "black hole": ("blackhole", {}),
    "answer a byte at a time": ("slow", {"size": 20}),
    "head in drops": ("slice", {"size": 1, "seconds": 0.1}),
    "cut off": ("close_after", {"size": 300}),
    "cut off in the head": ("close_after", {"size": 20}),
    "late answer": ("latency", {"seconds": 2.0}),
}
ANSWERED: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "body": "oops"},
    "503": {"status": 503, "body": ""},
    "401": {"status": 401, "body": "{}"},
    "429": {"status": 429, "body": ""},
    "302": {"status": 302, "headers": {"Location": "/jwks"}},
    "invalid JSON": {"status": 200, "body": '{"keys":['},
    "HTML with status 200": {"status": 200, "body": "<html>", "headers": {"content-type": "text/html"}},
    "an object without keys": {"status": 200, "body": "{}"},
    "connection dropped": {"drop": True},
    "hangs": {"delay": 3.0, "status": 200, "body": "{}"},
}


@pytest.mark.rule("S24", "S25", "S33")
@pytest.mark.attack("NET-11")
@both
@pytest.mark.parametrize("fault", PROXIED)
def test_a_connection_is_broken(
    fault: str, adapter: str, oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = open_fault_proxy(urlsplit(oidc_provider.issuer).port or 0)
    mode, more = PROXIED[fault]
    subject = real(oidc_provider, proxy, lambda: proxy.set(mode, **more), proxy.drop)
    measure(fault, adapter, subject)


@pytest.mark.rule("S24", "S25", "S33")
@both
@pytest.mark.parametrize("fault", ANSWERED)
def test_an_answer_is_bad(
    fault: str, adapter: str, oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = open_fault_proxy(urlsplit(oidc_provider.issuer).port or 0)

    def heal() -> None:
        oidc_provider.fail("/healed")

    measure(
        fault,
        adapter,
        real(oidc_provider, proxy, lambda: oidc_provider.fail("/jwks", **ANSWERED[fault]), heal),
    )


def documents() -> dict[str, Answer]:
    """Bodies that the npm provider would never give; a smaller one of our own gives them."""
    many = [Jwk("p256", {"kid": f"k{n}"}).as_json() for n in range(10_000)]
    return {
        "gzip bomb": Answer(bomb(128), headers={"Content-Encoding": "gzip"}),
        "100 MB body": Answer(b" " * (100 << 20)),
        "empty key set": Answer(jwks()),
        "private keys inside": Answer({"keys": [Jwk(n, private=True).as_json() for n in ("p256", "ed1")]}),
        "doubled kids": Answer({"keys": [Jwk("p256").as_json(), Jwk("rsa1", {"kid": "ed1"}).as_json()] * 2}),
        "10,000 keys": Answer({"keys": [*many, Jwk("p256").as_json()]}),
    }


EXPECTED = {
    # with an unknown key; what is a good set replaces the old one (decision 18)
    "gzip bomb": {},
    "100 MB body": {},
    "empty key set": {"cold": 401},
    "private keys inside": {"cold": 200},
    "doubled kids": {"cold": 401},
    "10,000 keys": {"cold": 503},  # 2 MB: over the cap
}


@pytest.mark.rule("S3", "S8", "S24", "S33")
@both
@pytest.mark.parametrize("fault", EXPECTED)
def test_a_document_is_bad(fault: str, adapter: str, system_providers: Providers) -> None:
    site, places = system_providers.open_site(Provider({"/jwks": MAIN}))
    answer = documents()[fault]
    healthy = Answer(jwks("p256", "ed1", "p384"))
    subject = Subject(
        places["$IDP"] + "/jwks",
        lambda: str(GOOD),
        lambda: str(token(key="p384", alg="ES384")),
        lambda: site.provide(Provider({"/jwks": answer})),
        lambda: site.provide(Provider({"/jwks": healthy})),
        lambda: site.counts().get("/jwks", 0),
        NOW,
    )
    measure(fault, adapter, subject, **EXPECTED[fault])


def cold_only(fault: str, adapter: str, url: str, **more: object) -> None:
    runner = opened(adapter, url, FrozenClock(NOW), **more)
    got = ask(runner, GOOD)
    again = ask(runner, GOOD)
    runner.close()
    ROWS[fault, adapter] = Row(fault, got, None, None, None, max(got.seconds, again.seconds))
    assert got.status == again.status == 503
    assert got.seconds < LIMIT + SLACK


@pytest.mark.rule("S24")
@both
def test_names_that_do_not_resolve_and_ports_where_nobody_listens(adapter: str) -> None:
    cold_only("DNS fails", adapter, "https://nowhere.invalid/jwks")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    cold_only("connection refused", adapter, f"http://127.0.0.1:{port}/jwks")


@pytest.mark.rule("S24")
@both
@pytest.mark.parametrize(
    "fault, which",
    [("TLS expired", "expired"), ("TLS wrong host", "wrong_host"), ("TLS unknown CA", "untrusted")],
)
def test_a_certificate_is_bad(
    fault: str, which: str, adapter: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(getattr(certificates, which).bundle)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(100)
            except ssl.SSLError:
                continue
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    cold_only(fault, adapter, f"https://localhost:{listener.getsockname()[1]}/jwks")
    listener.close()


@pytest.mark.rule("S24")
@both
def test_a_client_certificate_is_missing(
    adapter: str,
    tls_oidc_provider: OidcProvider,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    url = tls_oidc_provider.certificate_jwks_uri
    cold_only("client certificate missing", adapter, url)
    runner = opened(
        adapter,
        url,
        FrozenClock(time.time()),
        access_token_jwks_uri_client_certificate=str(certificates.client.bundle),
    )
    assert ask(runner, tls_oidc_provider.mint(alg="ES256")).status == 200
    runner.close()


@pytest.mark.rule("S7", "S25")
@both
def test_keys_rotate_with_and_without_overlap(adapter: str, oidc_provider: OidcProvider) -> None:
    clock = FrozenClock(time.time())
    runner = opened(adapter, oidc_provider.jwks_uri, clock)
    old = oidc_provider.mint(alg="ES256")
    cold = ask(runner, old)
    assert cold.status == 200
    oidc_provider.add_key("ES256", "second")
    new = oidc_provider.mint(alg="ES256")
    rotated = ask(runner, new)
    assert (rotated.status, ask(runner, old).status) == (200, 200)
    asked = oidc_provider.stats()["/jwks"]
    assert asked == 2
    record("rotation with overlap", adapter, cold, ask(runner, old), rotated, asked - 1)
    oidc_provider.rotate_keys()
    third = oidc_provider.mint(alg="ES256")
    inside = ask(runner, third)
    assert inside.status == 401, "inside the cool-down"
    clock.now += 31
    after = ask(runner, third)
    assert (after.status, ask(runner, old).status) == (200, 401)
    record(
        "rotation without overlap", adapter, cold, ask(runner, old), after, oidc_provider.stats()["/jwks"] - 2
    )
    runner.close()


def record(fault: str, adapter: str, cold: Got, known: Got, new: Got, asked: int) -> None:
    longest = max(cold.seconds, known.seconds, new.seconds)
    ROWS[fault, adapter] = Row(fault, cold, known, new, asked, longest)


@pytest.mark.rule("S7", "S25")
@both
def test_one_kid_gets_another_key(adapter: str, system_providers: Providers) -> None:
    site, places = system_providers.open_site(Provider({"/jwks": MAIN}))
    gate = Gate(opened(adapter, places["$IDP"] + "/jwks", FrozenClock(NOW)), site, places, FrozenClock(NOW))
    cold = ask(gate.runner, GOOD)
    site.provide(Provider({"/jwks": Answer({"keys": [Jwk("p256-next", {"kid": "p256"}).as_json()]})}))
    new = ask(gate.runner, token(key="p256-next", header={"kid": "p256"}))
    known = ask(gate.runner, token({"jti": "2"}))
    assert (cold.status, new.status, known.status) == (200, 200, 401)
    record("same kid, another key", adapter, cold, known, new, gate.calls() - 1)
    gate.runner.close()


OPAQUE_FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "introspection: 500": ({"status": 500, "body": ""}, 503),
    "introspection: hangs": ({"delay": 2.0, "status": 200, "body": "{}"}, 503),
    "introspection: dropped": ({"drop": True}, 503),
    "introspection: 401": ({"status": 401, "body": "{}"}, 401),
    "introspection: 302": ({"status": 302, "headers": {"Location": "/elsewhere"}}, 401),
    "introspection: invalid JSON": ({"status": 200, "body": "{"}, 401),
}


@pytest.mark.rule("S26", "S33")
@both
@pytest.mark.parametrize("fault", OPAQUE_FAULTS)
def test_introspection_is_broken(fault: str, adapter: str, oidc_provider: OidcProvider) -> None:
    """A result that is known serves on until it ends; a new token waits for two tries at most."""
    broken, status = OPAQUE_FAULTS[fault]
    clock = FrozenClock(time.time())
    more = {
        "access_token_introspection_endpoint": oidc_provider.introspection_endpoint,
        "access_token_introspection_authorization": oidc_provider.introspection_authorization,
    }
    runner = opened(adapter, oidc_provider.jwks_uri, clock, **more)
    known, new = (oidc_provider.mint(jwt=False) for _ in range(2))
    assert ask(runner, known).status == 200
    oidc_provider.fail("/token/introspection", **broken)
    before = oidc_provider.stats()["/token/introspection"]
    got_known, got_new = ask(runner, known), ask(runner, new)
    asked = oidc_provider.stats()["/token/introspection"] - before
    ROWS[fault, adapter] = Row(
        fault, got_new, got_known, got_new, asked, max(got_known.seconds, got_new.seconds)
    )
    assert (got_known.status, got_new.status) == (200, status)
    assert asked <= 2
    assert got_new.seconds < 2 * LIMIT + SLACK
    oidc_provider.fail("/healed")
    assert ask(runner, new).status == 200, "as soon as it works"
    runner.close()
