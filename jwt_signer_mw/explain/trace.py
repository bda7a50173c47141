"""What is noted on the way of one request that is explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jwt_signer_mw.errors import ConsumerNotFound, Refusal
from jwt_signer_mw.explain.explanation import Step
from jwt_signer_mw.flows.commands import Call, Fetch, Once, Within
from jwt_signer_mw.flows.documents import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.explain.explanation import Mark, Stage
    from jwt_signer_mw.flows.commands import Command, Exchange, Flow, Reply
    from jwt_signer_mw.jose import KeySet
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.compact import Compact

T = TypeVar("T")

MAX_SHOWN = 80  # characters of a claim


class Undecided(Refusal):
    """Nobody can tell without asking somebody, and nobody may be asked."""

    code = "undecided"
    text = "It can't be told offline"


class Trace:
    """The steps so far, and what a suggestion may want to know. One per explanation.

    `signs`: the request is a real one, and so is its new token.
    """

    def __init__(self, ticks: Callable[[], float], *, offline: bool = False, signs: bool = False) -> None:
        self.offline = offline
        self.signs = signs
        self.ticks = ticks
        self.begin()

    def begin(self) -> None:
        """Nothing happened yet."""
        self.steps: list[Step] = []
        self.refusal: Refusal | None = None
        self.stage: Stage = "request"  # that is under way
        self.token = ""
        self.claims: Mapping[str, Any] = {}  # that were looked at last
        self.compact: Compact | None = None
        self.keys: KeySet | None = None
        self.judged: TokenSettings | None = None  # what the token is judged by
        self._origins: dict[int, tuple[Stage, str]] = {}

    def add(
        self,
        mark: Mark,
        text: str,
        *,
        stage: Stage | None = None,
        option: str = "",
        took: float | None = None,
    ) -> None:
        """`took` in seconds."""
        milliseconds = None if took is None else round(took * 1000, 1)
        self.steps.append(Step(stage or self.stage, mark, text, self.token, option, milliseconds))

    def arose(self, refusal: Refusal) -> None:
        """Notes where a refusal came up that is raised later: a second token waits for the first."""
        self._origins[id(refusal)] = (self.stage, self.token)

    def end(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.stage, self.token = self._origins.get(id(refusal), (self.stage, self.token))
        if isinstance(refusal, ConsumerNotFound):
            self.stage = "consumer"
        mark: Mark = "open" if isinstance(refusal, Undecided) else "bad"
        self.add(mark, refusal.detail or refusal.text, option=refusal.option)

    def watch(self, flow: Flow[T]) -> Flow[T]:
        """Runs the flow and notes every exchange. What would be merged with other requests is not:
        nobody else gets the outcome of a flow that runs at another time or offline."""
        try:
            command = next(flow)
            while True:
                try:
                    result = yield from self._perform(command)
                except Exception as error:  # noqa: BLE001  the flow decides what it means
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            flow.close()

    def _perform(self, command: Command) -> Flow[Any]:
        if isinstance(command, Once | Within):
            return (yield from self.watch(command.flow()))
        if isinstance(command, Call):
            return (yield command)
        return (yield from self._fetch(command))

    def _fetch(self, command: Fetch) -> Flow[Reply]:
        if self.offline:
            raise Undecided(f"{place(command.exchange)} would have to be asked")
        began = self.ticks()
        name = f"{command.exchange.method} {place(command.exchange)}"
        try:
            reply: Reply = yield command
        except Exception as error:
            text = f"{name} failed: {getattr(error, 'detail', '') or type(error).__name__}"
            self.add("bad", text, stage="fetch", took=self.ticks() - began)
            raise
        mark: Mark = "good" if reply.status == 200 else "bad"
        text = f"{name} answered {reply.status} with {len(reply.body)} bytes"
        self.add(mark, text, stage="fetch", took=self.ticks() - began)
        return reply


def place(exchange: Exchange) -> str:
    """Its URL, without what may be secret."""
    return Source(exchange.url).place


def shown(value: object) -> str:
    """A claim on one line, in ASCII, not too long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
