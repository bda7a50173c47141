"""Requests that somebody watches: the decision is the real one, made by parts that note what they do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django_jwt_signer.marks import EXEMPT
from django_jwt_signer.passage import Passage
from jwt_signer_mw.messages import Forward, Incoming

if TYPE_CHECKING:
    from django_jwt_signer.http import RefusedResponse
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain import Explanation, Followed
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.messages import Decision

STORY = "jwt_signer_story"  # attribute of a request that is watched: a list, filled here


class FollowedPassage(Passage):
    """A passage that tells its way to a request with a `STORY`; for all others it is the plain one.

    What was remembered is not used then: all steps are gone.
    """

    __slots__ = ("_remembered",)

    def _judge_at_once(self, policy_name: str) -> Decision | None:
        decision = super()._judge_at_once(policy_name)
        if decision is not None and (story := self._story()) is not None:
            text = "the view is exempt" if policy_name == EXEMPT else "decided without a look at tokens"
            outcome = "exempt" if isinstance(decision, Forward) else "refused"
            story.append(_told(outcome, getattr(decision, "status", 0), "", text, policy=policy_name))
        return decision

    def _recall(self) -> Forward | None:
        if self._story() is None:
            return super()._recall()
        values = self.policy.incoming(self.request, self._headers.taken).values
        self._remembered = self.policy.pipeline.recall(values) is not None
        return None

    def _flow(self) -> Flow[Decision]:
        story = self._story()
        return super()._flow() if story is None else self._follow(story)

    def _follow(self, story: list[dict[str, Any]]) -> Flow[Decision]:
        began = time.perf_counter()
        incoming = self.policy.incoming(self.request, self._headers.taken)
        removed = tuple(
            sorted(key.removeprefix("HTTP_").replace("_", "-").title() for key in self._headers.taken)
        )
        followed = yield from self.policy.assembly.explainer.follow(incoming, removed)
        milliseconds = round((time.perf_counter() - began) * 1000, 2)
        plain = _plain(followed.explanation, self.policy_name or "")
        story.append({**plain, "milliseconds": milliseconds, "remembered": self._remembered})
        return self._tell(followed, incoming)

    def _tell(self, followed: Followed, incoming: Incoming) -> Decision:
        """To signals, logs and observers, as ever."""
        pipeline, decision = self.policy.pipeline, followed.decision
        if followed.refusal is not None:
            return pipeline.reject(followed.refusal, incoming)
        assert isinstance(decision, Forward)  # noqa: S101  there is no refusal
        if followed.explanation.outcome == "exempt":
            pipeline.let_through(incoming.method, incoming.path)
        elif pipeline.observers:
            pipeline.accepted(incoming.method, incoming.path, decision, remembered=False)
        return decision

    def _answer_for_view(self, refusal: Refusal) -> RefusedResponse:
        if (story := self._story()) is not None:
            text, policy = refusal.detail or refusal.text, self.policy_name or ""
            story.append(
                _told("refused", refusal.status, refusal.code, f"by the view: {text}", policy=policy)
            )
        return super()._answer_for_view(refusal)

    def _story(self) -> list[dict[str, Any]] | None:
        story: list[dict[str, Any]] | None = getattr(self.request, STORY, None)
        return story


def _plain(explanation: Explanation, policy: str) -> dict[str, Any]:
    """For JSON, in which the toolbar may keep it."""
    return {**explanation.as_dict(), "policy": policy}


def _told(outcome: str, status: int, reason: str, text: str, *, policy: str) -> dict[str, Any]:
    mark = "note" if outcome == "exempt" else "bad"
    step = {"stage": "request", "mark": mark, "text": text}
    return {"outcome": outcome, "status": status, "reason": reason, "steps": [step], "policy": policy}
