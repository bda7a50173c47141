"""`jwt-signer import-kong`: a declarative Kong file becomes ours, with a report about every line of it."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.command import USAGE, complain
from jwt_signer_mw.command.progress import Progress
from jwt_signer_mw.command.style import indented, paint
from jwt_signer_mw.gateway.configuration import given_policies
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.gateway.writing import write_toml
from jwt_signer_mw.kong.exporting import export_policy
from jwt_signer_mw.kong.importing import import_kong
from jwt_signer_mw.kong.reading import FORM_ENDINGS, read_form
from jwt_signer_mw.kong.report import FATES
from jwt_signer_mw.settings import load_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from jwt_signer_mw.kong.importing import Imported
    from jwt_signer_mw.kong.reading import Plugin
    from jwt_signer_mw.kong.report import Line

GOOD, BAD = 0, 1
MAX_BYTES = 64 << 20  # a whole fleet's services in one file; ours are never that long
_COLOURS = {"refused": "red", "weak": "yellow", "differs": "yellow", "ignored": "dim", "taken": "green"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="decK or Kong file in YAML or JSON, or a form post of the Admin API (.form)",
    )
    parser.add_argument("--output", "-o", metavar="FILE", help="where to write ours (standard output)")
    parser.add_argument("--json", action="store_true", help="the report for machines")
    parser.add_argument("--reverse", action="store_true", help="FILE is ours: write a policy of it as Kong's")
    parser.add_argument("--policy", metavar="NAME", default=DEFAULT, help="with --reverse (default)")


def run(arguments: argparse.Namespace) -> int:
    """1: something can't be taken over, and has to be written by hand."""
    if arguments.reverse:
        return _reverse(arguments)
    source = Path(arguments.file)
    imported = _imported(source)
    text = f"# From {source.name}, by jwt-signer import-kong.\n\n{write_toml(imported.content)}"
    report = sorted(imported.report, key=lambda line: FATES.index(line.fate))
    told = json.dumps([line._asdict() for line in report], indent=2) if arguments.json else _text(report)
    _write(arguments.output, text, told)
    return BAD if any(line.fate == "refused" for line in report) else GOOD


def _imported(source: Path) -> Imported:
    """YAML takes its time: more than a second for a megabyte."""
    with Progress() as progress:
        progress.tell(f"reading {source.name}")
        if source.suffix in FORM_ENDINGS:
            content = read_form(source.read_text())
        else:
            content = load_file(source, max_bytes=MAX_BYTES)
        return import_kong(content, partial(progress.each, doing="importing plugin", name=_place))


def _place(owned: tuple[tuple[str, str], Plugin]) -> str:
    return owned[1].place


def _reverse(arguments: argparse.Namespace) -> int:
    policies = given_policies(load_file(arguments.file))
    if arguments.policy not in policies:
        return complain(f"there is no policy {arguments.policy!r}", status=USAGE)
    exported = export_policy(policies[arguments.policy])
    left_out = "".join(f"not for Kong: {name}\n" for name in exported.left_out)
    _write(arguments.output, _yaml(exported.content), left_out.rstrip())
    return GOOD


def _yaml(content: Any) -> str:
    try:
        import yaml
    except ImportError:
        return json.dumps(content, indent=2) + "\n"  # which is YAML as well
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text


def _write(output: str | None, text: str, told: str) -> None:
    """What is told goes where it does not get mixed with the file."""
    if output is None:
        print(text, end="")
        print(told, file=sys.stderr)
        return
    Path(output).write_text(text, encoding="utf-8")
    print(told)


def _text(report: Sequence[Line]) -> str:
    lines: list[str] = []
    for fate in FATES:
        found = [line for line in report if line.fate == fate]
        if found:
            lines.append(f"{paint(fate, _COLOURS[fate])} ({len(found)})")
            lines += (indented(f"{line.place}: {line.text}", "  ", "      ") for line in found)
    return "\n".join(lines)
