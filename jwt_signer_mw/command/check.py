"""`jwt-signer check`: everything that is wrong with a settings or gateway file, or what it will do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jwt_signer_mw.command.description import describe
from jwt_signer_mw.command.style import indented, paint
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.gateway.configuration import load_configuration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jwt_signer_mw.command.description import Section
    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.gateway.configuration import Configuration
    from jwt_signer_mw.gateway.options import Route
    from jwt_signer_mw.settings import Settings

GOOD, BAD = 0, 1
_COLOURS = {"error": "red", "warning": "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="settings or gateway file in TOML, JSON or YAML")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--quiet", action="store_true", help="problems only, no description")
    parser.epilog = "What the file leaves unset comes from JWT_SIGNER_... variables, as in the middleware."


def run(arguments: argparse.Namespace) -> int:
    """0: the file can be used, perhaps with warnings. 1: it can't, or `--strict` finds a warning."""
    configuration, problems = examine(arguments.config)
    show = _show_json if arguments.json else _show_text
    show(arguments.config, configuration, problems, arguments.quiet)
    return BAD if configuration is None or (arguments.strict and problems) else GOOD


def examine(path: str) -> tuple[Configuration | None, tuple[Problem, ...]]:
    """The file's content, if it can be used, and all problems."""
    try:
        configuration = load_configuration(path)
    except ConfigurationError as error:
        return None, error.problems
    return configuration, configuration.warnings


def _show_json(
    path: str, configuration: Configuration | None, problems: Sequence[Problem], quiet: bool
) -> None:
    document: dict[str, object] = {
        "file": path,
        "usable": configuration is not None,
        "problems": [problem._asdict() for problem in problems],
    }
    if configuration is None or configuration.is_one_policy:
        settings = None if configuration is None else next(iter(configuration.policies.values()))
        document["description"] = [] if settings is None or quiet else _plain(settings)
    else:
        policies = {} if quiet else configuration.policies
        document["policies"] = {name: _plain(settings) for name, settings in policies.items()}
        document["routes"] = [_sentence_of(route, configuration) for route in configuration.routes]
    print(json.dumps(document, indent=2))


def _show_text(
    path: str, configuration: Configuration | None, problems: Sequence[Problem], quiet: bool
) -> None:
    if configuration is None or configuration.is_one_policy:
        settings = None if configuration is None else next(iter(configuration.policies.values()))
        show_text(path, settings, problems, quiet=quiet)
        return
    show_problems(path, problems, usable=True)
    print(f"\n{paint('Routes', 'bold')}")
    for route in configuration.routes:
        print(indented(_sentence_of(route, configuration), "  - ", "    "))
    for name, settings in {} if quiet else configuration.policies.items():
        print(f"\n{paint(f'Policy {name}', 'bold')}")
        show_description(settings)


def show_text(
    title: str, settings: Settings | None, problems: Sequence[Problem], *, quiet: bool = False
) -> None:
    """Problems by gravity, then what the settings will do; None for settings that can't be used."""
    show_problems(title, problems, usable=settings is not None)
    if settings is not None and not quiet:
        show_description(settings)


def show_problems(title: str, problems: Sequence[Problem], *, usable: bool) -> None:
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    verdict = paint("can be used", "green") if usable else paint("can't be used", "red")
    print(f"{paint(title, 'bold')} {verdict}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    for problem in sorted(problems, key=lambda problem: problem.level):
        level, option = paint(problem.level, _COLOURS[problem.level]), paint(problem.option, "bold")
        print(f"\n{level} {problem.id} {option}".rstrip())
        print(indented(f"{problem.text} {problem.hint}".strip(), "  ", "  "))


def show_description(settings: Settings) -> None:
    for section in describe(settings):
        print(f"\n{paint(section.title, 'bold')}")
        for sentence in section.sentences:
            print(indented(sentence.text, "  - ", "    "))
            for detail in sentence.details:
                print(indented(detail, "      ", "        "))


def _sentence_of(route: Route, configuration: Configuration) -> str:
    hosts = "" if route.hosts is None else f" of {', '.join(route.hosts)}"
    methods = "" if route.methods is None else f"{', '.join(route.methods)} "
    judged = "pass unchecked" if route.exempt else f"meet the policy {route.policy}"
    upstream = route.upstream or configuration.gateway.upstream
    goes = "" if upstream is None else f" and go to {upstream}"
    return f"{methods}{route.path}{hosts}: requests {judged}{goes}."


def _plain(settings: Settings) -> list[dict[str, object]]:
    return [_plain_section(section) for section in describe(settings)]


def _plain_section(section: Section) -> dict[str, object]:
    return {"title": section.title, "sentences": [sentence._asdict() for sentence in section.sentences]}


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
