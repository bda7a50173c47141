"""The conformance table through the WSGI adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.play import Stage
from conformance.table import TABLE
from conformance.wsgi import WSGIAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("conformance")) as opened:
        yield opened


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_conformance(case: Case, stage: Stage) -> None:
    stage.play(case, WSGIAdapter())
