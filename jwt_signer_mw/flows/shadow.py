"""Policies in the shadow: they judge what was accepted, and what they would refuse is told.

The rules of this house:
1. A shadow judges after the real decision, and only what was accepted: the answer is made already.
2. It signs nothing, fetches nothing and waits for nobody else's fetch. Keys and answers of providers that
   are not at hand leave it undecided. It may ask the shared cache and the consumers, as the decision did.
3. Whatever goes wrong in it is told, and nothing is raised.
4. It judges a request once, and its word is remembered as long as the verdict is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.events import WouldRefuse, log
from jwt_signer_mw.flows.commands import Call
from jwt_signer_mw.flows.lanes import Parts
from jwt_signer_mw.flows.verdicts import Verdict
from jwt_signer_mw.messages import Forward, Identity, Incoming

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Command, Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.flows.writing import Values
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.settings import Settings, TokenSettings

REPORT_ONLY: Final = "report_only"
SHADOW: Final = "shadow"
UNDECIDED: Final = "undecided"  # the reason where something is not at hand
FAILED: Final = "shadow_failed"


class NotedVerdict(Verdict):
    would_refuse: tuple[WouldRefuse, ...]


class NotedForward(Forward):
    """One that some shadow would have refused."""

    would_refuse: tuple[WouldRefuse, ...]


class Shadow:
    """A second policy. `by` tells of what kind it is: `report_only` or `shadow`."""

    def __init__(
        self,
        by: str,
        settings: Settings,
        keyring: Keyring,
        cache: SharedCache,
        consumers: Consumers,
        clock: Clock,
        reads: tuple[str, ...],
    ) -> None:
        """`reads` are the headers that the real policy reads. Raises `LookupError` if this one reads another,
        or needs a key set that the keyring has not."""
        self.by = by
        parts = Parts(settings, keyring, cache, consumers, clock)
        tokens = (settings.access_token, settings.channel_token)
        lanes = [parts.lane(_judging(token)) for token in tokens]
        places = {header: place for place, header in enumerate(reads)}
        self._lanes = tuple(lane._replace(place=places[lane.header] if lane.header else -1) for lane in lanes)

    def judge(self, values: Values) -> Flow[WouldRefuse | None]:
        """What it would refuse the request with these header values for. Raises nothing."""
        flow = self._examine(Incoming("", "", "", values))
        try:
            refusal = yield from _without_fetches(flow)
        except Exception as problem:  # noqa: BLE001  a shadow changes no answer
            log.error("a policy in the shadow failed with %s", type(problem).__name__)
            return WouldRefuse(self.by, FAILED, 0, detail=type(problem).__name__)
        finally:
            flow.close()
        if refusal is None:
            return None
        if isinstance(refusal, str):
            return WouldRefuse(self.by, UNDECIDED, 0, detail=refusal)
        told = (refusal.token, refusal.option, refusal.detail)
        return WouldRefuse(self.by, refusal.code, refusal.status, *told)

    def _examine(self, incoming: Incoming) -> Flow[Refusal | None]:
        consumer: Consumer | None = None
        for lane in self._lanes:
            try:
                token = lane.read(incoming)
                if token is not None:
                    consumer = (yield from lane.examiner.examine(token, consumer)).consumer
            except Refusal as refusal:
                refusal.token = lane.name
                return refusal.with_traceback(None)
        return None


def _without_fetches(flow: Flow[Refusal | None]) -> Generator[Command, Any, Refusal | str | None]:
    """What the flow returns, or what it would have had to wait for."""
    try:
        command = next(flow)
        while True:
            if type(command) is not Call:
                return f"needs a {type(command).__name__}: keys or an answer are not at hand"
            try:
                result = yield command
            except Exception as error:  # noqa: BLE001  the flow decides what it means
                command = flow.throw(error)
            else:
                command = flow.send(result)
    except StopIteration as stop:
        found: Refusal | None = stop.value
        return found


def shadows_of(
    settings: Settings,
    keyring: Keyring,
    cache: SharedCache,
    consumers: Consumers,
    clock: Clock,
    reads: tuple[str, ...],
) -> Iterator[Shadow]:
    """Those of a policy's own settings: its checks that only report, and what is laid over it."""
    parts = (keyring, cache, consumers, clock, reads)
    if any(token.reporting.report_only for token in (settings.access_token, settings.channel_token)):
        yield Shadow(REPORT_ONLY, settings, *parts)
    overlaid = settings.overlaid()
    if overlaid is not None:
        yield Shadow(SHADOW, overlaid, *parts)


def review(shadows: tuple[Shadow, ...], verdict: Verdict, values: Values) -> Flow[Verdict]:
    """The verdict, with what the shadows would have refused it for."""
    found = []
    for shadow in shadows:
        would_refuse = yield from shadow.judge(values)
        if would_refuse is not None:
            found.append(would_refuse)
    if not found:
        return verdict
    noted = NotedVerdict(*verdict)
    noted.would_refuse = tuple(found)
    return noted


def forward_noted(verdict: Verdict, values: Values) -> Forward:
    """What goes on, with what the shadows said of it."""
    identity = Identity(verdict.outcomes, values, verdict.values, verdict.consumer)
    if not isinstance(verdict, NotedVerdict):
        return Forward(verdict.names, verdict.values, identity)
    forward = NotedForward(verdict.names, verdict.values, identity)
    forward.would_refuse = verdict.would_refuse
    return forward


def _judging(token: TokenSettings) -> TokenSettings:
    """Nothing is signed, and every check counts."""
    reporting = dataclasses.replace(token.reporting, report_only=())
    return dataclasses.replace(token, signing=False, reporting=reporting)
