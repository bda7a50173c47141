"""`jwt-signer demo`: the five scenarios on real sockets."""

from __future__ import annotations

import io
import signal
import sys
from typing import TYPE_CHECKING

from jwt_signer_mw.command import FAILED, USAGE, lacks

if TYPE_CHECKING:
    import argparse

NEEDED = {"jwt": "PyJWT", "rich": "rich", "werkzeug": "Werkzeug"}  # modules and their packages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="run all scenarios and exit with 0 or 1")


def run(arguments: argparse.Namespace) -> int:
    """1: something was not as expected. 2: a package is missing."""
    if lacks("the demo", NEEDED, "demo"):
        return USAGE
    from jwt_signer_mw.demo.running import run_demo
    from jwt_signer_mw.demo.terminal import Terminal, open_console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an ASCII terminal has no check marks
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops as cleanly as Ctrl-C does
    return 0 if run_demo(Terminal(open_console()), once=arguments.once) else FAILED
