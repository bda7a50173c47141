"""The story of a request: its head comes in, a decision goes out.

Both tokens are read before anything is removed; both are examined before anything is signed; and
everything that is written replaces every spelling the client sent. Nothing here does I/O.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from jwt_signer_mw.binding.guard import Guards
from jwt_signer_mw.errors import InternalError, Refusal, StoreUnavailable, Unavailable
from jwt_signer_mw.events import (
    ACCEPTED,
    EXEMPT,
    METADATA,
    Decided,
    instrument,
    log,
    log_refusal,
    refusal_is_logged,
)
from jwt_signer_mw.flows.answers import purge_answers
from jwt_signer_mw.flows.commands import Call, Once
from jwt_signer_mw.flows.lanes import Parts, outputs
from jwt_signer_mw.flows.purge import Purged, Stamp
from jwt_signer_mw.flows.verdicts import VerdictCache, name_of
from jwt_signer_mw.flows.writing import Writer
from jwt_signer_mw.messages import Forward, Identity
from jwt_signer_mw.observing import NO_OBSERVERS, tell, without_text
from jwt_signer_mw.request.exempt import ExemptPaths
from jwt_signer_mw.request.identification import RequestIds
from jwt_signer_mw.request.metadata import Metadata
from jwt_signer_mw.request.names import CONSUMER_HEADERS, ManagedNames
from jwt_signer_mw.request.responses import challenges_of, render
from jwt_signer_mw.settings.issuers import with_issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.flows.purge import Purge
    from jwt_signer_mw.flows.resign import Resigned
    from jwt_signer_mw.flows.verdicts import Verdict
    from jwt_signer_mw.flows.writing import Values
    from jwt_signer_mw.messages import Consumer, Decision, Incoming, Rejection
    from jwt_signer_mw.observing import Observers
    from jwt_signer_mw.settings import Settings
    from jwt_signer_mw.tokens.compact import Token

Tokens: TypeAlias = "tuple[Token | Refusal | None, ...]"


class Pipeline:
    """Decides requests by one policy. Shared by all threads and tasks; holds no lock."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        cache: SharedCache,
        consumers: Consumers,
        clock: Clock,
        observers: Observers = NO_OBSERVERS,
        *,
        make: type[Parts] | Callable[..., Parts] = Parts,
    ) -> None:
        """`make` puts other parts in the place of the plain ones: see `jwt_signer_mw.explain`."""
        tokens = (settings.access_token, settings.channel_token)
        parts = make(settings, keyring, cache, consumers, clock)
        lanes = [parts.lane(token) for token in tokens]
        self.settings = settings
        self.policy = observers.policy
        header = settings.request_id_header
        self.request_ids = None if header is None else RequestIds(header)
        self.keyring = keyring
        self.verdicts = VerdictCache(settings.verdict_cache_size, settings.verdict_cache_ttl, clock)
        self.challenges = challenges_of(settings)
        self.metadata = Metadata.of(settings)  # served by `decide`, which no road leads around
        shown = () if self.metadata is None else (self.metadata.path,)
        self.exempt = ExemptPaths((*settings.exempt_paths, *shown))
        self._has_exempt = bool(self.exempt)
        self.observers = observers.of_decisions
        if settings.enable_instrumentation:
            self.observers += (instrument,)
        self._guards = Guards([lane.guard for lane in lanes], [lane.header for lane in lanes])
        self.binds = bool(self._guards)  # then each request is looked at, whatever is remembered
        self.reads = self._guards.reads
        self.longest = settings.max_token_bytes * 2  # characters of a header value worth a look-up
        written = [output.name for token in tokens for output in outputs(token)]
        self.managed = ManagedNames((*self.reads, *written))
        self.writes = (*written, *CONSUMER_HEADERS)
        places = {header: place for place, header in enumerate(self.reads)}
        self._lanes = tuple(lane._replace(place=places.get(lane.header, -1)) for lane in lanes)
        self._recalls = self.verdicts.enabled and not self.binds
        self._subjects = {
            rules.subject_claim
            for token in tokens
            for one in with_issuers(token)
            for rules in (one.claims, one.introspection)
        }
        self._cache = cache
        self._stamp = Stamp(cache, clock, life=settings.verdict_cache_ttl if self.verdicts.enabled else 0)
        self._writer = Writer(self._lanes, self.verdicts.deadline)
        self._ticks = clock.ticks
        self._now = clock.now
        self._epoch = keyring.epoch

    def name(self, values: Values) -> bytes | None:
        """What these header values (in the order of `reads`) are remembered by; None: they are not, or more
        than these has to be looked at."""
        return name_of(values, self.longest) if self._recalls else None

    def find(self, name: bytes, values: Values) -> Forward | None:
        """The fast road: what the values of this name got before, if it still holds."""
        keyring, ticks = self.keyring, self._ticks()
        if keyring.epoch != self._epoch or ticks >= keyring.due or ticks >= self._stamp.due:
            return None  # `_is_behind`, which would be a tenth of this road
        verdict = self.verdicts.get(name, ticks)
        return None if verdict is None else _forward(verdict, values)

    def recall(self, values: Values) -> Forward | None:
        """`name` and `find` in one."""
        name = self.name(values)
        return None if name is None else self.find(name, values)

    def decide(self, incoming: Incoming, name: bytes | None = None) -> Flow[Decision]:
        """The whole way. Never raises: whatever goes wrong is a rejection. `name`: that of the values, where
        the caller knows it."""
        if self._has_exempt and incoming.path in self.exempt:
            return self._pass_unchecked(incoming)
        try:
            if self._is_behind(self._ticks()):
                yield from self._catch_up()
            tokens = self._read(incoming)
            if name is None and not incoming.repeated and self.verdicts.enabled:
                name = name_of(self._guards.carriers(incoming.values), self.longest)
            judge = partial(self._judge, tokens, incoming.values, name)
            verdict = (yield from judge()) if name is None else (yield Once((id(self), name), judge))
            if self.binds:
                yield from self._guards.check(incoming, tokens, verdict.bonds)
            forward = _forward(verdict, incoming.values)
        except Refusal as refusal:  # kept under no other name, or it and this frame would hold each other
            return self.reject(refusal, incoming)
        except Unavailable as problem:
            unavailable = StoreUnavailable(problem.detail, retry_after=problem.retry_after)
            return self.reject(unavailable, incoming)
        except Exception as problem:  # noqa: BLE001  a client never sees a traceback
            log.error("unexpected %s", type(problem).__name__, exc_info=without_text(problem))
            return self.reject(InternalError(type(problem).__name__), incoming)
        if self.observers:
            self.accepted(incoming.method, incoming.path, forward, incoming.request_id, remembered=False)
        return forward

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

    def _pass_unchecked(self, incoming: Incoming) -> Decision:
        if self.metadata is not None and incoming.path == self.metadata.path:
            return self.show_metadata(incoming.method)
        self.let_through(incoming.method, incoming.path)
        return Forward()

    def _is_behind(self, ticks: float) -> bool:
        """Whether keys changed, or somebody has to see whether they did."""
        keyring = self.keyring
        return keyring.epoch != self._epoch or ticks >= keyring.due or ticks >= self._stamp.due

    def _catch_up(self) -> Flow[None]:
        keyring = self.keyring
        if self._ticks() >= keyring.due:
            yield from keyring.maintain()
        if self._ticks() >= self._stamp.due and (yield from self._stamp.look()):
            self._forget()
        if keyring.epoch != self._epoch:
            self._epoch = keyring.epoch
            self.verdicts.clear()

    def _read(self, incoming: Incoming) -> Tokens:
        """Both tokens, before anything is removed or asked. A refusal of the first one ends it here; one of
        the second has to wait until the first was examined."""
        first, second = self._lanes
        token = first.read(incoming)
        try:
            return token, second.read(incoming)
        except Refusal as refusal:
            return token, refusal

    def _judge(self, tokens: Tokens, values: Values, name: bytes | None) -> Flow[Verdict]:
        """Examine both tokens, then sign, then write; raises the first refusal."""
        if name is not None and (known := self.verdicts.get(name, self._ticks())) is not None:
            return known  # somebody was faster
        epoch, generation = self.keyring.epoch, self.verdicts.generation
        consumer: Consumer | None = None
        passed: list[Examined | None] = []
        signed: list[Resigned | None] = []
        lane = self._lanes[0]
        try:
            for lane, token in zip(self._lanes, tokens, strict=True):
                if token is None:
                    passed.append(None)
                elif isinstance(token, Refusal):
                    raise token
                else:
                    examined = yield from lane.examiner.examine(token, consumer)
                    consumer = examined.consumer
                    passed.append(examined)
            bonds = self._guards.bonds(passed) if self.binds else ()
            sources = self._guards.recorded(passed, bonds) if self.binds else passed
            for lane, found in zip(self._lanes, sources, strict=True):
                if found is None or lane.resigner is None:
                    signed.append(None)
                else:
                    signed.append((yield from lane.resigner.resign(found)))
        except Refusal as refusal:
            refusal.token = lane.name
            raise
        verdict = self._writer.write(values, passed, signed, consumer)._replace(bonds=bonds)
        if name is not None and verdict.until > self._now() and epoch == self.keyring.epoch:
            self.verdicts.put(name, verdict, generation)
        return verdict

    def purge(self, purge: Purge) -> Flow[Purged]:
        """Forgets what was decided and answered about some tokens. Raises `StoreError`."""
        for lane in self._lanes:
            lane.examiner.forget_flights()
        fits = partial(purge.fits, subjects=self._subjects)
        verdicts = yield Call(self.verdicts.purge, (lambda one: any(map(fits, one.told())),), burns=True)
        answers = yield from self._purge_answers(purge, fits)
        yield from self._stamp.leave()
        return Purged(verdicts, answers)

    def _purge_answers(self, purge: Purge, fits: Callable[[Mapping[str, Any]], bool]) -> Flow[int | None]:
        """Those of one token are found by its name, in any cache; all others by a search."""
        if purge.token is None:
            return (yield from purge_answers(self._cache, fits))
        count = 0
        for lane in self._lanes:
            count += yield from lane.examiner.forget(purge.token)
        return count

    def _forget(self) -> None:
        """Another worker purged something, and does not say what."""
        for lane in self._lanes:
            lane.examiner.forget_flights()
        self.verdicts.clear()

    def reject(self, refusal: Refusal, incoming: Incoming) -> Rejection:
        """Logs and tells a refusal; an adapter calls it for rules of its own, such as scopes of one view."""
        if self.observers or refusal_is_logged(refusal.status):
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
        rejection = render(refusal, self.settings.realm, incoming.host, self.challenges)
        return self._guards.dress(rejection, refusal) if self.binds else rejection


def _forward(verdict: Verdict, values: Values) -> Forward:
    _, _, _, names, outcomes, written, consumer, _ = verdict
    return Forward(names, written, Identity(outcomes, values, written, consumer))
