"""The command `jwt-signer`. A sub-command's module is imported when the sub-command runs."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from jwt_signer_mw.errors import ConfigurationError, JWTSignerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jwt_signer_mw.errors import Problem

PROGRAM = "jwt-signer"
COMMANDS = {
    "demo": "show the five scenarios, on servers that are started for it",
    "provider": "be a small identity provider on this machine, to try things with",
    "init": "write a short settings file, with what the provider tells about itself",
    "check": "find all problems of a settings file, or say what will happen to a request",
    "explain": "say step by step what becomes of one request, and why",
    "serve": "be a gateway in front of services, or answer the questions of other proxies",
    "import-kong": "turn a declarative Kong file into ours, or one of our policies into Kong's",
    "schema": "print the JSON Schema of settings files, for editors",
    "purge": "have a running service forget what it decided about a token, a subject or all",
    "keys": "list, show, rotate, revoke, delete or reencrypt our key sets",
}
FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a sub-command; its exit status: 0 is good, 1 is bad news, 2 is wrong use."""
    logging.getLogger("jwt_signer_mw").addHandler(logging.NullHandler())  # commands say it themselves
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except SystemExit as leaving:  # argparse: after --help, --version and wrong use
        return leaving.code if isinstance(leaving.code, int) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `jwt-signer ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ConfigurationError as error:
        return complain(*(_sentence(problem) for problem in error.problems if problem.level == "error"))
    except (JWTSignerError, OSError) as error:
        return complain(error)


def complain(*problems: object, status: int = FAILED) -> int:
    """One line on standard error per thing that is wrong."""
    for problem in problems:
        print(f"{PROGRAM}: {str(problem) or type(problem).__name__}", file=sys.stderr)
    return status


def lacks(who: str, needed: Mapping[str, str], extra: str) -> bool:
    """Whether a module of `needed` (modules and their packages) is missing; says what to install."""
    missing = ", ".join(package for module, package in needed.items() if find_spec(module) is None)
    if missing:
        complain(f"{who} needs {missing}: pip install 'jwt-signer-mw[{extra}]'")
    return bool(missing)


def _sentence(problem: Problem) -> str:
    return f"{problem.option} {problem.text.rstrip('.')}. {problem.hint}".strip()


def _run(arguments: list[str]) -> int:
    parsed = parse(arguments)
    status: int = parsed.run(parsed)
    return status


def parse(arguments: list[str]) -> argparse.Namespace:
    """What is asked for; its `run` does it. Raises `SystemExit` for wrong use, `--help` and `--version`."""
    name = next((one for one in arguments if not one.startswith("-")), "")
    parser = argparse.ArgumentParser(
        PROGRAM, description="Verifies the tokens of a request and signs new ones for the services behind."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('jwt-signer-mw')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, summary in COMMANDS.items():
        one = commands.add_parser(command, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if command == name:
            module = import_module(f"{__name__}.{command.replace('-', '_')}")
            module.add_arguments(one)
            one.set_defaults(run=module.run)
    return parser.parse_args(arguments)
