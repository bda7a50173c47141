"""Whether the gateway lives, and whether it is ready: the age and state of every key set and provider."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.flows.named import Named

if TYPE_CHECKING:
    from jwt_signer_mw.drivers.asynchronous import AsyncTransport
    from jwt_signer_mw.flows.commands import Exchange, Reply
    from jwt_signer_mw.flows.remote import Remote
    from jwt_signer_mw.gateway.policies import Ruling

MAX_PLACES = 256  # that are remembered; more than any configuration names


class Contact(NamedTuple):
    """The last exchanges with one place. Times in seconds since the epoch, 0 for never."""

    answered_at: float = 0.0
    failed_at: float = 0.0
    status: int = 0
    failure: str = ""


class WatchedTransport:
    """Notes when each provider answered last, and when it did not."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.contacts: dict[str, Contact] = {}

    async def send(self, exchange: Exchange) -> Reply:
        place = Source(exchange.url).place
        before = self.contacts.get(place, Contact())
        try:
            reply = await self._transport.send(exchange)
        except TransportError as error:
            self._note(place, before._replace(failed_at=time.time(), failure=error.detail))
            raise
        self._note(place, before._replace(answered_at=time.time(), status=reply.status))
        return reply

    async def aclose(self) -> None:
        close = getattr(self._transport, "aclose", None)
        if close is not None:
            await close()

    def _note(self, place: str, contact: Contact) -> None:
        if place in self.contacts or len(self.contacts) < MAX_PLACES:
            self.contacts[place] = contact


def readiness(
    ruling: Ruling, contacts: dict[str, Contact], problems: list[str]
) -> tuple[bool, dict[str, Any]]:
    """Ready: every key that signs is at hand, and every set that was asked for came at least once.

    A provider that is down now does not count: the sets in memory serve on, and other policies too.
    `problems`: why the last reload of the file was refused.
    """
    now = time.time()
    keysets = {
        name: [_state(keys, now) for keys in policy.assembly.keyring.sets()]
        for name, policy in ruling.policies.items()
    }
    ready = all(state["state"] != "missing" for states in keysets.values() for state in states)
    providers = {place: _told(contact, now) for place, contact in contacts.items()}
    document: dict[str, Any] = {"ready": ready, "keysets": keysets, "providers": providers}
    if problems:
        document["reload_refused"] = problems
    return ready, document


def _state(keys: Named | Remote, now: float) -> dict[str, Any]:
    if isinstance(keys, Named):
        held = keys.held
        complete = held is not None and keys.algorithms <= keys.signers.keys()
        age = None if held is None else round(now - held.stored.rotated_at)
        return {"name": keys.name, "signs": True, "state": "ready" if complete else "missing", "age": age}
    loaded = keys.keys is not None
    state = "ready" if loaded else "missing" if keys.failed else "not asked yet"
    age = round(now - keys.updated_at) if loaded else None
    return {"name": keys.source.place, "signs": keys.source.signing, "state": state, "age": age}


def _told(contact: Contact, now: float) -> dict[str, Any]:
    failed = contact.failed_at > contact.answered_at or contact.status >= 500
    told: dict[str, Any] = {"state": "failing" if failed else "answering"}
    if contact.answered_at:
        told |= {"answered": round(now - contact.answered_at), "status": contact.status}
    if contact.failed_at:
        told |= {"failed": round(now - contact.failed_at), "failure": contact.failure}
    return told
