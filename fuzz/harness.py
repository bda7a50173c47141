"""What the harnesses share: a loop with a time budget, and seeds of our own."""

from __future__ import annotations

import json
import sys
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BUDGET = 600  # seconds, where the command line names no other
LONGEST = 20_000  # bytes of one input: above the limit of a token


def fuzz(target: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Runs `target` on mutated seeds for the seconds that the command line names. Ends the process.

    Whatever `target` raises is a finding; the input is left in a file `crash-...`.
    """
    budget = int(sys.argv[1]) if len(sys.argv) > 1 else BUDGET
    folder = Path(tempfile.mkdtemp(prefix="jwt-signer-fuzz-"))
    for number, seed in enumerate(seeds):
        (folder / f"seed{number}").write_bytes(seed)
    options = [f"-max_total_time={budget}", f"-max_len={LONGEST}", "-timeout=5", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *options, str(folder)], target)
    atheris.Fuzz()


def segment(value: object) -> str:
    """Base64url of a JSON value, or of bytes."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()
