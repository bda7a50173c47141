"""From the tokens that passed to the headers that go on: the verdict on a request."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, TypeAlias

from jwt_signer_mw.flows.verdicts import Verdict
from jwt_signer_mw.messages import Outcome
from jwt_signer_mw.request.rewrite import consumer_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.flows.lanes import Lane
    from jwt_signer_mw.flows.resign import Resigned
    from jwt_signer_mw.messages import Consumer

AT_ALL_TIMES = (-inf, inf)

Values: TypeAlias = "tuple[str | None, ...]"  # of the headers that are read, as the client sent them
Outcomes: TypeAlias = "tuple[Outcome | None, ...]"


class Writer:
    """Writes the verdicts of one policy. `deadline` tells until when one that is made now is fresh."""

    def __init__(self, lanes: tuple[Lane, ...], deadline: Callable[[], float]) -> None:
        self._lanes = lanes
        self._deadline = deadline
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._outcomes: dict[Outcomes, Outcomes] = {}

    def write(
        self,
        carriers: Values,
        passed: list[Examined | None],
        signed: list[Resigned | None],
        consumer: Consumer | None,
    ) -> Verdict:
        names: list[str] = []
        values: list[str] = []
        outcomes: list[Outcome | None] = []
        since, until = AT_ALL_TIMES
        for lane, examined, new in zip(self._lanes, passed, signed, strict=True):
            if examined is None:
                outcomes.append(None)
                continue
            since, until = max(since, examined.since), min(until, examined.until)
            place = None
            if lane.upstream is not None and new is not None:
                place = len(names)
                names.append(lane.upstream.name)
                values.append(lane.upstream.value(new.token))
                until = min(until, new.until)
            if lane.original is not None:
                names.append(lane.original.name)
                values.append(lane.original.value(examined.token))
            is_told = lane.names_owner and (carriers[lane.place] or "").endswith(examined.token)
            payload = None if is_told and examined.source == "jwt" else examined.payload
            outcomes.append(Outcome(examined.source, lane.place, payload, place))
        if consumer is not None:
            for name, value in consumer_headers(consumer):
                names.append(name)
                values.append(value)
        shape = self._shape(tuple(names), tuple(outcomes))
        return Verdict(since, until, self._deadline(), *shape, tuple(values), consumer)

    def _shape(self, names: tuple[str, ...], outcomes: Outcomes) -> tuple[tuple[str, ...], Outcomes]:
        """Which tokens came and what was written: the settings allow few, so that verdicts share them."""
        for outcome in outcomes:
            if outcome is not None and outcome.payload is not None:
                return self._names.setdefault(names, names), outcomes
        return self._names.setdefault(names, names), self._outcomes.setdefault(outcomes, outcomes)
