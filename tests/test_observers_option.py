"""The option `observers`: by name, by path, in person, from the environment, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.assembly import Assembly
from jwt_signer_mw.events import instrument
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.observability import open_observer
from parts import require_module

if TYPE_CHECKING:
    from jwt_signer_mw.events import Decided


class Silent:
    def __call__(self, event: Decided) -> None: ...


NOTHING = "no observer"


def opened(observers: Any) -> tuple[Any, ...]:
    return Assembly({"observers": observers}, keyset_store=MemoryStore()).observers.all


def test_by_path_of_a_function_or_a_class() -> None:
    function, silent = opened(["jwt_signer_mw.events:instrument", f"{__name__}.Silent"])
    assert function is instrument
    assert type(silent).__name__ == "Silent"


def test_in_person() -> None:
    silent = Silent()
    assert opened([silent]) == (silent,)


def test_the_suites_own_are_one_for_all_policies() -> None:
    require_module("prometheus_client", "opentelemetry")
    first, second = opened("prometheus, opentelemetry"), opened(["opentelemetry", "prometheus"])
    assert set(map(id, first)) == set(map(id, second))
    assert len(first) == 2


def test_from_the_environment() -> None:
    settings = Settings.load({}, environ={"JWT_SIGNER_OBSERVERS": "prometheus,a.b"})
    assert settings.observers == ("prometheus", "a.b")
    assert Settings.load(settings.flat()) == settings


@pytest.mark.parametrize("path", [f"{__name__}.NOTHING", f"{__name__}.missing", "no.such:observer"])
def test_what_cannot_be_used_is_told_at_start(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened([path])
    (problem,) = caught.value.problems
    assert (problem.id, problem.option) == ("assembly.E001", "observers")


def test_a_missing_library_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "jwt_signer_mw.observability.prometheus", raising=False)
    open_observer.cache_clear()
    with pytest.raises(ConfigurationError) as caught:
        opened(["prometheus"])
    (problem,) = caught.value.problems
    assert problem.id == "assembly.E002"
    assert problem.hint == "pip install 'jwt-signer-mw[observability]'"
    open_observer.cache_clear()
