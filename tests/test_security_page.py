"""Every rule has a test, every open case is played, and the page about them is current."""

from __future__ import annotations

import ast
import json

import pytest

from parts import ROOT, require_corpora
from security_page import CHECKLIST, ELSEWHERE, RULES, proofs, render

PAGE = ROOT / "docs" / "security" / "rules.md"

# Cases about what this suite does not have: see the threat model.
NOT_HERE = {"NET-28": "there is no filter of addresses: the settings alone name hosts"}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), (
        "bring it up to date: python tests/security_page.py > docs/security/rules.md"
    )


def test_every_rule_has_tests_and_rooms() -> None:
    found = proofs()
    assert list(RULES) == [f"S{number}" for number in range(1, 34)]
    assert [name for name in RULES if len(found.get(name, ())) < 2] == []
    rooms = {room for rule in RULES.values() for room in rule.rooms.split()}
    assert [room for room in rooms if not (ROOT / "jwt_signer_mw" / f"{room}.py").is_file()] == []
    assert {name for _, _, names in CHECKLIST for name in names.split()} <= set(RULES)


@pytest.mark.parametrize("test", ELSEWHERE)
def test_what_is_named_exists(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_open_case_is_played() -> None:
    document = json.loads((require_corpora() / "system_attacks.public.json").read_text())
    cases = {case["id"] for case in document["cases"]}
    assert len(cases) == 176
    found = proofs()
    assert sorted(cases - set(found) - set(NOT_HERE)) == []
    played = {name for name in found if name.split("-")[0] in {case.split("-")[0] for case in cases}}
    assert played <= cases, "a case that is not in the catalogue"
