"""The story of a request: its head comes in, a decision goes out.

Both tokens are read before anything is removed; both are examined before anything is signed; and
everything that is written replaces every spelling the client sent. Nothing here does I/O.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jwt_signer_mw.errors import InternalError, Refusal, StoreUnavailable, Unavailable
from jwt_signer_mw.events import ACCEPTED, EXEMPT, Decided, instrument, log, log_refusal, refusal_is_logged
from jwt_signer_mw.flows.commands import Flow, once
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.introspect import Introspector
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.flows.verdicts import Verdict, VerdictCache, key_of
from jwt_signer_mw.flows.verify import Verifier
from jwt_signer_mw.messages import Decision, Forward, Identity, Incoming, Outcome, Rejection
from jwt_signer_mw.request.exempt import ExemptPaths
from jwt_signer_mw.request.names import CONSUMER_HEADERS, ManagedNames
from jwt_signer_mw.request.responses import render
from jwt_signer_mw.request.rewrite import Output, consumer_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.events import Observer
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.request.extract import Credential
    from jwt_signer_mw.settings import Settings, TokenSettings


class Lane(NamedTuple):
    """What happens to one of the two tokens."""

    header: str  # that carries it, folded; empty: switched off
    examiner: Examiner
    resigner: Resigner | None  # None: nothing is signed
    upstream: Output | None
    original: Output | None


OpenLane: TypeAlias = "Callable[[TokenSettings, Settings, Keyring, SharedCache, Consumers, Clock], Lane]"


class Pipeline:
    """Decides requests by one policy. Shared by all threads and tasks; holds no lock."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        cache: SharedCache,
        consumers: Consumers,
        clock: Clock,
        observers: Sequence[Observer] = (),
        *,
        open_lane: OpenLane | None = None,
    ) -> None:
        """`open_lane` puts other parts in the place of `lane_of`'s: see `jwt_signer_mw.explain`."""
        tokens = (settings.access_token, settings.channel_token)
        self.settings = settings
        self.keyring = keyring
        self.verdicts = VerdictCache(settings.verdict_cache_size, settings.verdict_cache_ttl, clock)
        self.exempt = ExemptPaths(settings.exempt_paths or ())
        self.observers = (*observers, *((instrument,) if settings.enable_instrumentation else ()))
        self._ticks = clock.ticks
        self._now = clock.now
        self._epoch = keyring.epoch
        self._shared: dict[tuple[Outcome | None, ...], tuple[Outcome | None, ...]] = {}
        opened = open_lane or lane_of
        self._lanes = tuple(opened(token, settings, keyring, cache, consumers, clock) for token in tokens)
        self.reads = tuple(dict.fromkeys(lane.header for lane in self._lanes if lane.header))
        self.longest = settings.max_token_bytes * 2  # characters of a header value worth a look-up
        outputs = [output for token in tokens for output in _outputs(token)]
        self.managed = ManagedNames((*self.reads, *(output.name for output in outputs)))
        self.writes = (*(output.name for output in outputs), *CONSUMER_HEADERS)

    def recall(self, values: tuple[str | None, ...]) -> Forward | None:
        """The fast road: what these header values (in the order of `reads`) got before, if it still holds."""
        keyring = self.keyring
        if keyring.epoch != self._epoch or self._ticks() >= keyring.due:
            return None
        for value in values:
            if value is not None and len(value) > self.longest:
                return None
        key = key_of(values)
        verdict = self.verdicts.get(key) if key is not None else None
        return None if verdict is None else forward_of(verdict, values)

    def decide(self, incoming: Incoming) -> Flow[Decision]:
        """The whole way. Never raises: whatever goes wrong is a rejection."""
        if self.exempt and incoming.path in self.exempt:
            self.let_through(incoming.method, incoming.path)
            return Forward()
        refusal: Refusal
        try:
            verdict, values, remembered = yield from self._decide(incoming)
            forward = forward_of(verdict, values)
        except Refusal as problem:
            refusal = problem
        except Unavailable as problem:
            refusal = StoreUnavailable(problem.detail, retry_after=problem.retry_after)
        except Exception as problem:  # noqa: BLE001  a client never sees a traceback
            log.error("unexpected %s", type(problem).__name__, exc_info=_without_text(problem))
            refusal = InternalError(type(problem).__name__)
        else:
            if self.observers:
                self.accepted(incoming.method, incoming.path, forward, remembered=remembered)
            return forward
        return self.reject(refusal, incoming)

    def accepted(self, method: str, path: str, forward: Forward, *, remembered: bool = True) -> None:
        """Tells the observers of an accepted request; an adapter calls it for the fast road."""
        self._report(Decided(0, ACCEPTED, method, path, remembered=remembered, identity=forward.identity))

    def let_through(self, method: str, path: str) -> None:
        """Tells the observers of an exempt request; an adapter calls it for exemptions of its own."""
        self._report(Decided(0, EXEMPT, method, path))

    def _decide(self, incoming: Incoming) -> Flow[tuple[Verdict, tuple[str | None, ...], bool]]:
        keyring = self.keyring
        if self._ticks() >= keyring.due:
            yield from keyring.maintain()
        if keyring.epoch != self._epoch:
            self._epoch = keyring.epoch
            self.verdicts.clear()
        credentials = self._read(incoming)
        values = self._carriers(incoming)
        good = not any(isinstance(credential, Refusal) for credential in credentials)
        key = key_of(values) if good and self.verdicts.enabled else None
        if key is None:
            return (yield from self._judge(credentials, values, None)), values, False
        known = self.verdicts.get(key)
        if known is not None:
            return known, values, True
        verdict = yield from once((id(self), key), partial(self._judge, credentials, values, key))
        return verdict, values, False

    def _read(self, incoming: Incoming) -> tuple[Credential | Refusal | None, ...]:
        """All tokens, before anything is removed or asked. The first one's refusal ends it here; another
        one's has to wait until the tokens before it were examined."""
        first, *others = self._lanes
        found: list[Credential | Refusal | None] = [first.examiner.read(incoming.headers)]
        for lane in others:
            try:
                found.append(lane.examiner.read(incoming.headers))
            except Refusal as refusal:
                found.append(refusal)
        return tuple(found)

    def _judge(
        self,
        credentials: tuple[Credential | Refusal | None, ...],
        carriers: tuple[str | None, ...],
        key: bytes | None,
    ) -> Flow[Verdict]:
        """Examine both tokens, then sign, then write; raises the first refusal."""
        if key is not None and (known := self.verdicts.get(key)) is not None:
            return known  # somebody was faster
        epoch = self.keyring.epoch
        consumer: Consumer | None = None
        examined: list[tuple[Credential, Examined] | None] = []
        for lane, credential in zip(self._lanes, credentials, strict=True):
            if credential is None:
                examined.append(None)
            elif isinstance(credential, Refusal):
                raise credential
            else:
                result = yield from lane.examiner.examine(credential, consumer)
                consumer = result.consumer
                examined.append((credential, result))
        verdict, remember = yield from self._write(carriers, examined, consumer)
        if key is not None and remember and epoch == self.keyring.epoch and verdict.until > self._now():
            self.verdicts.put(key, verdict)
        return verdict

    def _write(
        self,
        carriers: tuple[str | None, ...],
        examined: list[tuple[Credential, Examined] | None],
        consumer: Consumer | None,
    ) -> Flow[tuple[Verdict, bool]]:
        written: list[tuple[str, str]] = []
        outcomes: list[Outcome | None] = []
        until, remember = float("inf"), True
        for lane, found in zip(self._lanes, examined, strict=True):
            if found is None:
                outcomes.append(None)
                continue
            credential, result = found
            signed = None
            if lane.resigner is not None and lane.upstream is not None:
                token = yield from lane.resigner.resign(result)
                signed = len(written)
                written.append((lane.upstream.name, lane.upstream.value(token)))
                until = min(until, lane.resigner.until(result))
            if lane.original is not None:
                written.append((lane.original.name, lane.original.value(credential.token)))
            until, remember = min(until, result.until), remember and result.remember
            carrier = self.reads.index(lane.header)
            payload = _payload_to_keep(carriers[carrier] or "", found)
            outcomes.append(Outcome(result.source, carrier, payload, signed))
        if consumer is not None:
            written.extend(consumer_headers(consumer))
        names, values = tuple(name for name, _ in written), tuple(value for _, value in written)
        shared = self._share(tuple(outcomes))
        return Verdict(until, 0.0, names, values, shared, consumer), remember

    def _share(self, outcomes: tuple[Outcome | None, ...]) -> tuple[Outcome | None, ...]:
        """Outcomes of JWTs are alike: one tuple serves every entry."""
        if any(outcome is not None and outcome.payload is not None for outcome in outcomes):
            return outcomes
        return self._shared.setdefault(outcomes, outcomes)

    def _carriers(self, incoming: Incoming) -> tuple[str | None, ...]:
        """The header values that were read, the scheme in its usual spelling."""
        headers = incoming.headers
        return tuple([_usual_scheme(headers[name][0]) if name in headers else None for name in self.reads])

    def _report(self, event: Decided) -> None:
        for observer in self.observers:
            observer(event)

    def reject(self, refusal: Refusal, incoming: Incoming) -> Rejection:
        """Logs and tells a refusal; an adapter calls it for rules of its own, such as scopes of one view."""
        if self.observers or refusal_is_logged(refusal.status):
            event = Decided(
                refusal.status, refusal.code, incoming.method, incoming.path, refusal.option, refusal.detail
            )
            log_refusal(event)
            self._report(event)
        return render(refusal, self.settings.realm, incoming.host)


def lane_of(
    token: TokenSettings,
    settings: Settings,
    keyring: Keyring,
    cache: SharedCache,
    consumers: Consumers,
    clock: Clock,
) -> Lane:
    verifier = Verifier(token, keyring.verification(token), symmetric=settings.enable_hs_signatures)
    introspector = Introspector(token, settings, cache, clock)
    examiner = Examiner(token, verifier, introspector, consumers, clock, settings.max_token_bytes)
    upstream = Output.of(token.upstream_header) if token.signs and token.upstream_header else None
    original = Output.of(token.original_upstream_header) if token.original_upstream_header else None
    resigner = None if upstream is None else Resigner(token, settings, keyring.signing(token), clock)
    header = "" if examiner.reader is None else examiner.reader.header
    return Lane(header, examiner, resigner, upstream, original)


def _outputs(token: TokenSettings) -> list[Output]:
    """Every output header that is named, switched on or not: a client's copy never passes."""
    names = (token.upstream_header, token.original_upstream_header)
    return [Output.of(name) for name in names if name]


def forward_of(verdict: Verdict, values: tuple[str | None, ...]) -> Forward:
    identity = Identity(verdict.outcomes, values, verdict.values, verdict.consumer)
    return Forward(verdict.names, verdict.values, identity)


def _payload_to_keep(carrier: str, found: tuple[Credential, Examined]) -> bytes | None:
    """None where the client's header value holds the payload already: memory per entry counts."""
    credential, result = found
    if result.source == "jwt" and carrier.rpartition(" ")[2] == credential.token:
        return None
    return result.payload


def _usual_scheme(value: str) -> str:
    if not value.startswith("Bearer ") and value[:7].lower() == "bearer ":
        return "Bearer " + value[7:]
    return value


class Hidden(Exception):
    """An unknown error with its traceback and without its text, which might quote a token."""


def _without_text(problem: BaseException) -> Hidden:
    return Hidden(type(problem).__name__).with_traceback(problem.__traceback__)
