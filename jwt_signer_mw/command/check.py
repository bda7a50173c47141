"""`jwt-signer check`: everything that is wrong with a settings file, or what it will do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from jwt_signer_mw.command.description import describe
from jwt_signer_mw.command.style import indented, paint
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.settings import Settings, load_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jwt_signer_mw.command.description import Section
    from jwt_signer_mw.errors import Problem

GOOD, BAD = 0, 1
_COLOURS = {"error": "red", "warning": "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="settings file in TOML, JSON or YAML")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.epilog = "What the file leaves unset comes from JWT_SIGNER_... variables, as in the middleware."


def run(arguments: argparse.Namespace) -> int:
    """0: the settings can be used, perhaps with warnings. 1: they can't."""
    settings, problems = examine(arguments.config)
    show = _show_json if arguments.json else show_text
    show(arguments.config, settings, problems)
    return BAD if settings is None else GOOD


def examine(path: str) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings, if they can be used, and all problems."""
    try:
        settings = Settings.load(load_file(path), environ=os.environ)
    except ConfigurationError as error:
        return None, error.problems
    return settings, settings.warnings


def _show_json(path: str, settings: Settings | None, problems: Sequence[Problem]) -> None:
    sections = [] if settings is None else describe(settings)
    document = {
        "file": path,
        "usable": settings is not None,
        "problems": [problem._asdict() for problem in problems],
        "description": [_plain(section) for section in sections],
    }
    print(json.dumps(document, indent=2))


def show_text(title: str, settings: Settings | None, problems: Sequence[Problem]) -> None:
    """Problems by gravity, then what the settings will do; None for settings that can't be used."""
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    verdict = paint("can't be used", "red") if settings is None else paint("can be used", "green")
    print(f"{paint(title, 'bold')} {verdict}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    for problem in sorted(problems, key=lambda problem: problem.level):
        level, option = paint(problem.level, _COLOURS[problem.level]), paint(problem.option, "bold")
        print(f"\n{level} {problem.id} {option}".rstrip())
        print(indented(f"{problem.text} {problem.hint}".strip(), "  ", "  "))
    for section in () if settings is None else describe(settings):
        print(f"\n{paint(section.title, 'bold')}")
        for sentence in section.sentences:
            print(indented(sentence.text, "  - ", "    "))
            for detail in sentence.details:
                print(indented(detail, "      ", "        "))


def _plain(section: Section) -> dict[str, object]:
    return {"title": section.title, "sentences": [sentence._asdict() for sentence in section.sentences]}


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
