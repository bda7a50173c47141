"""What is in a block of code, without running it."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.settings.loading import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pages import Block

OURS = ("jwt_signer_mw", "django_jwt_signer", "flask_jwt_signer")
CONTINUED = re.compile(r"\\\n\s*")
BETWEEN = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<", "(", ")"})


def broken_imports(tree: ast.AST) -> Iterator[str]:
    """What is imported of ours and is not there; nothing is executed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                one.name for one in node.names if one.name.startswith(OURS) and not find_spec(one.name)
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = str(node.module)
            yield from (f"{module}.{one.name}" for one in node.names if not _has(module, one.name))


def _has(module: str, name: str) -> bool:
    return name in names_of(module) or _spec(f"{module}.{name}") is not None


@cache
def names_of(module: str) -> frozenset[str]:
    """What a module's source binds at its top."""
    spec = _spec(module)
    if spec is None or spec.origin is None:
        return frozenset()
    bound: set[str] = set()
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        for one in (
            ast.walk(node) if isinstance(node, ast.Assign | ast.AnnAssign | ast.If | ast.Try) else [node]
        ):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(one.name)
            elif isinstance(one, ast.Import | ast.ImportFrom):
                bound.update(alias.asname or alias.name for alias in one.names)
            elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                bound.add(one.id)
    return frozenset(bound)


def _spec(module: str) -> Any:
    try:
        return find_spec(module)
    except ModuleNotFoundError:
        return None


def settings_in(tree: ast.AST) -> Iterator[tuple[set[str], dict[str, Any] | None]]:
    """The names in every dict that holds settings, and the dict itself where all of it is literal."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        names = {
            key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        if not names & OPTIONS.keys():
            continue
        try:
            values = ast.literal_eval(node)
        except ValueError:
            values = None
        yield names, None if values is None or ... in values.values() else values


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a shell block, in words; a `console` block shows them after `$ `."""
    text = CONTINUED.sub(" ", block.text)
    for line in text.splitlines():
        if block.language == "console":
            if not line.startswith("$ "):
                continue
            line = line.removeprefix("$ ")  # noqa: PLW2901
        yield from _split(re.sub(r"\$\(.*?\)", "substituted", line))


def _split(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in BETWEEN:
            yield words
            words = []
        else:
            words.append(word)
    yield words
