"""What a process pays before its first request: imports, settings, keys."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.measuring import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMED = """
import time
began = time.perf_counter()
{work}
print(time.perf_counter() - began)
"""
_BUILT = """
import time
from jwt_signer_mw.wsgi import JWTSignerMiddleware
began = time.perf_counter()
JWTSignerMiddleware(None, {{
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_issuers_allowed": ["https://idp.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_signing_algorithm": "{alg}",
    "channel_token_optional": True,
    "keyset_store": "{store}",
}})
print(time.perf_counter() - began)
"""
PROGRAMS = {
    "python3 with nothing": _TIMED.format(work="pass"),
    "import jwt_signer_mw": _TIMED.format(work="import jwt_signer_mw"),
    "import jwt_signer_mw.wsgi": _TIMED.format(work="import jwt_signer_mw.wsgi"),
    "import jwt_signer_mw.asgi": _TIMED.format(work="import jwt_signer_mw.asgi"),
    "import flask": _TIMED.format(work="import flask"),
    "import django.core.handlers.wsgi": _TIMED.format(work="import django.core.handlers.wsgi"),
    "build with a new ES256 set in memory": _BUILT.format(alg="ES256", store="memory://"),
    "build with a new RS256 set in memory": _BUILT.format(alg="RS256", store="memory://"),
}


def measure_startup(rounds: int, tick: Callable[[], None]) -> dict[str, Figure]:
    """Milliseconds, each in a process of its own."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            result = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True
            )
            seconds[name].append(float(result.stdout.split()[-1]))
        tick()
    return {name: Figure.of(1000 * value for value in values) for name, values in seconds.items()}
