"""Steps a flow by hand: a script answers its commands, so that a test sees each one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from jwt_signer_mw.flows.commands import Call, Exchange, Fetch, Flow, Once, Reply, Within

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Answer = Reply | Exception


class Stepper:
    """Runs flows with scripted replies; `exchanges` are the requests they made, in order."""

    def __init__(self, *answers: Answer, answer: Callable[[Exchange], Answer] | None = None) -> None:
        self._answers = list(answers)
        self._answer = answer
        self.exchanges: list[Exchange] = []
        self.calls: list[Callable[..., Any]] = []

    def run(self, flow: Flow[T]) -> T:
        try:
            command = next(flow)
            while True:
                try:
                    result = self._perform(command)
                except Exception as error:  # noqa: BLE001  the flow decides what it means
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _perform(self, command: object) -> Any:
        if isinstance(command, Fetch):
            self.exchanges.append(command.exchange)
            answer = self._answer(command.exchange) if self._answer else self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if isinstance(command, Within):
            with command.context():
                return self.run(command.flow())
        if isinstance(command, Once):
            return self.run(command.flow())
        assert isinstance(command, Call)
        self.calls.append(command.function)
        return command.function(*command.arguments)


class FrozenClock:
    """A clock that stands until a test moves it. Seconds since the epoch."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
