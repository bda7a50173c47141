"""Where the time of a pass goes, by a sampling profiler: `python -m benchmarks.profile`. Needs py-spy."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report, tables
from benchmarks.__main__ import PAGE, ROOT
from benchmarks.goals import forgetful, new_requests
from benchmarks.setups import wsgi
from benchmarks.tokens import token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RATE = 1000  # samples per second
SECONDS = 20.0
LEAST = 0.005  # of all samples: what is shown
PASSES = ("known", "new")

# The innermost frame that stands here tells the stage: file, function or "" for any, what it is.
STAGES = (
    ("jose/primitives.py", "verify", "raw RS256 verification"),
    ("jose/primitives.py", "sign", "raw ES256 signature, and its form in a JWT"),
    ("flows/verdicts.py", "name_of", "SHA-256 of the header value"),
    ("flows/verdicts.py", "get", "look-up of the verdict, two comparisons"),
    ("flows/verdicts.py", "put", "remembering the verdict"),
    ("flows/pipeline.py", "_forward", "identity and decision"),
    ("flows/pipeline.py", "find", "look-up of the verdict, two comparisons"),
    ("flows/pipeline.py", "_write", "putting headers and verdict together"),
    ("flows/pipeline.py", "_shape", "putting headers and verdict together"),
    ("wire.py", "parse_object", "JSON of the payload, read strictly"),
    ("wire.py", "dump_json", "JSON of the new claims"),
    ("wire.py", "decode_base64url", "base64url in and out"),
    ("wire.py", "base64url", "base64url in and out"),
    ("tokens/checks.py", "", "checks of the claims"),
    ("tokens/claims.py", "", "checks of the claims"),
    ("tokens/compact.py", "", "reading the token: size, alphabet, header"),
    ("request/extract.py", "", "reading the token: size, alphabet, header"),
    ("flows/lanes.py", "read", "reading the token: size, alphabet, header"),
    ("flows/examine.py", "read", "reading the token: size, alphabet, header"),
    ("flows/examine.py", "classify", "reading the token: size, alphabet, header"),
    ("flows/verify.py", "", "choosing the key, rules about algorithms and sizes"),
    ("jose/", "", "choosing the key, rules about algorithms and sizes"),
    ("flows/resign.py", "", "the new token: claims, header, assembly"),
    ("flows/signers.py", "", "the new token: claims, header, assembly"),
    ("drivers/blocking.py", "", "single flight and running flows"),
    ("flows/", "", "the story itself: pipeline and flows"),
    ("jwt_signer_mw/wsgi.py", "_rewritten", "copying the environ, removing and writing headers"),
    ("jwt_signer_mw/wsgi.py", "", "the adapter's call"),
    ("benchmarks/", "", "the application"),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each profile ({SECONDS:g})")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/")
    parser.add_argument("--pass", dest="subject", choices=PASSES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.subject:
        _repeat(arguments.subject, arguments.seconds)
        return 0
    parts = [_profile(subject, arguments.seconds) for subject in PASSES]
    print("\n\n".join(parts))
    if arguments.write:
        report.replace_part(PAGE, "profile", "\n\n".join(parts))
    return 0


def _passes(subject: str) -> Callable[[int], None]:
    known = wsgi.environ(token(0))
    if subject == "known":
        return wsgi.passes(wsgi.wrapped(access_token_signing_algorithm="ES256"), lambda: known)
    return wsgi.passes(forgetful("ES256"), new_requests())


def _repeat(subject: str, seconds: float) -> None:
    """Does it for so long, and prints the processor time of one pass in microseconds."""
    run = _passes(subject)
    run(1000)
    count, start, ends = 0, time.thread_time(), time.monotonic() + seconds
    while time.monotonic() < ends:
        run(500)
        count += 500
    print(1e6 * (time.thread_time() - start) / count)


def _profile(subject: str, seconds: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        child = [sys.executable, "-m", "benchmarks.profile", "--pass", subject, "--seconds", f"{seconds}"]
        command = [
            "py-spy",
            "record",
            "--rate",
            str(RATE),
            "--format",
            "raw",
            "--output",
            str(stacks),
            "--",
            *child,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        microseconds = next(float(line) for line in done.stdout.splitlines() if _is_number(line))
        counts = _count(stacks.read_text().splitlines())
    return _table(f"a {subject} token, {microseconds:.1f} µs", microseconds, counts)


def _count(lines: Iterable[str]) -> Counter[str]:
    """Samples by stage, of the passes only."""
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        if "_repeat" in stack and "JWTSignerMiddleware.__call__" in stack:
            counts[_stage(stack.split(";"))] += int(samples)
    return counts


def _stage(frames: list[str]) -> str:
    for frame in reversed(frames):
        function, _, place = frame.partition(" (")
        for file, name, title in STAGES:
            if file in place and name in ("", function.rpartition(".")[2]):
                return title
    return "other"


def _table(title: str, microseconds: float, counts: Counter[str]) -> str:
    total = sum(counts.values())
    rows = [
        (stage, f"{microseconds * count / total:.1f}", f"{100 * count / total:.0f} %")
        for stage, count in counts.most_common()
        if count >= total * LEAST
    ]
    return tables.table((title, "µs", ""), rows)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


if __name__ == "__main__":
    sys.exit(main())
