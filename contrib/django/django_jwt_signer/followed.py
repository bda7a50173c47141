"""Requests that somebody watches: what they asked of providers is noted, and their decision is explained.

The decision is that of the plain passage, whoever watches. The explanation is made after it, by the same
settings, keys and caches.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django_jwt_signer.passage import Passage
from jwt_signer_mw.explain.trace import Trace

if TYPE_CHECKING:
    from django.http import HttpResponse

    from django_jwt_signer.http import RefusedResponse
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain import Explanation, Step
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.messages import Decision, Forward

STORY = "jwt_signer_story"  # attribute of a request that is watched: a list, filled here
Told = dict[str, Any]  # for JSON, in which the toolbar may keep it


class FollowedPassage(Passage):
    """A passage that tells its way to a request with a `STORY`; for all others it is the plain one."""

    __slots__ = ("_exchanges", "_judged", "_remembered")

    def check(self, policy_name: str) -> HttpResponse | None:
        began = self._begin()
        response = super().check(policy_name)
        if (story := self._story()) is not None:
            milliseconds = _since(began)
            explanation = self.policy.driver.run(self._explain()) if self._judged else None
            story.append(self._tell(explanation, response, milliseconds))
        return response

    async def acheck(self, policy_name: str) -> HttpResponse | None:
        began = self._begin()
        response = await super().acheck(policy_name)
        if (story := self._story()) is not None:
            milliseconds = _since(began)
            explanation = await self.policy.async_driver.run(self._explain()) if self._judged else None
            story.append(self._tell(explanation, response, milliseconds))
        return response

    def _begin(self) -> float:
        self._exchanges: list[Step] = []
        self._judged = self._remembered = False
        return time.perf_counter()

    def _recall(self) -> Forward | None:
        forward = super()._recall()
        self._judged, self._remembered = True, forward is not None
        return forward

    def _flow(self) -> Flow[Decision]:
        flow = super()._flow()
        return flow if self._story() is None else self._watch(flow)

    def _watch(self, flow: Flow[Decision]) -> Flow[Decision]:
        trace = Trace(time.perf_counter)
        self._exchanges = trace.steps
        return (yield from trace.watch(flow))

    def _explain(self) -> Flow[Explanation]:
        taken = self._headers.taken
        removed = tuple(sorted(key.removeprefix("HTTP_").replace("_", "-").title() for key in taken))
        incoming = self.policy.incoming(self.request, taken)
        return self.policy.assembly.explainer.explain_incoming(incoming, removed)

    def _tell(self, explanation: Explanation | None, response: HttpResponse | None, took: float) -> Told:
        told = (
            _without_judge(response)
            if explanation is None
            else judged(explanation, response, self._exchanges)
        )
        known = {"policy": self.policy_name, "milliseconds": took, "remembered": self._remembered}
        return {**told, **(known if explanation is not None else {})}

    def _answer_for_view(self, refusal: Refusal) -> RefusedResponse:
        if (story := self._story()) is not None:
            text = f"by the view: {refusal.detail or refusal.text}"
            story.append(_short("refused", refusal.status, refusal.code, text))
        return super()._answer_for_view(refusal)

    def _story(self) -> list[Told] | None:
        story: list[Told] | None = getattr(self.request, STORY, None)
        return story


def judged(explanation: Explanation, response: HttpResponse | None, exchanges: list[Step]) -> Told:
    """What was decided, what was asked for it, and the explanation; where they differ the decision counts.

    They do for what can't be told twice, such as a proof that was used before.
    """
    told = explanation.as_dict()
    steps = [_plain(step) for step in exchanges]
    steps += [step for step in told["steps"] if step["stage"] != "fetch"]
    reason = "" if response is None else getattr(response, "reason", "")
    explained = explanation.reason if explanation.outcome == "refused" else ""
    if reason != explained:
        told |= {"outcome": "refused" if reason else "forwarded", "reason": reason, "suggestion": ""}
        text = f"the decision was another: {reason or 'forwarded'}"
        steps.append({"stage": "request", "mark": "bad" if reason else "note", "text": text})
    return {**told, "steps": steps, "status": 0 if response is None else response.status_code}


def _without_judge(response: HttpResponse | None) -> Told:
    """The view, or the path, is none of a policy's."""
    if response is None:
        return _short("exempt", 0, "", "the view is exempt: no token is looked at")
    return _short("answered", response.status_code, "", "answered without a look at tokens")


def _short(outcome: str, status: int, reason: str, text: str) -> Told:
    mark = "bad" if outcome == "refused" else "note"
    step = {"stage": "request", "mark": mark, "text": text}
    return {"outcome": outcome, "status": status, "reason": reason, "steps": [step]}


def _plain(step: Step) -> Told:
    return {name: value for name, value in step._asdict().items() if value not in ("", None)}


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
