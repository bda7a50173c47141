"""A pipeline that is followed decides as any other, and tells how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.case import NOW
from conformance.play import Stage
from conformance.table import TABLE
from conformance.wsgi import WSGIRunner
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.explain.following import FollowedPipeline
from jwt_signer_mw.messages import Forward, Incoming, Rejection
from test_explain import JWT, Provider, build, token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.adapter import Outcome, Plain
    from conformance.case import Case
    from jwt_signer_mw.events import Decided
    from jwt_signer_mw.explain import Explanation


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("followed")) as opened:
        yield opened


class Following:
    """The WSGI adapter, with a pipeline that is followed. Each request has to have been told."""

    def open(self, settings: Mapping[str, object], services: Mapping[str, Any]) -> Following:
        self._runner = WSGIRunner(settings, services)
        middleware = self._runner.middleware
        self._pipeline = FollowedPipeline(*middleware.assembly.parts, middleware.assembly.observers)
        middleware.pipeline = self._pipeline
        return self

    def send(self, request: Plain) -> Outcome:
        outcome = self._runner.send(request)
        told = self._pipeline.take_explanation(tuple(name for name, _ in request.headers))
        assert told is not None
        assert told.status == (0 if outcome.seen else outcome.status)
        assert told.outcome in (("forwarded", "exempt") if outcome.seen else ("refused", "answered"))
        return outcome

    def ask(self, request: Plain) -> Outcome:
        return self._runner.ask(request)

    def close(self) -> None:
        self._runner.close()


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
def test_decides_as_any_other(case: Case, stage: Stage) -> None:
    stage.play(case, Following())


class Follower:
    """A pipeline over the provider of `test_explain`, and what its observers heard."""

    def __init__(self, provider: Provider, **settings: Any) -> None:
        self.heard: list[Decided] = []
        assembly = build({**JWT, **settings}, provider, observers=(self.heard.append,)).assembly
        self.pipeline = FollowedPipeline(*assembly.parts, assembly.observers)
        self._driver = BlockingDriver(provider)

    def decide(self, text: str | None, path: str = "/") -> Forward | Rejection:
        values = (None if text is None else f"Bearer {text}",)
        return self._driver.run(self.pipeline.decide(Incoming("GET", path, "gw.example", values)))

    def told(self, *names: str) -> Explanation:
        explanation = self.pipeline.take_explanation(names)
        assert explanation is not None
        return explanation


def test_the_new_token_is_made_and_not_told() -> None:
    follower = Follower(Provider())
    decision = follower.decide(token())
    assert isinstance(decision, Forward)
    (written,) = decision.values
    assert written.count(".") == 2
    told = follower.told("Authorization", "X_Consumer.ID", "Accept")
    assert (told.outcome, told.written) == ("forwarded", ("Authorization",))
    assert told.removed == ("Authorization", "X_Consumer.ID")
    assert written.rpartition(" ")[2] not in repr(told)
    assert [event.reason for event in follower.heard] == ["accepted"]


def test_a_refusal_is_heard_and_told_once() -> None:
    follower = Follower(Provider())
    rejection = follower.decide(token(exp=NOW - 1))
    assert isinstance(rejection, Rejection)
    told = follower.told()
    assert (told.status, told.reason, told.option) == (401, "token_expired", "verify_access_token_expiry")
    assert [event.reason for event in follower.heard] == ["token_expired"]
    assert follower.pipeline.take_explanation(()) is None


def test_what_is_remembered_is_told_so() -> None:
    follower, text = Follower(Provider()), token()
    first = follower.decide(text)
    assert isinstance(first, Forward)
    again = follower.pipeline.recall((f"Bearer {text}",))
    assert again is not None
    follower.pipeline.accepted("GET", "/", again)
    told = follower.told()
    assert told.steps[0].option == "verdict_cache_ttl"
    assert told.outcome == "forwarded"
    assert [event.remembered for event in follower.heard] == [False, True]


def test_each_request_has_a_story_of_its_own() -> None:
    provider = Provider()
    follower = Follower(provider, exempt_paths=["/health"])
    follower.decide(None)
    assert follower.told().reason == "token_missing"
    follower.decide(None, "/health")
    told = follower.told()
    assert (told.outcome, told.option) == ("exempt", "exempt_paths")
    provider.down = True
    follower.decide(token())
    told = follower.told()
    assert (told.reason, told.status) == ("provider_unavailable", 503)
    assert [step.mark for step in told.steps if step.stage == "fetch"] == ["bad"]
