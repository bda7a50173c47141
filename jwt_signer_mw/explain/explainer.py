"""Why a request passes or not: the real story, told by parts that note what they do."""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jwt_signer_mw.bodies import TOO_LONG, digest_of, fits
from jwt_signer_mw.explain.explanation import Asked, Explanation
from jwt_signer_mw.explain.lanes import TracedParts
from jwt_signer_mw.explain.suggestions import suggest
from jwt_signer_mw.explain.trace import Trace, Undecided
from jwt_signer_mw.flows.pipeline import Pipeline
from jwt_signer_mw.flows.shadow import NotedForward
from jwt_signer_mw.messages import Delivery, Forward, Incoming, Rejection
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.request.responses import render

if TYPE_CHECKING:
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain.explanation import Outcome
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.messages import Decision
    from jwt_signer_mw.settings import Settings


class ExplainingPipeline(Pipeline):
    """Decides one request; tells nobody but the trace."""

    def __init__(self, trace: Trace, *parts: Any) -> None:
        """`parts` are those of a `Pipeline`."""
        self.trace = trace
        super().__init__(*parts, make=partial(TracedParts, trace))

    def reject(self, refusal: Refusal, incoming: Incoming) -> Rejection:
        self.trace.end(refusal)
        return render(refusal, self.settings.realm, incoming.host, self.challenges)


class Explainer:
    """Explains what one middleware would do. Keys, caches and consumers are the middleware's own."""

    def __init__(
        self, settings: Settings, keyring: Keyring, cache: SharedCache, consumers: Consumers, clock: Clock
    ) -> None:
        self._settings = dataclasses.replace(settings, verdict_cache_size=0, enable_instrumentation=False)
        self._uncached = dataclasses.replace(self._settings, introspection_cache_size=0)
        self._keyring = keyring
        self._cache = cache
        self._consumers = consumers
        self._clock = clock
        self.other: Pipeline | None = None  # a policy in the shadow

    def explain(self, asked: Asked) -> Flow[Explanation]:
        """Never raises. Whatever a request like this would fetch is fetched, unless `asked.offline`."""
        trace = Trace(time.perf_counter, offline=asked.offline)
        pipeline = self._pipeline(asked, trace)
        removed = tuple(name for name, _ in asked.headers if name in pipeline.managed)
        return (yield from self._tell(pipeline, self._incoming(asked, pipeline.reads), removed))

    def explain_incoming(self, incoming: Incoming, removed: tuple[str, ...]) -> Flow[Explanation]:
        """`explain` for a request that an adapter has at hand, with the names of the headers it removed."""
        pipeline = self._pipeline(Asked(()), Trace(time.perf_counter))
        return (yield from self._tell(pipeline, incoming, removed))

    def _tell(
        self, pipeline: ExplainingPipeline, incoming: Incoming, removed: tuple[str, ...]
    ) -> Flow[Explanation]:
        trace = pipeline.trace
        decision = yield from trace.watch(pipeline.decide(incoming))
        return explained(decision, trace, self._settings, removed, exempt=incoming.path in pipeline.exempt)

    def _pipeline(self, asked: Asked, trace: Trace) -> ExplainingPipeline:
        """Another time is no time to fill the cache of others; offline, no key set is maintained."""
        clock, settings = self._clock, self._settings
        if asked.at is not None:
            moment, settings = asked.at, self._uncached
            clock = clock._replace(now=lambda: moment)
        if asked.offline:
            clock = clock._replace(ticks=lambda: -inf)
        pipeline = ExplainingPipeline(trace, settings, self._keyring, self._cache, self._consumers, clock)
        pipeline.shadow_by(self.other)
        return pipeline

    def _incoming(self, asked: Asked, reads: tuple[str, ...]) -> Incoming:
        """Of a body nothing is known but its length, if that is told."""
        names = [fold(name) for name, _ in asked.headers]
        values = tuple(asked.headers[names.index(one)][1] if one in names else None for one in reads)
        repeated = frozenset(place for place, header in enumerate(reads) if names.count(header) > 1)
        lengths = [value for name, value in asked.headers if fold(name) == "content-length"]
        is_long = lengths != [] and not fits(lengths[0], self._settings.max_bound_body_bytes)
        delivery = Delivery("https", quote(asked.path), digest=TOO_LONG if is_long else digest_of(b""))
        return Incoming(asked.method, asked.path, asked.host, values, repeated, delivery)


def explained(
    decision: Decision, trace: Trace, settings: Settings, removed: tuple[str, ...], *, exempt: bool
) -> Explanation:
    """What the trace of a decision amounts to. `removed`: the client's headers that are the suite's."""
    trace.stage, refusal = "headers", trace.refusal
    if isinstance(decision, Forward):
        trace.token = ""
        left_open = any(step.mark == "open" for step in trace.steps)
        outcome: Outcome = "exempt" if exempt else "undecided" if left_open else "forwarded"
        option = "exempt_paths" if exempt else ""
        if exempt:
            trace.add("note", "the path is exempt: no token is looked at", stage="request", option=option)
        _tell_headers(trace, decision.names, removed)
        _tell_shadows(trace, decision)
        hint = "Ask again without offline." if outcome == "undecided" else ""
        return Explanation(outcome, 0, outcome, option, "", hint, tuple(trace.steps), decision.names, removed)
    if refusal is None:  # a rejection that does not come from `reject`
        text = "the metadata of the resource are shown: no token is looked at"
        trace.add("note", text, stage="request", option="resource")
        return Explanation(
            "answered", decision.status, decision.reason, "resource", "", "", tuple(trace.steps), (), removed
        )
    return Explanation(
        "undecided" if isinstance(refusal, Undecided) else "refused",
        decision.status,
        refusal.code,
        refusal.option,
        refusal.detail,
        suggest(refusal, trace, settings),
        tuple(trace.steps),
        (),
        removed,
    )


def _tell_shadows(trace: Trace, forward: Forward) -> None:
    for found in forward.would_refuse if isinstance(forward, NotedForward) else ():
        trace.token = found.token
        told = f"{found.by}: would be refused with {found.status}: {found.reason}"
        if not found.status:
            told = f"{found.by}: {found.reason}"
        trace.add("note", f"{told} ({found.detail})", stage="reported", option=found.option)


def _tell_headers(trace: Trace, written: tuple[str, ...], removed: tuple[str, ...]) -> None:
    if removed:
        trace.add("good", f"taken from the client's: {', '.join(removed)}")
    trace.add("good", f"written: {', '.join(written) or 'none'}")
