"""Requests that are really made, followed on their way. For showing one after the other, not for service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.explain.explainer import ExplainingPipeline, explained
from jwt_signer_mw.explain.trace import Trace
from jwt_signer_mw.flows.pipeline import Pipeline

if TYPE_CHECKING:
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain.explanation import Explanation
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.writing import Values
    from jwt_signer_mw.messages import Decision, Forward, Incoming, Rejection


class FollowedPipeline(ExplainingPipeline):
    """Decides like any pipeline, with verdicts, logs and observers, and can tell how.

    One request at a time: whoever calls it sees to that.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(Trace(time.perf_counter, signs=True), *parts)
        self._decision: Decision | None = None
        self._exempt = False

    def decide(self, incoming: Incoming, name: bytes | None = None) -> Flow[Decision]:
        self.trace.begin()
        self._exempt = incoming.path in self.exempt
        self._decision = yield from self.trace.watch(super().decide(incoming, name))
        return self._decision

    def find(self, name: bytes, values: Values) -> Forward | None:
        forward = super().find(name, values)
        if forward is not None:
            self.trace.begin()
            self.trace.add("note", "remembered: nothing is checked anew", option="verdict_cache_ttl")
            self._exempt, self._decision = False, forward
        return forward

    def reject(self, refusal: Refusal, incoming: Incoming) -> Rejection:
        self.trace.end(refusal)
        return Pipeline.reject(self, refusal, incoming)

    def take_explanation(self, names: tuple[str, ...]) -> Explanation | None:
        """Of the request that was decided last, whose headers had these names; None: there was none."""
        decision, self._decision = self._decision, None
        if decision is None:
            return None
        removed = tuple(name for name in names if name in self.managed)
        return explained(decision, self.trace, self.settings, removed, exempt=self._exempt)
