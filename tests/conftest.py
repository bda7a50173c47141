"""What every test may use: the corpora, and the real parts (see `providers.fixtures`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from conformance.provider import Providers
from log_hygiene import Watch
from parts import require_corpora
from system import ADAPTERS, Gates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ["providers.fixtures"]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the test data beside the checkout; skips (or fails, see `parts`) without it."""
    return require_corpora()


@pytest.fixture(scope="session")
def system_providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    with Providers(tmp_path_factory.mktemp("system")) as opened:
        yield opened


@pytest.fixture(params=ADAPTERS)
def gates(request: pytest.FixtureRequest, system_providers: Providers) -> Iterator[Gates]:
    """Opens middlewares by the attack catalogue's profile, on each adapter in turn."""
    opened = Gates(request.param, system_providers)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _watch() -> Iterator[Watch]:
    watch = Watch()
    logging.getLogger().addHandler(watch)
    yield watch
    logging.getLogger().removeHandler(watch)


@pytest.fixture(autouse=True)
def _clean_log(_watch: Watch) -> Iterator[None]:
    """No test may log a token, a secret or a private key: see `log_hygiene`."""
    yield
    assert _watch.take() == []
