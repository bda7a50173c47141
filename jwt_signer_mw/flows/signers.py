"""The key that signs one token: at hand for nearly every request, else on its way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from jwt_signer_mw.algorithms import SLOW
from jwt_signer_mw.errors import SigningKeyMissing
from jwt_signer_mw.flows.commands import Call
from jwt_signer_mw.keysets.lifecycle import MAX_LIFE

if TYPE_CHECKING:
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.named import Named
    from jwt_signer_mw.flows.remote import Remote
    from jwt_signer_mw.jose import Key, KeySet


def sign(key: Key, alg: str, message: bytes) -> Flow[bytes]:
    """The signature; made on a thread where that takes long: RSA burns, a key elsewhere lets wait."""
    if alg in SLOW or key.is_elsewhere:
        return cast("bytes", (yield Call(key.sign, (alg, message), burns=not key.is_elsewhere)))
    return key.sign(alg, message)


class NamedSigner:
    """Signs with the current key of a named set."""

    def __init__(self, named: Named, alg: str, clock: Clock) -> None:
        self._named = named
        self._alg = alg
        self._now = clock.now
        self.ready = partial(named.ready, alg)

    @property
    def key(self) -> Key | None:
        """The key if it is at hand."""
        return self._named.signers.get(self._alg)

    def used(self, expiry: float | None) -> None:
        """Told of every token that is signed: its `exp` decides how long the key stays published."""
        if expiry is not None and expiry - self._now() > self._named.longest_life < MAX_LIFE:
            self._named.note_life(expiry - self._now())


class RemoteSigner:
    """Signs with the key of a fetched set (decision 30 names it)."""

    def __init__(self, remote: Remote, alg: str) -> None:
        self._remote = remote
        self._alg = alg
        self._picked: tuple[KeySet, Key] | None = None

    @property
    def key(self) -> Key | None:
        """The key if it is at hand."""
        picked = self._picked
        return picked[1] if picked is not None and picked[0] is self._remote.keys else None

    def ready(self) -> Flow[Key]:
        """Raises `ProviderUnavailable` without a set, `SigningKeyMissing` for a set without such a key."""
        loaded = self._remote.keys is None
        keys = yield from self._remote.load()
        key = keys.signer(self._alg)
        if key is None and (yield from self._remote.reload(None, keys, just_loaded=loaded)):
            keys = yield from self._remote.load()
            key = keys.signer(self._alg)
        if key is None:
            raise SigningKeyMissing(f"{self._remote.source.place} has no key that signs with {self._alg}")
        self._picked = (keys, key)
        return key

    def used(self, expiry: float | None) -> None:
        """How long the keys of others are needed is for others to know."""
