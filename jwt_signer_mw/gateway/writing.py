"""Writes a gateway file as TOML, tables in the order they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_toml(content: Mapping[str, Any]) -> str:
    """The content as TOML 1.0. Nulls are left out: TOML has none, and in settings they are defaults."""
    return "\n".join(_table(content, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [
        f"{_key(name)} = {value_text(value)}"
        for name, value in table.items()
        if value is not None and not _is_table(value, path)
    ]
    for name, value in table.items():
        if not _is_table(value, path):
            continue
        for one in value if isinstance(value, list) else [value]:
            inner = (*path, name)
            head = ".".join(map(_key, inner))
            body = _table(one, inner)
            has_own = bool(body) and not body[0].startswith(("\n", "["))
            title = f"[[{head}]]" if isinstance(value, list) else f"[{head}]"
            lines += ["", title] if has_own or isinstance(value, list) or not one else []
            lines += body
    return lines


def _is_table(value: Any, path: tuple[str, ...]) -> bool:
    """Maps stand inline inside a policy, where they are values such as claims."""
    if len(path) >= 2 or path == ("routes",):
        return False
    if isinstance(value, list):
        return not path and bool(value) and all(isinstance(one, Mapping) for one in value)
    return isinstance(value, Mapping)


def value_text(value: Any) -> str:
    """One value, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {value_text(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else value_text(name)
