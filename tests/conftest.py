"""What every test may use: the corpora, and the real parts (see `providers.fixtures`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require_corpora

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["providers.fixtures"]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the test data beside the checkout; skips (or fails, see `parts`) without it."""
    return require_corpora()
