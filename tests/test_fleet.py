"""Two nodes behind nginx, as the example of a fleet says: one key set, rotations, and a node that dies."""

from __future__ import annotations

import json
import os
import time
import tomllib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import pytest

from asgi_serving import free_port
from gatewaying import ADMIN_TOKEN, Running, ask, bearer, echo, providers, running
from parts import require
from providers.process import ServerProcess
from test_forward_auth_proxies import EXAMPLES, find, prepare, wait_for_front

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.demo.stage import Providers

EXAMPLE = EXAMPLES / "fleet"
AS_ROOT = " user root;" if os.geteuid() == 0 else ""  # or its workers may not enter pytest's folders


class Fleet(NamedTuple):
    front: str
    nodes: tuple[Running, Running]


@pytest.fixture
def known() -> Iterator[Providers]:
    with providers() as opened:
        yield opened


@pytest.fixture
def fleet(known: Providers, tmp_path: Path) -> Iterator[Fleet]:
    program = find("nginx")
    require(program, "nginx is not installed")
    content = tomllib.loads((EXAMPLE / "gateway.toml").read_text(encoding="utf-8"))
    content |= {"access_token_jwks_uri": known.access.jwks_uri, "admin_token": ADMIN_TOKEN}
    content["exempt_paths"] = ["/open/*"]
    store = {"JWT_SIGNER_KEYSET_STORE": f"sqlite:///{tmp_path / 'shared.sqlite3'}"}
    with ExitStack() as stack:
        nodes = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            nodes.append(
                stack.enter_context(running(tmp_path / name, content, "--forward-auth", "nginx", **store))
            )
        service, port = stack.enter_context(echo()), free_port()
        places = {
            "127.0.0.1:8080": f"127.0.0.1:{port}",
            "127.0.0.1:9191": nodes[0].origin.removeprefix("http://"),
            "127.0.0.1:9192": nodes[1].origin.removeprefix("http://"),
            "127.0.0.1:9000": service.removeprefix("http://"),
        }
        prepare(EXAMPLE, tmp_path, places)
        command = [
            program or "",
            "-p",
            str(tmp_path),
            "-c",
            str(tmp_path / "nginx.conf"),
            "-g",
            f"daemon off;{AS_ROOT}",
        ]
        process = ServerProcess(command, tmp_path / "nginx.log")
        stack.callback(process.stop)
        wait_for_front(f"http://127.0.0.1:{port}", process)
        yield Fleet(f"http://127.0.0.1:{port}", (nodes[0], nodes[1]))


def keys(origin: str, path: str = "/jwt-signer/jwks/kong") -> dict[str, Any]:
    answer = ask(origin, path)
    assert answer.status == 200, answer
    return {key["kid"]: key for key in json.loads(answer.body)["keys"]}


def signed_with(fleet: Fleet, token: str) -> str:
    (value,) = ask(fleet.front, "/orders", bearer(token)).sent("Authorization")
    kid: str = jwt.get_unverified_header(value.removeprefix("Bearer "))["kid"]
    return kid


def test_two_nodes_are_one(fleet: Fleet, known: Providers) -> None:
    one, two = fleet.nodes
    assert keys(one.origin) == keys(two.origin) == keys(fleet.front, "/keys")
    kids = {signed_with(fleet, known.access.mint()) for _ in range(8)}
    assert len(kids) == 1
    before = keys(fleet.front, "/keys")
    rotated = ask(one.origin, "/jwt-signer/jwks/kong/rotate", bearer(ADMIN_TOKEN), method="POST")
    assert rotated.status == 200
    deadline = time.monotonic() + 5
    while keys(two.origin) != keys(one.origin):
        assert time.monotonic() < deadline, "the other node does not see the rotation"
        time.sleep(0.1)
    for _ in range(8):
        assert signed_with(fleet, known.access.mint()) in before, "a cached copy of the keys is enough"


def test_a_node_that_dies(fleet: Fleet, known: Providers) -> None:
    tokens = [known.access.mint() for _ in range(8)]
    assert [ask(fleet.front, "/orders", bearer(token)).status for token in tokens] == [200] * 8
    fleet.nodes[0].process.stop()
    assert [ask(fleet.front, "/orders", bearer(token)).status for token in tokens] == [200] * 8
    assert ask(fleet.front, "/orders").status == 401
