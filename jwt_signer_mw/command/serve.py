"""`jwt-signer serve`: a gateway in front of services, or one that other proxies ask."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.command import USAGE, complain, lacks
from jwt_signer_mw.command.progress import Progress
from jwt_signer_mw.gateway.file import GatewayFile
from jwt_signer_mw.gateway.options import STYLES, GatewayOptions, declared
from jwt_signer_mw.settings.kinds import Unreadable

if TYPE_CHECKING:
    import argparse

    from jwt_signer_mw.settings import Settings

NEEDED = {"uvicorn": "uvicorn", "httpx2": "httpx2", "anyio": "anyio"}  # modules and their packages
MEASURING = {"prometheus_client": "prometheus-client"}
_ANY = "any"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="settings or gateway file in TOML, JSON or YAML")
    parser.add_argument("--upstream", metavar="URL", help="the service behind, for routes that name none")
    parser.add_argument("--listen", metavar="HOST:PORT", help="or unix:/path (127.0.0.1:8080)")
    parser.add_argument("--workers", metavar="N", type=int, default=1, help="processes (1)")
    parser.add_argument(
        "--forward-auth",
        metavar="STYLE",
        nargs="?",
        const=_ANY,
        choices=(*STYLES, _ANY),
        help=f"answer the questions of a proxy instead: {', '.join(STYLES)}",
    )
    parser.add_argument(
        "--trusted-proxies", metavar="NETWORKS", help="from where it may ask, separated by commas (loopback)"
    )
    parser.epilog = "SIGHUP, or a change of the file, reloads it; a file that can't be used changes nothing."


def run(arguments: argparse.Namespace) -> int:
    """2: a package is missing, or an option can't be understood."""
    if lacks("serve", NEEDED, "gateway"):
        return USAGE
    try:
        file = GatewayFile(arguments.config, arguments.forward_auth is not None, _overrides(arguments))
    except Unreadable as problem:
        return complain(problem, status=USAGE)
    configuration = file.load()
    if configuration.gateway.metrics and lacks("metrics", MEASURING, "observability"):
        return USAGE
    from jwt_signer_mw.gateway.metrics import shared_metrics
    from jwt_signer_mw.gateway.server import bind, open_logs, serve
    from jwt_signer_mw.gateway.workers import serve_with

    open_logs()
    listener = bind(configuration.gateway.listen)
    place = _place(listener.getsockname())

    def ready() -> None:
        print(f"jwt-signer {os.getpid()} listens on {place}", flush=True)

    with listener:
        if arguments.workers > 1:
            with shared_metrics():
                return serve_with(arguments.workers, lambda: serve(file, configuration, listener, ready))
        with Progress() as progress:
            track = partial(progress.each, doing="preparing the keys of policy", name=_name)
            serve(file, configuration, listener, ready, track)
    return 0


def _name(policy: tuple[str, Settings]) -> str:
    return policy[0]


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line says instead of the file. Raises `Unreadable`."""
    style = arguments.forward_auth
    given = {
        "upstream": arguments.upstream,
        "listen": arguments.listen,
        "trusted_proxies": arguments.trusted_proxies,
        "style": None if style == _ANY else style,
    }
    known = declared(GatewayOptions)
    return {name: known[name].kind.read(value) for name, value in given.items() if value is not None}


def _place(address: Any) -> str:
    if isinstance(address, str):
        return f"unix:{address}"
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
