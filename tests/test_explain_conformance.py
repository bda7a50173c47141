"""Every refusal of the conformance table, explained: the right first cause, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import pytest

from conformance.case import Passed, Refused, Send
from conformance.play import Stage
from conformance.table import TABLE
from conformance.wsgi import WSGIRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.adapter import Outcome, Plain
    from conformance.case import Case
    from jwt_signer_mw.explain import Explanation


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("explained")) as opened:
        yield opened


class Explaining:
    """The WSGI adapter; every request is explained before it is sent."""

    def __init__(self) -> None:
        self.explained: list[Explanation] = []
        self.secrets: set[str] = set()

    def open(self, settings: Mapping[str, object], services: Mapping[str, Any]) -> Explaining:
        self._runner = WSGIRunner(settings, services)
        return self

    def send(self, request: Plain) -> Outcome:
        headers: dict[str, str] = {}
        for name, value in request.headers:  # as a WSGI server joins them
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        if request.body:
            headers["Content-Length"] = str(len(request.body))
        path = unquote(request.target.partition("?")[0])
        asked = {"method": request.method, "path": path, "host": request.host}
        self.explained.append(self._runner.middleware.explain(headers, **asked))  # type: ignore[arg-type]
        self.secrets |= {word for value in headers.values() for word in value.split() if len(word) > 24}
        return self._runner.send(request)

    def ask(self, request: Plain) -> Outcome:
        return self._runner.ask(request)

    def close(self) -> None:
        self._runner.close()


def only_request(case: Case) -> Send | None:
    """The request that is the whole case, where nobody counts what the provider is asked."""
    match case.steps:
        case (Send(calls=None) as only,) if case.bad is None:
            return only
    return None


ONE_REQUEST = [case for case in TABLE if only_request(case) is not None]
REFUSED = [case for case in ONE_REQUEST if isinstance(cast("Send", case.steps[0]).expect, Refused)]
PASSED = [case for case in ONE_REQUEST if isinstance(cast("Send", case.steps[0]).expect, Passed)][::4]
CASES = [*REFUSED, *PASSED]


def test_the_table_has_refusals_of_every_kind() -> None:
    assert len(REFUSED) > 150


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_first_cause(case: Case, stage: Stage) -> None:
    adapter = Explaining()
    stage.play(case, adapter)
    send = only_request(case)
    assert send is not None
    for explanation in adapter.explained:
        told = repr(explanation)
        assert not any(secret in told for secret in adapter.secrets)
        if not isinstance(send.expect, Refused):
            assert explanation.outcome in ("forwarded", "exempt"), explanation
            continue
        assert explanation.outcome == "refused"
        assert explanation.reason in send.expect.code.split("|"), explanation
        assert explanation.status == send.expect.status
        assert explanation.suggestion
        assert explanation.steps[-1].mark == "bad"
        assert [step.mark for step in explanation.steps if step.stage != "fetch"].count("bad") == 1
        assert explanation.option or explanation.reason in WITHOUT_AN_OPTION, explanation


WITHOUT_AN_OPTION = {
    "token_malformed",
    "token_repeated",
    "typ_not_allowed",
    "claim_malformed",
    "consumer_claim_unusable",
}
