"""The example of every proxy, run for real: the five scenarios, smuggling, and what happens in an outage."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest

from asgi_serving import free_port
from gatewaying import Running, ask, bearer, echo, play_scenarios, providers, running, scenarios, smuggle
from parts import ROOT, require
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jwt_signer_mw.demo.stage import Providers

EXAMPLES = ROOT / "examples" / "gateway"
PLACES = ("127.0.0.1:8080", "127.0.0.1:9191", "127.0.0.1:9000")  # of the proxy, jwt-signer, the service


class Proxy(NamedTuple):
    """`command` gets the program, the folder with the example's files, and the port of the proxy."""

    program: str
    command: Callable[[str, Path, int], list[str]]


PROXIES = {
    "nginx": Proxy(
        "nginx", lambda it, at, _: [it, "-p", str(at), "-c", str(at / "nginx.conf"), "-g", "daemon off;"]
    ),
    "caddy": Proxy(
        "caddy", lambda it, at, _: [it, "run", "--adapter", "caddyfile", "--config", str(at / "Caddyfile")]
    ),
    "traefik": Proxy(
        "traefik",
        lambda it, at, port: [
            it,
            f"--entrypoints.web.address=127.0.0.1:{port}",
            f"--providers.file.filename={at / 'dynamic.yml'}",
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
        ],
    ),
    "envoy": Proxy(
        "envoy",
        lambda it, at, _: [
            it,
            *("-c", str(at / "envoy.yaml"), "--concurrency", "1", "--disable-hot-restart", "-l", "error"),
        ],
    ),
    "haproxy": Proxy("haproxy", lambda it, at, _: [it, "-db", "-f", str(at / "haproxy.cfg")]),
}


class Front(NamedTuple):
    """A proxy that runs before a gateway."""

    name: str
    origin: str
    gateway: Running


def find(program: str) -> str | None:
    """On the path, or where JWT_SIGNER_TEST_PROXIES says: wheels of proxies bring their own folders."""
    more = os.environ.get("JWT_SIGNER_TEST_PROXIES", "")
    return shutil.which(program, path=os.pathsep.join([more, os.environ.get("PATH", ""), "/usr/sbin"]))


@pytest.fixture(scope="module")
def known() -> Iterator[Providers]:
    with providers() as opened:
        yield opened


def version_of(caddy: str) -> tuple[int, ...]:
    said = subprocess.run([caddy, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


@contextmanager
def opened(name: str, known: Providers, folder: Path) -> Iterator[Front]:
    """The proxy, the gateway that it asks, and a service behind."""
    proxy = PROXIES[name]
    program = find(proxy.program)
    require(program, f"{proxy.program} is not installed")
    if name == "caddy":
        require(
            version_of(program or "") >= (2, 11),
            "forward_auth of this Caddy writes headers that are not there",
        )
    with echo() as service, running(folder, scenarios(known), "--forward-auth", name) as gateway:
        port = free_port()
        places = [f"127.0.0.1:{port}", *(url.removeprefix("http://") for url in (gateway.origin, service))]
        prepare(EXAMPLES / name, folder, dict(zip(PLACES, places, strict=True)))
        command = proxy.command(program or "", folder, port)
        process = ServerProcess(command, folder / "proxy.log", folder=folder)
        try:
            wait_for_front(f"http://127.0.0.1:{port}", process)
            yield Front(name, f"http://127.0.0.1:{port}", gateway)
        finally:
            process.stop()


@pytest.fixture(scope="module", params=PROXIES)
def front(
    request: pytest.FixtureRequest, known: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    with opened(request.param, known, tmp_path_factory.mktemp(request.param)) as front:
        yield front


def prepare(example: Path, folder: Path, places: dict[str, str]) -> None:
    """The example's files, with the places of this run: `host:port`, or Envoy's way to write it."""
    for file in example.iterdir():
        text = file.read_text(encoding="utf-8")
        for example_place, place in places.items():
            text = text.replace(example_place, place).replace(
                f"port_value: {example_place.rpartition(':')[2]}", f"port_value: {place.rpartition(':')[2]}"
            )
        text = text.replace("localhost:8080", f"localhost:{places[PLACES[0]].rpartition(':')[2]}")
        (folder / file.name).write_text(text, encoding="utf-8")


def wait_for_front(origin: str, process: ServerProcess) -> None:
    """Traefik listens before it knows where to go."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError):
            if ask(origin, "/open/orders").status == 200:
                return
        time.sleep(0.05)
    pytest.fail(f"the proxy did not start:\n{process.fresh_output()}")


def test_the_five_scenarios(front: Front, known: Providers) -> None:
    play_scenarios(front.origin, front.gateway.origin, known)


def test_nothing_is_smuggled_in(front: Front, known: Providers) -> None:
    smuggle(front.origin, known)


def test_the_client_can_not_choose_its_policy(front: Front, known: Providers) -> None:
    """Headers with which proxies tell of a request are the proxy's, whatever a client puts there."""
    lies = {
        "X-Original-URI": "/open/x",
        "X-Original-Method": "OPTIONS",
        "X-Original-Host": "open.example",
        "X-Forwarded-Uri": "/open/x",
        "X-Forwarded-Method": "OPTIONS",
        "X-Rewrite-URL": "/open/x",
    }
    assert ask(front.origin, "/claim/orders", lies).status == 401
    tea = {**bearer(known.access.mint()), **lies}
    assert ask(front.origin, "/claim/orders", tea).status == 403
    assert ask(front.origin, "/auth/open", lies).status in (401, 403)


@pytest.mark.parametrize(
    "path", ["/open/../claim/orders", "/open/%2e%2e/claim/orders", "/open/..%2fclaim/orders"]
)
def test_no_way_around_a_policy(front: Front, path: str) -> None:
    """Some proxies resolve the path first, and ask about what it means; the others are told no."""
    assert ask(front.origin, path).status in (400, 401, 403)


def test_bodies_pass(front: Front, known: Providers) -> None:
    answer = ask(front.origin, "/jwt/orders", bearer(known.access.mint()), method="POST", body=b"a body")
    assert (answer.seen["method"], answer.seen["body"]) == ("POST", "a body")
    assert "content-length" in answer.names


def test_a_provider_that_is_down_is_a_503(front: Front, known: Providers) -> None:
    with known.access.outage():
        answer = ask(front.origin, "/opaque/orders", bearer(known.access.issue()))
    assert answer.status == 503
    assert answer.headers.get("retry-after") or front.name == "envoy"  # which makes an answer of its own


@pytest.mark.parametrize("name", PROXIES)
def test_nothing_passes_when_nobody_answers(name: str, known: Providers, tmp_path: Path) -> None:
    with opened(name, known, tmp_path) as front:
        front.gateway.process.stop()
        assert ask(front.origin, "/jwt/orders", bearer(known.access.mint())).status in (500, 502, 503)
        assert ask(front.origin, "/open/orders").status in (500, 502, 503)
