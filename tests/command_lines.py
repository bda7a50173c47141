"""Command lines of ours, looked at by the parsers that would read them."""

from __future__ import annotations

import contextlib
import io
import re
from argparse import ArgumentParser
from importlib import import_module
from typing import TYPE_CHECKING

from jwt_signer_mw.command import explain, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def fault_of_command(words: Sequence[str]) -> str:
    """What a parser says against a command of ours; empty for good ones, and for those of others."""
    while words and ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    for start, check in CHECKS.items():
        if tuple(words[: len(start)]) == start:
            return _said(check, list(words[len(start) :]))
    if words[:2] == ["python", "manage.py"] and words[2:3] and words[2].startswith("jwt_signer_"):
        return _said(_parse_django, list(words[2:]))
    return ""


def _said(check: Callable[[list[str]], object], words: list[str]) -> str:
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(io.StringIO()):
            check(words)
    except SystemExit as leaving:
        return output.getvalue() if leaving.code else ""
    except Exception as problem:  # noqa: BLE001  of click, of Django
        return f"{words}: {problem!r}"
    return ""


def _parse_flask(words: list[str]) -> None:
    from click import Group

    from flask_jwt_signer.cli import group

    command = group.commands[words[0]]
    if words[0] == "explain":
        parser = ArgumentParser()
        explain.add_question(parser)
        parser.parse_args(words[1:])
    elif isinstance(command, Group):
        command.commands[words[1]].make_context(words[1], words[2:])
    else:
        command.make_context(words[0], words[1:])


def _parse_django(words: list[str]) -> None:
    module = import_module(f"django_jwt_signer.management.commands.{words[0]}")
    module.Command().create_parser("manage.py", words[0]).parse_args(words[1:])


CHECKS: dict[tuple[str, ...], Callable[[list[str]], object]] = {
    ("jwt-signer",): parse,
    (".venv/bin/jwt-signer",): parse,
    ("python", "-m", "jwt_signer_mw"): parse,
    ("flask", "jwt-signer"): _parse_flask,
}
