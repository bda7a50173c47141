"""The real parts that some tests need, and what happens where one is missing.

A plain run skips with the reason. Under JWT_SIGNER_TEST_REQUIRE=1, as `.ci/run` sets it, the test fails.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"  # test data that lies beside a checkout, not in it


def require(part: object, reason: str) -> None:
    """Go on where the part is there (true); else skip, or fail where all parts are demanded."""
    if part:
        return
    if os.environ.get("JWT_SIGNER_TEST_REQUIRE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def require_module(*names: str) -> None:
    """Need importable modules, such as those of an extra."""
    for name in names:
        require(find_spec(name), f"the module {name} is not installed")


def require_corpora() -> Path:
    """Need the test data beside the checkout; returns its folder."""
    require(CORPORA.is_dir(), "no ../shared/corpora beside the checkout")
    return CORPORA
