"""The conformance table through the ASGI adapter, and that the WSGI adapter decides the very same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jwt
import pytest
from jwt.utils import base64url_decode

from conformance.asgi import ASGIAdapter
from conformance.play import Stage
from conformance.table import TABLE
from conformance.wsgi import WSGIAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.adapter import Adapter, Outcome, Plain, Runner
    from conformance.case import Case


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("conformance")) as opened:
        yield opened


class Recording:
    """An adapter that keeps what the other one behind it made of every request."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._runner: Runner
        self.outcomes: list[Outcome] = []

    def open(self, settings: Mapping[str, object], services: Mapping[str, object]) -> Recording:
        self._runner = self._adapter.open(settings, services)
        return self

    def send(self, request: Plain) -> Outcome:
        self.outcomes.append(self._runner.send(request))
        return self.outcomes[-1]

    def ask(self, request: Plain) -> Outcome:
        return self._runner.ask(request)

    def close(self) -> None:
        self._runner.close()


REPEATED = {"two Authorization headers", "two headers of the channel token"}  # WSGI servers join them
PLACE = re.compile(r"/case\d+\b")  # of a provider that is named in a token: each adapter has its own
RANDOM = ("ES", "PS")  # no two signatures by these algorithms are alike


def bytes_of(outcome: Outcome, case: Case) -> list[object]:
    """Everything that the client and the application got, but for what must differ."""
    answer = [(name.lower(), value) for name, value in outcome.headers]
    if case.name in REPEATED:
        answer = [(name, value) for name, value in answer if name != "www-authenticate"]
    same_keys = not case.own_store and "keyset_store" not in case.settings
    seen = [
        [(name, what_is_signed(value, same_keys)) for name, value in call.headers] for call in outcome.seen
    ]
    return [outcome.status, answer, outcome.body, seen]


def what_is_signed(value: str, same_keys: bool) -> str:
    """A token without a random signature, and without what tells its key if each adapter has its own."""
    token = value.rpartition(" ")[2]
    if token.count(".") != 2:
        return value
    header, payload, _ = token.split(".")
    told, elsewhere = PLACE.subn("/case", base64url_decode(payload).decode(errors="replace"))
    if elsewhere:
        return told
    if not same_keys:
        return payload
    return f"{header}.{payload}" if jwt.get_unverified_header(token)["alg"].startswith(RANDOM) else value


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_conformance(case: Case, stage: Stage) -> None:
    """Both adapters end the case as the table says, and byte for byte alike."""
    asgi, wsgi = Recording(ASGIAdapter()), Recording(WSGIAdapter())
    stage.play(case, asgi)
    stage.play(case, wsgi)
    made = [bytes_of(outcome, case) for outcome in asgi.outcomes]
    assert made == [bytes_of(outcome, case) for outcome in wsgi.outcomes]
