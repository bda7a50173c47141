"""The key set endpoints (behaviour section 5.5, decisions 16, 18a, 31 and 39).

Adapters translate only. A `GET` changes no key set, and only sets that the settings name are known
here, so no path makes the suite fetch a URL that is not configured.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from jwt_signer_mw.errors import ServiceUnavailable, StoredKeysUnreadable, StoreError
from jwt_signer_mw.explain.explanation import Asked
from jwt_signer_mw.flows.commands import once
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.published import document_of, document_of_others, entry
from jwt_signer_mw.flows.purge import Purge
from jwt_signer_mw.flows.verify import printable
from jwt_signer_mw.keysets.keyset import public_document
from jwt_signer_mw.request.endpoints import (
    KEY_SET,
    MAX_BODY,
    METHODS,
    AdminAnswer,
    AdminRequest,
    Credentials,
    challenge,
    failure,
    is_authorised,
    is_cross_site,
    locate,
    read_credentials,
    read_kid,
    show,
    show_cacheable,
)
from jwt_signer_mw.request.responses import RETRY_AFTER
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.explain.explanation import Explanation
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.purge import Purged
    from jwt_signer_mw.flows.remote import Remote
    from jwt_signer_mw.request.endpoints import Action
    from jwt_signer_mw.settings import Settings

__all__ = ["AdminAnswer", "AdminRequest", "Administration"]

log = logging.getLogger("jwt_signer_mw.administration")
T = TypeVar("T")

ROTATIONS_AT_ONCE = 10  # of one set, before it has to rest
ROTATION_EVERY = 1.0  # second, in the long run


class Allowance(NamedTuple):
    """A bucket of rotations that fills with time."""

    left: float = ROTATIONS_AT_ONCE
    at: float = 0.0  # tick

    def take(self, ticks: float) -> Allowance | None:
        left = min(ROTATIONS_AT_ONCE, self.left + max(0.0, ticks - self.at) / ROTATION_EVERY)
        return Allowance(left - 1, ticks) if left >= 1 else None


class KeySets(Protocol):
    """What knows the sets that are served: a `Keyring`, or all those of an application."""

    def sets(self) -> tuple[Named | Remote, ...]: ...


class Administration:
    """Answers requests to the endpoints of one middleware's key sets."""

    def __init__(
        self,
        keyring: KeySets,
        settings: Settings,
        clock: Clock,
        *,
        explain: Callable[[Asked], Flow[Explanation]] | None = None,
        purge: Callable[[Purge], Flow[Purged]] | None = None,
    ) -> None:
        """`explain` answers `POST .../explain`, `purge` `POST .../purge`; None: there is no such endpoint."""
        self._keyring = keyring
        self._posts: dict[str, Callable[[AdminRequest], Flow[AdminAnswer]]] = {}
        if explain is not None:
            self._posts["/explain"] = partial(self._answer_why, explain)
        if purge is not None:
            self._posts["/purge"] = partial(self._answer_purge, purge)
        self._settings = settings
        self._clock = clock
        self._allowances: dict[str, Allowance] = {}

    def answer(self, request: AdminRequest) -> Flow[AdminAnswer]:
        """Never raises on purpose: what can't be done is a status."""
        try:
            answer = yield from self._answer(request)
        except StoredKeysUnreadable as error:
            log.error("%s", error.detail)
            answer = failure(500)
        except (StoreError, ServiceUnavailable) as error:
            log.warning("%s %s: %s", request.method, type(error).__name__, error.detail)
            wait = RETRY_AFTER if error.retry_after is None else error.retry_after
            answer = failure(503, ("Retry-After", str(max(1, math.ceil(wait)))))
        return answer._replace(body=b"") if request.method == "HEAD" else answer

    def _answer(self, request: AdminRequest) -> Flow[AdminAnswer]:
        action, sets = locate(request, self._keyring.sets())
        reads = request.method in ("GET", "HEAD")
        if action == "one" and reads:
            return (yield from self._show_one(sets[0], request))
        post = self._posts.get(request.path[request.path.rfind("/") :])
        if action == "unknown" and post is not None:
            return (yield from post(request))
        if action == "unknown" and reads:
            return failure(404)
        if action != "unknown" and request.method not in METHODS[action]:
            return failure(405, ("Allow", ", ".join(METHODS[action])))
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        if action == "unknown":
            return failure(404)
        return (yield from self._act(action, sets, request))

    def _act(
        self, action: Action, sets: tuple[Named | Remote, ...], request: AdminRequest
    ) -> Flow[AdminAnswer]:
        match action:
            case "list":
                return (yield from self._list())
            case "rotate":
                return (yield from self._rotate(sets, request))
            case "revoke":
                return (yield from self._revoke(sets[0], request))
        return (yield from self._delete(sets))

    def _answer_why(
        self, explain: Callable[[Asked], Flow[Explanation]], request: AdminRequest
    ) -> Flow[AdminAnswer]:
        """The request that the body describes, explained. What it may hold: see `explanation.Asked.read`."""
        asked = self._read_post(request, Asked.read)
        if isinstance(asked, AdminAnswer):
            return asked
        explanation = yield from explain(asked)
        return show(explanation.as_dict())

    def _answer_purge(
        self, purge: Callable[[Purge], Flow[Purged]], request: AdminRequest
    ) -> Flow[AdminAnswer]:
        """How much was forgotten. What the body may hold: see `Purge.read`."""
        asked = self._read_post(request, Purge.read, self._settings.purge_token)
        if isinstance(asked, AdminAnswer):
            return asked
        purged = yield from purge(asked)
        log.info("purged by request: %d verdicts", purged.verdicts)
        return show(purged._asdict())

    def _read_post(
        self, request: AdminRequest, read: Callable[[bytes], T], secret: str | None = None
    ) -> T | AdminAnswer:
        """What an authorised POST asks for; else the answer to it. `secret` opens this door only."""
        if request.method != "POST":
            return failure(405, ("Allow", "POST"))
        refusal = self._refuse(request, secret)
        if refusal is not None:
            return refusal
        try:
            if len(request.body) <= MAX_BODY:
                return read(request.body)
        except Malformed as problem:
            log.info("request refused: %s", problem)
        return failure(400)

    def _refuse(self, request: AdminRequest, secret: str | None = None) -> AdminAnswer | None:
        """Decision 39. `secret` does as well as `admin_token`."""
        secrets = [one for one in (self._settings.admin_token, secret) if one is not None]
        if not secrets:
            return failure(404)
        if not any([is_authorised(request, one) for one in secrets]):  # noqa: C419  each in the same time
            return failure(401, challenge(request, self._settings.realm))
        return failure(403) if is_cross_site(request) else None

    def _show_one(self, keys: Named | Remote, request: AdminRequest) -> Flow[AdminAnswer]:
        if isinstance(keys, Named):
            document, cache_control = yield from self._read_named(keys)
        else:
            yield from keys.load()
            document, cache_control = document_of_others(keys), "no-cache"
        if document is None:
            return failure(404)
        return show_cacheable(document, cache_control, request.headers.get("if-none-match"))

    def _read_named(self, named: Named) -> Flow[tuple[dict[str, Any] | None, str]]:
        """The newest document; where the store is silent the one in memory, for a shorter time."""
        try:
            held = yield from once((named, "refresh"), named.refresh)
        except StoreError:
            held = named.held
            if held is None:
                raise
        if held is None:
            return None, ""
        return public_document(held.stored), f"public, max-age={held.max_age(self._clock.now())}"

    def _list(self) -> Flow[AdminAnswer]:
        entries: list[dict[str, Any]] = []
        for keys in self._keyring.sets():
            if not isinstance(keys, Named):
                entries.append(
                    entry(keys.id, keys.name, document_of_others(keys), keys.created_at, keys.updated_at)
                )
                continue
            document, _ = yield from self._read_named(keys)
            if document is not None and (held := keys.held) is not None:
                stored = held.stored
                entries.append(entry(stored.id, keys.name, document, stored.created_at, stored.updated_at))
        return show({"data": entries, "total": len(entries)})

    def _rotate(self, sets: tuple[Named | Remote, ...], request: AdminRequest) -> Flow[AdminAnswer]:
        try:
            credentials = read_credentials(request.body, self._settings)
        except Malformed as problem:
            log.info("rotation refused: %s", problem)
            return failure(400)
        for keys in sets:
            allowance = self._allowances.get(keys.name, Allowance()).take(self._clock.ticks())
            if allowance is None:
                return failure(429, ("Retry-After", "1"))
            self._allowances[keys.name] = allowance
            yield from self._rotate_one(keys, credentials)
            log.info("key set %r rotated by request", _loggable(keys))
        return show(document_of(sets[0]), KEY_SET)

    def _rotate_one(self, keys: Named | Remote, credentials: Credentials) -> Flow[None]:
        if not isinstance(keys, Named):
            yield from keys.refresh(credentials.basic, credentials.certificate)
            return
        try:
            yield from keys.rotate()
        except LookupError:  # deleted, or never made
            yield from keys.prepare()

    def _revoke(self, keys: Named | Remote, request: AdminRequest) -> Flow[AdminAnswer]:
        """Drops a key of a set of our own: those of others are for others to revoke."""
        try:
            kid = read_kid(request.body)
        except Malformed as problem:
            log.info("revocation refused: %s", problem)
            return failure(400)
        if not isinstance(keys, Named):
            return failure(404)
        try:
            yield from keys.revoke(kid)
        except LookupError:
            return failure(404)
        log.warning("a key of set %r revoked by request: %s", keys.name, printable(kid))
        return show(document_of(keys), KEY_SET)

    def _delete(self, sets: tuple[Named | Remote, ...]) -> Flow[AdminAnswer]:
        for keys in sets:
            if isinstance(keys, Named):
                yield from keys.delete()
            else:
                keys.forget()
            log.info("key set %r deleted by request", _loggable(keys))
        return AdminAnswer(204, (("Cache-Control", "no-store"),))


def _loggable(keys: Named | Remote) -> str:
    return keys.name if isinstance(keys, Named) else keys.source.place
