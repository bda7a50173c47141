"""References in place of secrets: `{vault://env/NAME}` and `{file:///path}`, resolved at load.

What a reference stands for is never empty: an unset variable must not become an empty secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.kinds import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECRET_BYTES = 65_536  # a file that is longer holds no secret

_REFERENCE = re.compile(r"\{(vault|file)://([^{}]*)\}")
_VARIABLE = re.compile(r"env/([A-Za-z_][A-Za-z0-9_-]*)")


def mentions_reference(value: object) -> bool:
    """Whether a text, or a text in a list, holds a reference, alone or among other text."""
    if isinstance(value, (list, tuple)):
        return any(map(mentions_reference, value))
    return isinstance(value, str) and _REFERENCE.search(value) is not None


def resolve(value: object, environ: Mapping[str, str]) -> object:
    """The value with its references replaced. Raises `Unreadable`."""
    if isinstance(value, (list, tuple)):
        return [resolve(element, environ) for element in value]
    if not isinstance(value, str):
        return value
    reference = _REFERENCE.fullmatch(value.strip())
    if reference is None:
        return value
    scheme, rest = reference.groups()
    found = _read_file(rest) if scheme == "file" else _read_variable(rest, environ)
    if not found.strip():
        raise Unreadable("settings.E010", "is a reference to something empty.")
    return found


def _read_variable(rest: str, environ: Mapping[str, str]) -> str:
    """`my-secret` is the variable of that very name, or `MY_SECRET` as in Kong's vault."""
    name = _VARIABLE.fullmatch(rest)
    if name is None:
        raise Unreadable("settings.E010", "is a reference that can't be read.")
    for variable in (name[1], name[1].replace("-", "_").upper()):
        if variable in environ:
            return environ[variable]
    raise Unreadable("settings.E010", f"refers to the environment variable {name[1]}, which is not set.")


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
        text = data.decode().rstrip("\r\n")
    except (OSError, ValueError) as problem:
        raise Unreadable("settings.E010", f"refers to a file that can't be read ({_why(problem)}).") from None
    if len(data) > MAX_SECRET_BYTES:
        raise Unreadable("settings.E010", f"refers to a file of more than {MAX_SECRET_BYTES} bytes.")
    return text


def _why(problem: OSError | ValueError) -> str:
    return (problem.strerror or "no reason given") if isinstance(problem, OSError) else "not text in UTF-8"
