"""Whole servers under load: `python -m benchmarks.server`. Needs wrk and the extra `benchmarks`.

Each server has one worker; the application answers "hello". Processor time per request is what counts:
requests per second depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import report, tables
from benchmarks.__main__ import PAGE
from benchmarks.machine import SERVERS, describe
from benchmarks.provider import Provider
from benchmarks.server.apps import JWKS
from benchmarks.server.envoy import write_configuration
from benchmarks.server.load import Load, put_under_load, write_script
from benchmarks.server.processes import free_port, started
from benchmarks.tokens import token
from jwt_signer_mw.command.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NEW_TOKENS = 20_000  # twice what a middleware or Envoy remembers: each comes again as a new one
SECONDS = 6.0
BARE, KNOWN, NEW = "bare", "a known token", "new tokens"
APPS = "benchmarks.server.apps"
PYTHON = {
    "gunicorn, WSGI, 4 threads": (
        f"gunicorn -w1 -k gthread --threads 4 --keep-alive 60 -b 127.0.0.1:{{port}} {APPS}:wsgi"
    ),
    "granian, WSGI": f"granian --interface wsgi --workers 1 --port {{port}} {APPS}:wsgi",
    "uvicorn, ASGI": f"uvicorn --no-access-log --log-level error --port {{port}} {APPS}:asgi",
    "granian, ASGI": f"granian --interface asgi --workers 1 --port {{port}} {APPS}:asgi",
}


class Contender(NamedTuple):
    """One server in one state. `command` makes its command line for a port."""

    server: str
    state: str
    command: Callable[[int], list[str]]
    environment: dict[str, str]
    options: tuple[str, ...]  # of wrk


def contenders(folder: Path) -> Iterator[Contender]:
    jwks = folder / "jwks.json"
    jwks.write_bytes(Provider().jwks)
    one = ("-H", f"Authorization: Bearer {token(0)}")
    many = ("-s", str(write_script(folder, [token(number) for number in range(NEW_TOKENS)])))
    for server, line in PYTHON.items():
        wrapped = {JWKS: jwks.as_uri()}
        for state, environment, options in ((BARE, {}, one), (KNOWN, wrapped, one), (NEW, wrapped, many)):
            yield Contender(server, state, _command(line), environment, options)
    for state, keys, options in ((BARE, None, one), (KNOWN, jwks, one), (NEW, jwks, many)):
        yield Contender("Envoy, jwt_authn", state, _envoy(folder, state, keys), {}, options)


def _command(line: str) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, "-m", *line.format(port=port).split()]


def _envoy(folder: Path, state: str, jwks: Path | None) -> Callable[[int], list[str]]:
    binary = shutil.which("envoy", path=str(Path(sys.executable).parent)) or "envoy"

    def command(port: int) -> list[str]:
        name = f"envoy-{port}"
        path = write_configuration(folder, name, port, jwks, cache=state == KNOWN)
        return [binary, "-c", str(path), "--concurrency", "1", "--log-level", "error", "--base-id", str(port)]

    return command


def measure(contender: Contender, seconds: float) -> Load:
    port = free_port()
    with started(contender.command(port), port, contender.environment) as pid:
        load = put_under_load(f"http://127.0.0.1:{port}/", pid, seconds, *contender.options)
    if load.failures or not load.requests:
        raise RuntimeError(f"{contender.server}, {contender.state}: {load.failures} failures")
    return load


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.server", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each figure ({SECONDS:g})")
    parser.add_argument("--write", action="store_true", help="write the table into docs/")
    arguments = parser.parse_args(argv)
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 1
    loads: dict[str, dict[str, Load]] = {}
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        for contender in progress.each(tuple(contenders(Path(folder))), "measuring", _title):
            loads.setdefault(contender.server, {})[contender.state] = measure(contender, arguments.seconds)
    table = _table(loads)
    print(table)
    if arguments.write:
        report.replace_part(PAGE, "servers", f"{table}\n\nMeasured on: {describe(SERVERS)}.")
    return 0


def _title(contender: Contender) -> str:
    return f"{contender.server}, {contender.state}"


def _table(loads: dict[str, dict[str, Load]]) -> str:
    head = (
        "",
        *(f"{state}, µs" for state in (BARE, KNOWN, NEW)),
        *(f"{state}, /s" for state in (BARE, KNOWN, NEW)),
    )
    rows = []
    for server, states in loads.items():
        found = [states[state] for state in (BARE, KNOWN, NEW)]
        rows.append(
            (
                server,
                *(f"{one.microseconds:.0f}" for one in found),
                *(f"{one.requests:,.0f}" for one in found),
            )
        )
    return tables.table(head, rows)


if __name__ == "__main__":
    sys.exit(main())
