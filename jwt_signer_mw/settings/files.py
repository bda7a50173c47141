"""Settings files in TOML, JSON or YAML, read into a mapping for `Settings.load`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.kinds import describe
from jwt_signer_mw.wire import Malformed, parse_json

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable

MAX_BYTES = 1_048_576  # a settings file that is longer is another file


def load_file(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The mapping that a settings file holds; its ending says the format.

    Raises `ConfigurationError`. A name that occurs twice is refused in every format.
    """
    file = Path(path)
    parse = _FORMATS.get(file.suffix.lower())
    if parse is None:
        raise _refusal(f"{file.name} ends neither in .toml nor in .json, .yaml or .yml.")
    try:
        data = _read(file, max_bytes)
        content = parse(data)
    except OSError as error:
        raise _refusal(f"{file.name} can't be read ({error.strerror or 'no reason given'}).") from None
    except (ValueError, RecursionError) as error:
        raise _refusal(f"{file.name} is not what its ending says{_place(error)}.") from None
    if not isinstance(content, dict):
        raise _refusal(f"{file.name} must hold a map of options, not {describe(content)}.")
    return content


def _read(file: Path, max_bytes: int) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _refusal(f"{file.name} is longer than {max_bytes} bytes.")
    return data


def _refusal(text: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([problem("settings.E013", "", text, hint)])


def _place(error: BaseException) -> str:
    """Where a parser stopped; never its own words, which may repeat a line with a secret."""
    line = re.search(r"at line [0-9]+", str(error))
    return f" ({line[0]})" if line else ""


def _parse_toml(data: bytes) -> object:
    return tomllib.loads(data.decode())


def _parse_json(data: bytes) -> object:
    return parse_json(data)


def _parse_yaml(data: bytes) -> object:
    try:
        import yaml
    except ImportError:
        hint = "pip install PyYAML, or write the file in TOML or JSON."
        raise _refusal("YAML can't be read without the package PyYAML.", hint) from None

    class UniqueNames(yaml.SafeLoader):
        """PyYAML takes the last of two equal names in silence, which could switch off a check."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
            if len(set(names)) < len(names):
                raise yaml.constructor.ConstructorError(None, None, "a name twice", node.start_mark)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(data, UniqueNames)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Malformed(f"at line {mark.line + 1}" if mark else "malformed") from None


_FORMATS: dict[str, Callable[[bytes], object]] = {
    ".toml": _parse_toml,
    ".json": _parse_json,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
}
