"""Whatever the docs show as code is code: each block of each page is compiled, loaded or parsed.

Pages whose blocks are run from end to end have tests of their own: README, tutorials, how-to pages.
"""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from code_of_docs import broken_imports, commands, settings_in
from command_lines import fault_of_command
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.gateway.configuration import read_configuration
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.loading import OPTIONS
from pages import blocks, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pages import Block

NOT_CODE = frozenset({"", "text", "{include}", "{toctree}"})  # output, drawings, and words to Sphinx
OTHERS = frozenset({"java"})  # what other libraries' users write: see test_upstream.py for what it stands for
PARSERS: Mapping[str, Callable[[str], Any]] = {
    "toml": tomllib.loads,
    "json": json.loads,
    "yaml": yaml.safe_load,
}
GATEWAY = frozenset({"gateway", "policies", "routes", "upstream"})
STAND_IN = "stand-in-of-a-secret-that-is-long-enough"
REFERENCE = re.compile(r"\{vault://env/([A-Z_]+)\}")

# page, and the beginning of a block: why it is not looked at
EXCEPTIONS: Mapping[tuple[str, str], str] = {}

ALL = [block for page in pages() for block in blocks(page)]
CODE = [
    pytest.param(block, id=block.place)
    for block in ALL
    if block.language not in NOT_CODE | OTHERS
    and not any(block.page == page and block.text.startswith(start) for page, start in EXCEPTIONS)
]


@pytest.mark.parametrize("block", CODE)
def test_a_block_is_what_it_says(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.language == "python":
        check_python(block, monkeypatch)
    elif block.language in PARSERS:
        check_parsed(block, monkeypatch)
    else:
        assert block.language in ("sh", "console"), (
            f"{block.language} at {block.place}: teach this test about it"
        )
        faults = [fault_of_command(words) for words in commands(block)]
        assert [fault for fault in faults if fault] == []


def check_parsed(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, or as what is added to the settings of the blocks above it."""
    given = PARSERS[block.language](block.text)
    try:
        check_mapping(given, monkeypatch)
    except ConfigurationError:
        above = [one for one in ALL if one.page == block.page and one.line < block.line]
        parsed = [PARSERS[one.language](one.text) for one in above if one.language == block.language]
        if not parsed:
            raise
        check_mapping({name: value for one in (*parsed, given) for name, value in one.items()}, monkeypatch)


def check_python(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles, what it imports of ours is there, and the settings in it are known."""
    tree = compile(
        block.text, block.place, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    assert isinstance(tree, ast.Module)
    assert list(broken_imports(tree)) == []
    for names, values in settings_in(tree):
        assert sorted(names - OPTIONS.keys()) == []
        if values is not None:
            check_mapping(values, monkeypatch)


def check_mapping(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and gateway files can be used, once the variables that they name are set."""
    for name in REFERENCE.findall(json.dumps(given, default=str)):
        monkeypatch.setenv(name, STAND_IN)
    if not isinstance(given, dict):
        return
    if given.keys() & GATEWAY:
        read_configuration(given, os.environ)
    elif given.keys() & OPTIONS.keys():
        Settings.load(given)


def test_exceptions_are_still_needed() -> None:
    used = {
        (page, start)
        for page, start in EXCEPTIONS
        for block in ALL
        if block.page == page and block.text.startswith(start)
    }
    assert used == EXCEPTIONS.keys()


def test_there_is_something_to_check() -> None:
    found = {block.language for block in ALL}
    assert found >= {"python", "toml", "sh"}
    assert {block.page for block in ALL} >= {"README.md", "docs/django.md", "docs/reference/command.md"}
