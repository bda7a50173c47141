"""Serves a gateway on uvicorn: signals, reloads, and an end without a lost request."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from jwt_signer_mw.drivers.async_transport import HttpxTransport
from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver
from jwt_signer_mw.drivers.observed import AsyncObservedTransport
from jwt_signer_mw.gateway.access_log import open_log
from jwt_signer_mw.gateway.application import Gateway
from jwt_signer_mw.gateway.configuration import listening
from jwt_signer_mw.gateway.forwarding import Forwarder
from jwt_signer_mw.gateway.health import WatchedTransport
from jwt_signer_mw.gateway.policies import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.gateway.configuration import Configuration
    from jwt_signer_mw.gateway.file import GatewayFile
    from jwt_signer_mw.gateway.policies import Track

log = logging.getLogger("jwt_signer_mw.gateway")

LOOK_EVERY = 1.0  # second, at the file
BACKLOG = 2048  # connections that wait to be accepted


def bind(listen: str) -> socket.socket:
    """A listening socket. Raises `OSError`."""
    place = listening(listen)
    if isinstance(place, str):
        return _bind_path(place)
    host, port = place or ("127.0.0.1", 0)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.set_inheritable(True)
    return listener


def _bind_path(path: str) -> socket.socket:
    """A socket that a killed gateway left behind is no obstacle; one that somebody listens on is."""
    listener = socket.socket(socket.AF_UNIX)
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect(path)
    except FileNotFoundError:
        pass
    except ConnectionRefusedError:
        Path(path).unlink(missing_ok=True)
    else:
        raise OSError(f"somebody listens on {path} already")
    finally:
        probe.close()
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def serve(
    file: GatewayFile,
    configuration: Configuration,
    listener: socket.socket,
    ready: Callable[[], None],
    track: Track = tuple,
) -> None:
    """Serves until SIGTERM or SIGINT. `ready` is called when signals have their meaning; `track`: see
    `Workshop.build`.

    Raises `ConfigurationError` for what shows when keys are made.
    """
    asyncio.run(_serve(file, configuration, listener, ready, track))


async def _serve(
    file: GatewayFile,
    configuration: Configuration,
    listener: socket.socket,
    ready: Callable[[], None],
    track: Track,
) -> None:
    options = configuration.gateway
    if options.access_log:
        open_log()
    transport = WatchedTransport(HttpxTransport())
    workshop = Workshop(AsynchronousDriver(AsyncObservedTransport(transport, lambda: workshop.observers)))
    forwarder = None if file.forward_auth else Forwarder()
    gateway = Gateway(await workshop.build(configuration, track), workshop, transport, forwarder)
    config = uvicorn.Config(
        gateway,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # whoever may speak for others is decided in one place: see forward_auth
        server_header=False,
        date_header=file.forward_auth,  # else the service's own is passed on
        timeout_graceful_shutdown=int(options.stop_timeout) or None,
        ws_max_size=1 << 24,
    )
    server = uvicorn.Server(config)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # until uvicorn has its own, and at its end
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    reloads = Reloads(gateway, file)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.ask)
    watching = asyncio.create_task(reloads.run())
    ready()
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


class Reloads:
    """Reloads after SIGHUP, and when the file changed."""

    def __init__(self, gateway: Gateway, file: GatewayFile) -> None:
        self._gateway = gateway
        self._file = file
        self._mark = file.mark()
        self._asked = asyncio.Event()

    def ask(self) -> None:
        self._asked.set()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._asked.wait()
            except TimeoutError:
                if self._file.mark() == self._mark:
                    continue
            self._asked.clear()
            self._mark = self._file.mark()
            await self._reload()

    async def _reload(self) -> None:
        try:
            await self._gateway.reload(self._file)
        except Exception as problem:  # noqa: BLE001  what runs has to run on
            log.error("the file is not taken over, the old rules stay: %s", type(problem).__name__)


def open_logs() -> None:
    """Warnings and errors on standard error, one line each."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
