"""New keys for our own sets, generated where no request waits for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jwt_signer_mw.flows.commands import compute
from jwt_signer_mw.jose import generate_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.keysets.keyset import Jwk


class Fresh:
    """Keys for one change of a set; a change that lost and is tried again uses them again."""

    def __init__(self, stock: Iterable[Key] = ()) -> None:
        self._keys: dict[tuple[str, int], Key] = {(key.alg or "", 0): key for key in stock}

    @property
    def keys(self) -> dict[str, Key]:
        """Everything generated so far, by kid."""
        return {key.published_kid: key for key in self._keys.values()}

    def ones(self, algorithms: Iterable[str]) -> Flow[tuple[Jwk, ...]]:
        """One new private key for each algorithm."""
        return (yield from self._take(algorithms, 0))

    def pairs(self, algorithms: Iterable[str]) -> Flow[tuple[tuple[Jwk, ...], tuple[Jwk, ...]]]:
        """Two new private keys for each algorithm: the ones, and the others."""
        wanted = tuple(algorithms)
        return (yield from self._take(wanted, 0)), (yield from self._take(wanted, 1))

    def _take(self, algorithms: Iterable[str], nth: int) -> Flow[tuple[Jwk, ...]]:
        wanted = sorted(algorithms)
        for alg in wanted:
            if (alg, nth) not in self._keys:
                self._keys[alg, nth] = yield from compute(generate_key, alg)
        return tuple(self._keys[alg, nth].private_jwk() for alg in wanted)


class Nursery:
    """Keys in stock for a rotation that will come.

    They grow on a thread that lives as long as that takes and is started by need, never while a
    middleware is built: a server that forks then leaves no thread behind.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._stock: dict[str, Key] = {}

    def fill(self, algorithms: frozenset[str]) -> None:
        """Generates what is missing, here and now."""
        for alg in algorithms - self._stock.keys():
            self._stock[alg] = generate_key(alg)

    def grow(self, algorithms: frozenset[str]) -> None:
        """Has what is missing generated, on the thread. Returns at once."""
        if algorithms <= self._stock.keys() or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(
            target=self.fill, args=(algorithms,), name="jwt-signer-keys", daemon=True
        )
        self._thread.start()

    def take(self, algorithms: frozenset[str], used: frozenset[str]) -> Fresh | None:
        """The keys, for once; None while any is missing.

        `used` are the kids of the set: forked workers had one stock, and one of them was first to use it.
        """
        for alg, key in tuple(self._stock.items()):
            if key.published_kid in used:
                del self._stock[alg]
        if not algorithms <= self._stock.keys():
            return None
        stock, self._stock = self._stock, {}
        return Fresh(stock.values())
