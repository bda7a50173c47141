"""Load and soak, bounded: memory stays flat, nothing leaks, and storms of garbage leave good clients alone.

The numbers are generous, as the machine has other work; what they catch grows without end.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asgi_serving import bearer, free_port
from conformance.adapter import Plain
from conformance.case import NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import segment
from conformance.wsgi import environ_of
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require, require_module
from providers.process import ServerProcess
from stepping import FrozenClock
from system import ACTIVE, GOOD, OPAQUE
from test_servers_raw import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.provider import Providers, Site

KEY = generate_key("ES256")
STORM_SECONDS = 1.5
STATUS = Path("/proc/self/status")
SETTINGS: dict[str, Any] = {
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "verdict_cache_size": 200,
    "introspection_cache_size": 200,
}


def resident(process: str = "self") -> int:
    """Bytes in memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def descriptors(process: str = "self") -> int:
    return len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208  no path of the entries is wanted


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


class Load:
    """A middleware, called directly, as by one server after the other."""

    def __init__(self, url: str, clock: FrozenClock, **more: object) -> None:
        settings = {**SETTINGS, "access_token_jwks_uri": f"{url}/jwks", **more}
        settings["access_token_introspection_endpoint"] = f"{url}/introspect"
        self.middleware = JWTSignerMiddleware(application, settings, keyset_store=MemoryStore(), clock=clock)

    def send(self, value: object) -> str:
        statuses: list[str] = []
        environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))
        list(self.middleware(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
        return statuses[0][:3]


def own_token(number: int) -> str:
    claims = b'{"iss":"https://issuer.example","sub":"user-%d","exp":%d}' % (number, NOW + 3600)
    return sign_compact(claims, KEY, "ES256")


@pytest.fixture
def site(system_providers: Providers) -> tuple[Site, str]:
    keys = {"keys": [KEY.public_jwk(), *jwks("p256").as_json()["keys"]]}  # type: ignore[misc]
    found, places = system_providers.open_site(
        Provider({"/jwks": Answer(keys)}, {OPAQUE: Answer(dict(ACTIVE))})
    )
    return found, places["$IDP"]


needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="memory is read from /proc")


@needs_proc
@pytest.mark.rule("S27", "S33")
@pytest.mark.timeout(180)
def test_memory_and_descriptors_stay_flat(site: tuple[Site, str]) -> None:
    """Thousands of tokens, garbage of every kind, and rotations by the clock meanwhile."""
    clock = FrozenClock(NOW)
    load = Load(site[1], clock, access_token_keyset_rotate_period=60, access_token_jwks_uri_rotate_period=60)
    numbers = count()

    def burst(requests: int) -> None:
        for _ in range(requests):
            number = next(numbers)
            assert load.send(own_token(number)) == "200"
            assert load.send(f"garbage-{number}") == "401"
            assert load.send(unknown_kid(number)) == "401"
            if number % 50 == 0:
                clock.now += 7

    burst(700)
    opened, grown = descriptors(), []
    for _ in range(3):  # a leak shows in each of them, what else happens in the process does not
        before = resident()
        burst(500)
        grown.append(resident() - before)
    assert min(grown) < 5 << 19
    assert descriptors() <= opened + 2
    pipeline = load.middleware.pipeline
    assert len(pipeline.verdicts) <= 200
    assert threading.active_count() < 100


def unknown_kid(number: int) -> str:
    _, body, signature = GOOD.compact().split(".")
    head = b'{"alg":"ES256","kid":"nobody-%d"}' % number
    return f"{segment(head)}.{body}.{signature}"


@pytest.mark.rule("S25", "S33")
@pytest.mark.attack("NET-17", "NET-19", "INT-30")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("storm", ["unknown kids", "opaque garbage", "bad signatures"])
def test_a_storm_leaves_good_clients_alone(site: tuple[Site, str], storm: str) -> None:
    """Four threads of garbage: all good clients pass, in time, and hardly anybody asks the provider."""
    load = Load(site[1], FrozenClock(NOW))
    good = [own_token(number) for number in range(50)]
    assert {load.send(one) for one in (*good, OPAQUE)} == {"200"}
    over = threading.Event()
    numbers = count()
    kinds: dict[str, Callable[[int], str]] = {
        "unknown kids": unknown_kid,
        "opaque garbage": "garbage-{}".format,
        "bad signatures": lambda number: own_token(number)[:-8] + "AAAAAAAA",
    }

    def garbage() -> int:
        sent = 0
        while not over.is_set():
            assert load.send(kinds[storm](next(numbers))) == "401"
            sent += 1
        return sent

    times: list[float] = []
    with ThreadPoolExecutor(4) as pool:
        storms = [pool.submit(garbage) for _ in range(4)]
        end = time.monotonic() + STORM_SECONDS
        for number in count():
            if time.monotonic() > end:
                break
            start = time.perf_counter()
            assert load.send(good[number % 50] if number % 5 else OPAQUE) == "200"
            times.append(time.perf_counter() - start)
        over.set()
        sent = sum(one.result() for one in storms)
    assert sent > 20
    p99 = statistics.quantiles(times, n=100)[98]
    assert p99 < 0.5
    counts = site[0].counts()
    assert counts["/jwks"] <= 2
    if storm != "opaque garbage":
        assert counts["/introspect"] == 1


@needs_proc
@pytest.mark.rule("S27", "S33")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["gunicorn-threads", "uvicorn-httptools", "granian", "granian-wsgi"])
def test_a_server_stays_flat_under_load(name: str, system_providers: Providers, tmp_path: Path) -> None:
    """Real time, real sockets: good tokens, new ones, and garbage; then the process group is weighed."""
    module, command, ready = ALL[name]
    require_module(module)
    require(STATUS.exists(), "memory is read from /proc")
    _, places = system_providers.open_site(Provider({"/jwks": Answer(jwks("rsa1"))}))
    port = free_port()
    program, *options = command.format(port=port).split()
    folder = Path(__file__).parent
    environment = {"JWT_SIGNER_ACCESS_TOKEN_JWKS_URI": places["$IDP"] + "/jwks", "PYTHONPATH": str(folder)}
    process = ServerProcess(
        [str(Path(sys.executable).with_name(program)), *options],
        tmp_path / "server.log",
        environment=environment,
        folder=folder,
    )
    try:
        process.wait_for(ready)
        numbers = count()
        hammer(port, 150, numbers)
        before = weigh(process)
        hammer(port, 500, numbers)
        memory, opened = weigh(process)
        assert memory - before[0] < 16 << 20
        assert opened <= before[1] + 8
    finally:
        process.stop()


def hammer(port: int, requests: int, numbers: Iterator[int]) -> None:
    good = bearer()  # before the threads: the key is made by whoever asks first

    def client(share: int) -> None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            for turn in range(share):
                headers = good if turn % 3 else {"Authorization": f"Bearer {fresh(next(numbers))}"}
                connection.request("GET", "/orders", headers=headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == (200 if turn % 3 else 401)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client, [requests // 4] * 4))


def fresh(number: int) -> str:
    return unknown_kid(number) if number % 2 else f"garbage{number}"


def weigh(process: ServerProcess) -> tuple[int, int]:
    """Memory and descriptors of the whole group."""
    members = [
        entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_of(entry, process)
    ]
    return sum(map(resident, members)), sum(map(descriptors, members))


def _is_of(entry: Path, process: ServerProcess) -> bool:
    try:
        return os.getpgid(int(entry.name)) == process._child.pid
    except ProcessLookupError:
        return False
