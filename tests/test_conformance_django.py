"""The conformance table through both handlers of Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from conformance.django_handlers import DjangoASGIAdapter, DjangoWSGIAdapter  # noqa: E402
from conformance.play import Stage  # noqa: E402
from conformance.table import TABLE  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.adapter import Adapter
    from conformance.case import Case


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("conformance")) as opened:
        yield opened


@pytest.mark.parametrize("adapter", [DjangoWSGIAdapter(), DjangoASGIAdapter()], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_conformance(case: Case, adapter: Adapter, stage: Stage) -> None:
    stage.play(case, adapter)
