"""The story of a request: its head comes in, a decision goes out.

Both tokens are read before anything is removed; both are examined before anything is signed; and
everything that is written replaces every spelling the client sent. Nothing here does I/O.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from jwt_signer_mw.binding.guard import Guards
from jwt_signer_mw.errors import InternalError, Refusal, StoreUnavailable, Unavailable
from jwt_signer_mw.events import log, report
from jwt_signer_mw.flows.answers import purge_answers
from jwt_signer_mw.flows.commands import Call, Once
from jwt_signer_mw.flows.lanes import Parts, outputs
from jwt_signer_mw.flows.purge import Purged, Stamp
from jwt_signer_mw.flows.shadow import SHADOW, Shadow, forward_noted, review, shadows_of
from jwt_signer_mw.flows.telling import Telling
from jwt_signer_mw.flows.verdicts import VerdictCache, name_of
from jwt_signer_mw.flows.writing import Writer
from jwt_signer_mw.messages import Forward, Identity
from jwt_signer_mw.observing import NO_OBSERVERS, without_text
from jwt_signer_mw.request.identification import RequestIds
from jwt_signer_mw.request.names import CONSUMER_HEADERS, ManagedNames
from jwt_signer_mw.request.responses import render
from jwt_signer_mw.settings.issuers import with_issuers
from jwt_signer_mw.tokens.templates import Sources

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


class Pipeline(Telling):
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
        super().__init__(settings, observers)
        tokens = (settings.access_token, settings.channel_token)
        parts = make(settings, keyring, cache, consumers, clock)
        lanes = [parts.lane(token) for token in tokens]
        header = settings.request_id_header
        self.request_ids = None if header is None else RequestIds(header)
        self.keyring = keyring
        self.verdicts = VerdictCache(settings.verdict_cache_size, settings.verdict_cache_ttl, clock)
        self._has_exempt = bool(self.exempt)
        self._guards = Guards([lane.guard for lane in lanes], [lane.header for lane in lanes])
        self.binds = bool(self._guards)  # then each request is looked at, whatever is remembered
        self.binds_body = self._guards.bind_bodies  # then `Delivery.digest` is needed
        self.reads = self._guards.reads
        self.longest = settings.max_token_bytes * 2  # characters of a header value worth a look-up
        written = [output.name for token in tokens for output in outputs(token)]
        self.managed = ManagedNames((*self.reads, *written))
        self.writes = (*written, *CONSUMER_HEADERS)
        places = {header: place for place, header in enumerate(self.reads)}
        self._lanes = tuple(lane._replace(place=places.get(lane.header, -1)) for lane in lanes)
        self._subjects = {
            rules.subject_claim
            for token in tokens
            for one in with_issuers(token)
            for rules in (one.claims, one.introspection)
        }
        self._told = sorted(
            {field for lane in lanes if lane.resigner for field in lane.resigner.request_fields}
        )
        self._recalls = self.verdicts.enabled and not self.binds and not self._told
        self._cache = cache
        self._stamp = Stamp(cache, clock, life=settings.verdict_cache_ttl if self.verdicts.enabled else 0)
        self._writer = Writer(self._lanes, self.verdicts.deadline)
        self._ticks = clock.ticks
        self._now = clock.now
        self._epoch = keyring.epoch
        self._parts = (cache, consumers, clock)
        self._forward = _forward
        self._shadows: tuple[Shadow, ...] = ()
        self._own_shadows = tuple(shadows_of(settings, keyring, *self._parts, self.reads))
        self.shadow_by(None)

    def name(self, values: Values) -> bytes | None:
        """What these header values (in the order of `reads`) are remembered by; None: they are not, or more
        than these has to be looked at."""
        return name_of(values, self.longest) if self._recalls else None

    def _full_name(self, incoming: Incoming) -> bytes | None:
        """`name`, with whatever else of the request the new tokens tell of: no other request gets them."""
        told = tuple("=" + getattr(incoming, field) for field in self._told)
        name = name_of(self._guards.carriers(incoming.values) + told, self.longest)
        return name if name is None or not self.binds else self._guards.name(name, incoming)

    def find(self, name: bytes, values: Values) -> Forward | None:
        """The fast road: what the values of this name got before, if it still holds."""
        keyring, ticks = self.keyring, self._ticks()
        if keyring.epoch != self._epoch or ticks >= keyring.due or ticks >= self._stamp.due:
            return None  # `_is_behind`, which would be a tenth of this road
        verdict = self.verdicts.get(name, ticks)
        return None if verdict is None else self._forward(verdict, values)

    def recall(self, values: Values) -> Forward | None:
        """`name` and `find` in one."""
        name = self.name(values)
        return None if name is None else self.find(name, values)

    def decide(self, incoming: Incoming, name: bytes | None = None) -> Flow[Decision]:
        """The whole way. Never raises: whatever goes wrong is a rejection. `name`: that of the values, where
        the caller knows it."""
        if self._has_exempt and incoming.path in self.exempt:
            return self._pass_unchecked(incoming)
        tokens: Tokens | None = None
        try:
            if self._is_behind(self._ticks()):
                yield from self._catch_up()
            tokens = self._read(incoming)
            if name is None and not incoming.repeated and self.verdicts.enabled:
                name = self._full_name(incoming)
            judge = partial(self._judge, tokens, incoming, name)
            verdict = (yield from judge()) if name is None else (yield Once((id(self), name), judge))
            if self.binds:
                yield from self._guards.check(incoming, tokens, verdict.bonds)
            forward = self._forward(verdict, incoming.values)
        except Refusal as refusal:  # kept under no other name, or it and this frame would hold each other
            if tokens is None:
                refusal.token = self._lanes[0].name
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

    def shadow_by(self, other: Pipeline | None) -> None:
        """Has another policy judge in the shadow what this one accepts, or none. Raises `LookupError` for one
        that reads other headers."""
        shadows = self._own_shadows
        if other is not None:
            shadows += (self._shadow_of(other),)
        if shadows and report not in self.observers:
            self.observers += (report,)
        self._shadows, self._forward = shadows, forward_noted if shadows else _forward
        self.verdicts.clear()  # which hold what the former shadow said

    def _shadow_of(self, other: Pipeline) -> Shadow:
        """With our keys, which are at hand for what we accept; where they are not those, with its own."""
        cache, consumers, clock = other._parts
        try:
            return Shadow(SHADOW, other.settings, self.keyring, cache, consumers, clock, self.reads)
        except LookupError:
            return Shadow(SHADOW, other.settings, other.keyring, cache, consumers, clock, self.reads)

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

    def _judge(self, tokens: Tokens, incoming: Incoming, name: bytes | None) -> Flow[Verdict]:
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
            recorded = self._guards.recorded(passed, bonds, incoming) if self.binds else passed
            for lane, found, held in zip(self._lanes, recorded, passed, strict=True):
                if found is None or held is None or lane.resigner is None:
                    signed.append(None)
                else:
                    sources = Sources(held.claims, consumer, incoming)
                    signed.append((yield from lane.resigner.resign(found, sources)))
        except Refusal as refusal:
            refusal.token = lane.name
            raise
        verdict = self._writer.write(incoming.values, passed, signed, consumer)._replace(bonds=bonds)
        if self._shadows:
            verdict = yield from review(self._shadows, verdict, incoming.values)
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
        self.tell_refusal(refusal, incoming)
        rejection = render(refusal, self.settings.realm, incoming.host, self.challenges)
        return self._guards.dress(rejection, refusal) if self.binds else rejection


def _forward(verdict: Verdict, values: Values) -> Forward:
    _, _, _, names, outcomes, written, consumer, _ = verdict
    return Forward(names, written, Identity(outcomes, values, written, consumer))
