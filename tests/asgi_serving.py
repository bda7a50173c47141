"""Real ASGI servers as child processes, and clients for them."""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.tokens import signed
from parts import require
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.http11 import Response


class Server(NamedTuple):
    """How to start one, with `{target}` and `{port}` in it, and what it says when it listens."""

    module: str
    command: str
    ready: str


SERVERS = {
    "uvicorn-h11": Server("uvicorn", "uvicorn {target} --port={port} --http=h11", "Uvicorn running"),
    "uvicorn-httptools": Server(
        "httptools", "uvicorn {target} --port={port} --http=httptools", "Uvicorn running"
    ),
    "hypercorn": Server("hypercorn", "hypercorn {target} --bind=127.0.0.1:{port}", "Running on"),
    "hypercorn-trio": Server(
        "hypercorn",
        "hypercorn {target} --bind=127.0.0.1:{port} --worker-class=trio",
        "Running on",
    ),
    "granian": Server("granian", "granian --interface=asgi --port={port} {target}", "Started worker-1"),
}


class Running(NamedTuple):
    server: Server
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(
    server: Server, target: str, folder: Path, log: Path, *more: str, **environment: str
) -> Iterator[Running]:
    """The server with an application of a module in `folder`, and more options for its command."""
    require(find_spec(server.module), f"{server.module} is not installed")
    port = free_port()
    program, *options = server.command.format(target=target, port=port).split()
    command = [str(Path(sys.executable).with_name(program)), *options, *more]
    process = ServerProcess(
        command, log, environment={"PYTHONPATH": str(folder), **environment}, folder=folder
    )
    try:
        process.wait_for(server.ready)
        yield Running(server, port)
    finally:
        process.stop()


def bearer(**claims: object) -> dict[str, str]:
    """A token of alice that is good for some minutes of real time, as headers."""
    good = {"iss": "https://issuer.example", "sub": "alice", "exp": int(time.time()) + 300}
    return {"authorization": f"Bearer {signed(good | claims)}"}


async def talk(url: str, headers: dict[str, str]) -> Any:
    """What a websocket says first, as JSON, or the answer that refuses its handshake."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    try:
        async with connect(url, additional_headers=headers, proxy=None) as websocket:
            return json.loads(await websocket.recv())
    except InvalidStatus as refused:
        answer: Response = refused.response
        return answer
