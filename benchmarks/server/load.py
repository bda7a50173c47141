"""Load by wrk, with one token or with many."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.server.processes import processor_seconds

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS = 16
WARM_UP = 1.0  # seconds
_LUA = """
local tokens = {{}}
for line in io.lines("{path}") do tokens[#tokens + 1] = "Bearer " .. line end
local turn = 0
function request()
  turn = turn % #tokens + 1
  return wrk.format("GET", "/", {{ ["Authorization"] = tokens[turn] }})
end
"""


class Load(NamedTuple):
    """What one run of wrk came to. `microseconds`: processor time of the server per request."""

    requests: float  # per second
    microseconds: float
    failures: int


def write_script(folder: Path, tokens: list[str]) -> Path:
    """A script of wrk that sends the tokens in turn."""
    (folder / "tokens").write_text("\n".join(tokens))
    script = folder / "tokens.lua"
    script.write_text(_LUA.format(path=folder / "tokens"))
    return script


def put_under_load(url: str, pid: int, seconds: float, *options: str) -> Load:
    """Sends requests for so many seconds, after a moment to get warm."""
    _wrk(url, WARM_UP, *options)
    before = processor_seconds(pid)
    shown = _wrk(url, seconds, *options)
    spent = processor_seconds(pid) - before
    count = int(_number(shown, r"(\d+) requests in"))
    failures = int(_number(shown, r"Non-2xx or 3xx responses: (\d+)"))
    return Load(_number(shown, r"Requests/sec:\s+([\d.]+)"), 1e6 * spent / max(1, count), failures)


def _wrk(url: str, seconds: float, *options: str) -> str:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", *options, url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _number(shown: str, pattern: str) -> float:
    found = re.search(pattern, shown)
    return float(found[1]) if found else 0.0
