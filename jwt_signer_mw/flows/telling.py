"""What a policy tells: its decisions to observers and the log, its metadata to whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.events import (
    ACCEPTED,
    EXEMPT,
    METADATA,
    Decided,
    instrument,
    log_refusal,
    refusal_is_logged,
)
from jwt_signer_mw.flows.shadow import NotedForward
from jwt_signer_mw.observing import tell
from jwt_signer_mw.request.exempt import ExemptPaths
from jwt_signer_mw.request.metadata import Metadata
from jwt_signer_mw.request.responses import challenges_of

if TYPE_CHECKING:
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.messages import Forward, Incoming, Rejection
    from jwt_signer_mw.observing import Observers
    from jwt_signer_mw.settings import Settings


class Telling:
    """The voice of one policy. `exempt` holds every path that is answered without a look at tokens."""

    def __init__(self, settings: Settings, observers: Observers) -> None:
        self.settings = settings
        self.policy = observers.policy
        self.observers = observers.of_decisions
        if settings.enable_instrumentation:
            self.observers += (instrument,)
        self.challenges = challenges_of(settings)
        self.metadata = Metadata.of(settings)
        shown = () if self.metadata is None else (self.metadata.path,)
        self.exempt = ExemptPaths((*settings.exempt_paths, *shown))

    def accepted(
        self, method: str, path: str, forward: Forward, request_id: str = "", *, remembered: bool = True
    ) -> None:
        """Tells the observers of an accepted request; an adapter calls it for the fast road."""
        event = Decided(
            0,
            ACCEPTED,
            method,
            path,
            remembered=remembered,
            identity=forward.identity,
            policy=self.policy,
            request_id=request_id,
            would_refuse=forward.would_refuse if isinstance(forward, NotedForward) else (),
        )
        tell(self.observers, event)

    def let_through(self, method: str, path: str) -> None:
        """Tells the observers of an exempt request; an adapter calls it for exemptions of its own."""
        tell(self.observers, Decided(0, EXEMPT, method, path, policy=self.policy))

    def show_metadata(self, method: str) -> Rejection:
        """The answer to whoever asks for them; an adapter calls it where several policies have some."""
        assert self.metadata is not None  # noqa: S101  nobody finds what is not there
        tell(self.observers, Decided(0, METADATA, method, self.metadata.path, policy=self.policy))
        return self.metadata.answer(method)

    def tell_refusal(self, refusal: Refusal, incoming: Incoming) -> None:
        if not (self.observers or refusal_is_logged(refusal.status)):
            return
        event = Decided(
            refusal.status,
            refusal.code,
            incoming.method,
            incoming.path,
            refusal.option,
            refusal.detail,
            policy=self.policy,
            token=refusal.token,
            request_id=incoming.request_id,
        )
        log_refusal(event)
        tell(self.observers, event)
