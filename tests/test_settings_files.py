"""Settings files: three formats, one mapping."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.settings import load_file
from jwt_signer_mw.settings.files import MAX_BYTES
from parts import require_module

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
access_token_leeway = 60
access_token_scopes_required = ["a b", "c"]
channel_token_upstream_header = ""

[set_claims]
tier = "gold"
"""
JSON = """
{"access_token_leeway": 60, "access_token_scopes_required": ["a b", "c"],
 "channel_token_upstream_header": null, "set_claims": {"tier": "gold"}}
"""
YAML = """
access_token_leeway: 60
access_token_scopes_required: [a b, c]
channel_token_upstream_header:
set_claims:
  tier: gold
"""


def refusal(file: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load_file(file)
    (problem,) = raised.value.problems
    assert problem.id == "settings.E013"
    return problem.text


@pytest.mark.parametrize(
    "name, content", [("s.toml", TOML), ("s.JSON", JSON), ("s.yaml", YAML), ("s.yml", YAML)]
)
def test_every_format_says_the_same(tmp_path: Path, name: str, content: str) -> None:
    if name.endswith("ml") and name != "s.toml":
        require_module("yaml")
    (tmp_path / name).write_text(content)
    settings = Settings.load(load_file(str(tmp_path / name)))
    assert settings == Settings.load(
        {
            "access_token_leeway": 60,
            "access_token_scopes_required": ["a b", "c"],
            "set_claims": {"tier": "gold"},
        }
    )


@pytest.mark.parametrize(
    "name, content",
    [
        ("s.toml", "realm = 'a'\nrealm = 'b'"),
        ("s.json", '{"realm": "a", "realm": "b"}'),
        ("s.json", '{"set_claims": {"a": "1", "a": "2"}}'),
        ("s.yaml", "realm: a\nrealm: b"),
        ("s.yaml", "set_claims:\n  a: '1'\n  'a': '2'"),
    ],
)
def test_a_name_that_occurs_twice_is_refused(tmp_path: Path, name: str, content: str) -> None:
    if name == "s.yaml":
        require_module("yaml")
    (tmp_path / name).write_text(content)
    assert "is not what its ending says" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    "name, content",
    [
        ("s.toml", b"admin_token = s3cret"),
        ("s.toml", b"\xff"),
        ("s.json", b"{'admin_token': 's3cret'}"),
        ("s.json", b'{"access_token_leeway": NaN}'),
        ("s.json", b"[" * 10_000),
        ("s.yaml", b"admin_token: [s3cret"),
        ("s.yaml", b"admin_token: !!python/object/apply:os.getcwd []"),
        ("s.yaml", b"? [a]\n: b\n? {c: d}\n: e"),
        ("s.yaml", b"\xff\xfe\xff"),
        ("s.yaml", b"a: 1\n---\nb: 2"),
    ],
)
def test_a_broken_file_is_refused_without_its_content(tmp_path: Path, name: str, content: bytes) -> None:
    if name == "s.yaml":
        require_module("yaml")
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path / name)
    assert "s3cret" not in text
    assert "is not what its ending says" in text


@pytest.mark.parametrize("name, content", [("s.toml", "realm = 'a'\nx = ["), ("s.yaml", "a: b\nc: [d")])
def test_the_line_is_named(tmp_path: Path, name: str, content: str) -> None:
    if name == "s.yaml":
        require_module("yaml")
    (tmp_path / name).write_text(content)
    text = refusal(tmp_path / name)
    assert "at line 2" in text or "says." in text


@pytest.mark.parametrize(
    "name, content", [("s.json", "[]"), ("s.json", "null"), ("s.yaml", ""), ("s.yaml", "a")]
)
def test_a_file_holds_a_map(tmp_path: Path, name: str, content: str) -> None:
    if name == "s.yaml":
        require_module("yaml")
    (tmp_path / name).write_text(content)
    assert "must hold a map" in refusal(tmp_path / name)


def test_a_file_that_is_missing_too_long_or_of_no_known_kind(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.toml")
    (tmp_path / "folder.json").mkdir()
    assert "can't be read" in refusal(tmp_path / "folder.json")
    (tmp_path / "long.json").write_text(" " * (MAX_BYTES + 1))
    assert "longer" in refusal(tmp_path / "long.json")
    assert "ends neither" in refusal(tmp_path / "settings.ini")


def test_without_pyyaml_the_problem_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "s.yaml").write_text(YAML)
    with pytest.raises(ConfigurationError, match="PyYAML"):
        load_file(tmp_path / "s.yaml")
