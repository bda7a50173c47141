"""The parts of a pipeline that tell what they do, for observers that want more than decisions.

They stand in for the plain ones, so the plain ones carry no trace of this and cost nothing for it.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.events import Judged, KeysFetched, KeysHeld, Recalled, Signed
from jwt_signer_mw.flows.commands import within
from jwt_signer_mw.flows.introspect import Introspector
from jwt_signer_mw.flows.keys import Keyring
from jwt_signer_mw.flows.lanes import Parts
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.pipeline import Pipeline
from jwt_signer_mw.flows.remote import Remote
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.messages import Forward
from jwt_signer_mw.observing import Deciding, Introspecting, Signing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.answers import Answer
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.documents import Source
    from jwt_signer_mw.flows.introspect import Introspected
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.messages import Decision, Incoming
    from jwt_signer_mw.observing import Observers, Work
    from jwt_signer_mw.settings import Settings, TokenSettings

    T = TypeVar("T")


CLIENT_ERRORS = 400


class Post(NamedTuple):
    """From where observers are told."""

    observers: Observers
    clock: Clock

    def during(self, work: Work, flow: Flow[T]) -> Flow[T]:
        """The flow, watched if anybody watches."""
        return within(partial(self.observers.around, work), flow) if self.observers.watch else flow


def open_keyring(observers: Observers, settings: Settings, store: KeysetStore, clock: Clock) -> Keyring:
    """A keyring whose sets tell these observers what becomes of them."""
    if not observers.want_more:
        return Keyring(settings, store, clock)
    remote, named = partial(ObservedRemote, observers), partial(ObservedNamed, observers)
    return Keyring(settings, store, clock, remote=remote, named=named)


def open_pipeline(
    observers: Observers,
    settings: Settings,
    keyring: Keyring,
    cache: SharedCache,
    consumers: Consumers,
    clock: Clock,
) -> Pipeline:
    """A pipeline that tells these observers what it does."""
    parts = (settings, keyring, cache, consumers, clock, observers)
    if not observers.want_more:
        return Pipeline(*parts)
    return ObservedPipeline(Post(observers, clock), *parts)


class ObservedPipeline(Pipeline):
    def __init__(self, post: Post, *parts: Any) -> None:
        super().__init__(*parts, make=partial(ObservedParts, post))
        self._post = post

    def decide(self, incoming: Incoming, name: bytes | None = None) -> Flow[Decision]:
        return self._post.during(Deciding(self.policy, incoming.method), self._timed(incoming, name))

    def _timed(self, incoming: Incoming, name: bytes | None) -> Flow[Decision]:
        ticks = self._post.clock.ticks
        began = ticks()
        decision = yield from super().decide(incoming, name)
        outcome = _outcome(decision)
        self._post.observers.tell(Judged(self.policy, outcome, ticks() - began))
        return decision


class ObservedParts(Parts):
    """Makes the parts that tell what they do."""

    def __init__(self, post: Post, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._post = post

    def introspector_at(self, token: TokenSettings) -> Introspector:
        return ObservedIntrospector(self._post, token, *self.introspection)

    def resigner(self, token: TokenSettings) -> Resigner:
        return ObservedResigner(self._post, token, self.settings, self.keyring.signing(token), self.clock)


def _outcome(decision: Decision) -> str:
    if isinstance(decision, Forward):
        return "forwarded"
    return "answered" if decision.status < CLIENT_ERRORS else "refused"


class ObservedIntrospector(Introspector):
    def __init__(self, post: Post, token: TokenSettings, *parts: Any) -> None:
        super().__init__(token, *parts)
        self._post = post
        self._name = token.name

    def introspect(self, token: str) -> Flow[Introspected]:
        work = Introspecting(self._post.observers.policy, self._name)
        return self._post.during(work, super().introspect(token))

    def _recall(self, key: str) -> Flow[Answer | None]:
        answer = yield from super()._recall(key)
        self._post.observers.tell(Recalled(self._post.observers.policy, self._name, answer is not None))
        return answer


class ObservedResigner(Resigner):
    def __init__(self, post: Post, token: TokenSettings, *parts: Any) -> None:
        super().__init__(token, *parts)
        self._post = post
        self._name = token.name

    def _sign(self, key: Key, message: bytes) -> Flow[bytes]:
        work = Signing(self._post.observers.policy, self._name, self._algorithm)
        return self._post.during(work, self._timed(work, super()._sign(key, message)))

    def _timed(self, work: Signing, flow: Flow[bytes]) -> Flow[bytes]:
        ticks = self._post.clock.ticks
        began = ticks()
        signature = yield from flow
        self._post.observers.tell(Signed(*work, ticks() - began))
        return signature


class ObservedRemote(Remote):
    def __init__(self, observers: Observers, source: Source, clock: Clock, **options: Any) -> None:
        super().__init__(source, clock, **options)
        self._observers = observers

    def _fetch(self, source: Source | None = None) -> Flow[bool]:
        loaded = yield from super()._fetch(source)
        now, due_in = self._clock.now(), self.due - self._clock.ticks()
        keys = 0 if self.keys is None else len(self.keys.keys)
        due_at = now + due_in if self._period and due_in < inf else None
        self._observers.tell(KeysFetched(self.source.place, loaded, keys, now, due_at))
        return loaded


class ObservedNamed(Named):
    def __init__(self, observers: Observers, name: str, *parts: Any, **options: Any) -> None:
        super().__init__(name, *parts, **options)
        self._observers = observers

    def _hold(
        self, stored: StoredSet, fresh: Mapping[str, Key] | None = None, checked_at: float | None = None
    ) -> Flow[None]:
        yield from super()._hold(stored, fresh, checked_at)
        if self.held is not None and self.held.stored is stored:
            due_at = lifecycle.rotation_due(stored, self._period) if self._period else None
            self._observers.tell(KeysHeld(self.name, stored.version, stored.rotated_at, due_at))
