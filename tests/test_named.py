"""Key sets of our own: one for a whole fleet, whatever the store does."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import (
    SigningKeyMissing,
    StoreConflict,
    StoredKeysUnreadable,
    StoreError,
    StoreUnavailable,
)
from jwt_signer_mw.flows.commands import Once
from jwt_signer_mw.flows.lookout import CHECK_AGAIN, CHECK_INTERVAL, CHECK_SOON, LONGEST_LOOK
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.signers import NamedSigner
from jwt_signer_mw.flows.versioned import AFTER_SILENCE, ATTEMPTS
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.keyset import to_json
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.keysets.store import Mark, open_store
from stepping import FrozenClock, Stepper
from stores import Place, lasting_place, name, some_jwk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jwt_signer_mw.flows.commands import Command, Flow
    from jwt_signer_mw.keysets.keyset import StoredSet

__all__ = ["lasting_place", "name"]

HOUR = 3600.0


class Store(MemoryStore):
    """Fails in the methods named in `down`; calls `before[method]` and `after[method]` once each."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()
        self.slow: Callable[[], object] = lambda: None
        self.lies = False  # the next save works, and says that it did not
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        self.asked: list[str] = []

    def _pass(self, method: str) -> None:
        self.asked.append(method)
        self.slow()
        if method in self.down:
            raise StoreError("the store of key sets: down")
        self.before.pop(method, lambda: None)()

    def load(self, name: str) -> StoredSet | None:
        self._pass("load")
        stored = super().load(name)
        self.after.pop("load", lambda: None)()
        return stored

    def save(self, stored: StoredSet, expected_version: int | None) -> None:
        self._pass("save")
        super().save(stored, expected_version)
        if self.lies:
            self.lies = False
            raise StoreConflict("who knows")

    def delete(self, name: str) -> None:
        self._pass("delete")
        super().delete(name)

    def version(self, name: str) -> Mark | None:
        self._pass("version")
        return super().version(name)

    def lose(self, *stored: StoredSet) -> None:
        """Comes back with nothing, or with what it held at some time."""
        self._sets.clear()
        for one in stored:
            super().save(one, None)


class Worker:
    """One process of a fleet: a view of the sets in a store that it shares with others."""

    def __init__(
        self, store: Store, clock: FrozenClock, algorithms: Iterable[str] = ("ES256",), period: float = 0
    ) -> None:
        self.store = store
        self.clock = clock
        self.changes = 0
        self.stepper = Stepper()
        self.named = Named(
            "kong",
            store,
            Clock.of(clock),
            algorithms=algorithms,
            period=period,
            changed=self._count,
        )

    def _count(self) -> None:
        self.changes += 1

    def prepare(self) -> Worker:
        self.stepper.run(self.named.prepare())
        return self

    def maintain(self, later: float = 0) -> None:
        """What the next request does when it is due."""
        self.clock.now += later
        if self.clock.now >= self.named.due:
            self.named.postpone()
            self.stepper.run(self.named.maintain())

    @property
    def stored(self) -> StoredSet:
        assert self.named.held is not None
        return self.named.held.stored

    def kid(self, alg: str = "ES256") -> str | None:
        key = self.named.signers.get(alg)
        return None if key is None else key.kid


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


def rotate(worker: Worker) -> StoredSet:
    return worker.stepper.run(worker.named.rotate())


# Building -----------------------------------------------------------------------------------------


def test_makes_keys_for_the_algorithms_in_use(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock, ["ES256", "HS512", "EdDSA"]).prepare()
    stored = worker.stored
    assert stored == store.load("kong")
    assert stored.algorithms == {"ES256", "HS512", "EdDSA"}
    assert len(stored.keys) == 6
    for alg in stored.algorithms:
        key = worker.named.signers[alg]
        assert key.verify(alg, b"x", key.sign(alg, b"x"))
    assert worker.changes == 1


def test_the_second_worker_reads_what_the_first_made(store: Store, clock: FrozenClock) -> None:
    first, second = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    assert first.stored == second.stored
    assert first.kid() == second.kid()


def test_adds_the_algorithms_that_are_missing(store: Store, clock: FrozenClock) -> None:
    first = Worker(store, clock, ["ES256"]).prepare()
    second = Worker(store, clock, ["ES256", "ES384"]).prepare()
    assert second.kid() == first.kid()
    assert second.kid("ES384") is not None
    assert second.stored.version == 2
    first.maintain(CHECK_INTERVAL)
    assert first.stored == second.stored


def test_who_loses_the_race_reads_again(store: Store, clock: FrozenClock) -> None:
    winner, loser = Worker(store, clock), Worker(store, clock)
    store.before["save"] = winner.prepare
    loser.prepare()
    assert loser.stored == winner.stored
    assert store.load("kong") == winner.stored


def test_who_loses_to_another_algorithm_adds_its_own(store: Store, clock: FrozenClock) -> None:
    winner, loser = Worker(store, clock, ["ES384"]), Worker(store, clock, ["ES256"])
    store.before["save"] = winner.prepare
    loser.prepare()
    assert loser.stored.algorithms == {"ES256", "ES384"}


def test_gives_up_where_others_always_win(
    store: Store, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def lose(stored: StoredSet, expected: int | None) -> None:
        tries.append(expected)
        raise StoreConflict("another was first")

    monkeypatch.setattr(store, "save", lose)
    with pytest.raises(StoreError):
        Worker(store, clock).prepare()
    assert len(tries) == ATTEMPTS


FLEET = """
import os, sys
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.store import open_store
children = []
read, write = os.pipe()
open_store(sys.argv[1])  # imports what is needed, once for all
for _ in range(32):
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)  # all start when the parent lets go
        named = Named(sys.argv[2], open_store(sys.argv[1]), Clock(), algorithms=["ES256"])
        BlockingDriver(RequestsTransport()).run(named.prepare())
        os.write(1, f"{named.held.stored.id} {named.signers['ES256'].kid}\\n".encode())
        os._exit(0)
    children.append(pid)
os.close(write)
print(*[os.waitpid(pid, 0)[1] for pid in children])
"""


def test_thirty_two_that_start_at_once_have_one_set(lasting_place: Place, name: str) -> None:
    command = [sys.executable, "-W", "error", "-c", FLEET, lasting_place.url, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    *lines, statuses = done.stdout.splitlines()
    assert done.stderr == ""
    assert statuses.split() == ["0"] * 32
    assert len(lines) == 32
    assert len(set(lines)) == 1, "one set, one key"
    stored = lasting_place.open().load(name)
    assert stored is not None
    assert len(stored.keys) == 2


def test_has_keys_for_its_algorithms_only(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock, ["ES256"]).prepare()
    with pytest.raises(SigningKeyMissing, match="RS512"):
        worker.stepper.run(worker.named.ready("RS512"))


# The store is down --------------------------------------------------------------------------------


def test_a_store_that_is_down_at_build_is_asked_again(store: Store, clock: FrozenClock) -> None:
    store.down = {"load", "save", "version"}
    worker = Worker(store, clock)
    with pytest.raises(StoreError):
        worker.prepare()
    with pytest.raises(StoreUnavailable) as caught:
        worker.stepper.run(worker.named.ready("ES256"))
    assert caught.value.status == 503
    asked = len(store.asked)
    with pytest.raises(StoreUnavailable) as caught:
        worker.stepper.run(worker.named.ready("ES256"))
    assert caught.value.retry_after == CHECK_INTERVAL
    assert len(store.asked) == asked, "it was asked just now"
    store.down = set()
    clock.now += CHECK_INTERVAL
    assert worker.stepper.run(worker.named.ready("ES256")).kid == worker.kid()


def test_a_store_that_goes_down_stops_no_signature(
    store: Store, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(store, clock, period=60).prepare()
    kid = worker.kid()
    store.down = {"load", "save", "version"}
    worker.maintain(HOUR)
    assert worker.kid() == kid
    assert "stays as it is in memory" in caplog.text
    assert worker.named.due == clock.now + CHECK_SOON
    store.down = set()
    worker.maintain(CHECK_SOON)
    assert worker.kid() != kid, "the rotation was waiting"


def test_a_store_that_hangs_is_asked_less_often(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    store.down = {"version"}
    store.slow = lambda: setattr(clock, "now", clock.now + 2)
    worker.maintain(CHECK_INTERVAL)
    assert worker.named.due == clock.now + CHECK_AGAIN


def test_the_log_tells_of_an_outage_once(
    store: Store, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(store, clock).prepare()
    store.down = {"version"}
    for _ in range(10):
        worker.maintain(CHECK_INTERVAL)
    store.down = set()
    for _ in range(3):
        worker.maintain(CHECK_INTERVAL)
    assert caplog.text.count("stays as it is in memory") == 1
    assert caplog.text.count("answers again") == 1


def test_one_request_waits_for_a_store_that_hangs(store: Store, clock: FrozenClock) -> None:
    """Not one every second."""
    worker = Worker(store, clock).prepare()
    looking = worker.named.maintain()
    next(looking)
    store.asked.clear()
    worker.maintain(CHECK_INTERVAL)
    worker.maintain(CHECK_INTERVAL)
    assert store.asked == []
    looking.close()  # its request was cancelled
    worker.maintain(CHECK_INTERVAL)
    assert store.asked == ["version"]


def test_a_look_that_never_ends_keeps_no_others_from_looking(store: Store, clock: FrozenClock) -> None:
    """A process that was forked while its parent looked."""
    worker = Worker(store, clock).prepare()
    looking = worker.named.maintain()
    next(looking)
    store.asked.clear()
    worker.maintain(LONGEST_LOOK)
    assert store.asked == ["version"]
    looking.close()


def test_a_store_that_takes_no_changes_stops_only_rotation(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock, period=60).prepare()
    kid = worker.kid()
    store.down = {"save"}
    worker.maintain(HOUR)
    assert worker.kid() == kid
    with pytest.raises(StoreError):
        rotate(worker)
    assert worker.kid() == kid
    store.down = set()
    worker.maintain(CHECK_SOON)
    deadline = time.monotonic() + 30
    while worker.kid() == kid and time.monotonic() < deadline:
        worker.maintain(CHECK_INTERVAL)
    assert worker.kid() != kid


def test_unreadable_keys_are_our_own_fault(clock: FrozenClock, store: Store) -> None:
    """500, and nothing is overwritten."""
    broken = Worker(store, clock).prepare().stored
    bad = replace(broken.keys[0], jwk=dict(broken.keys[0].jwk) | {"d": "AAAA"})
    store.lose(replace(broken, keys=(bad, *broken.keys[1:])))
    worker = Worker(store, clock)
    with pytest.raises(SigningKeyMissing) as caught:
        worker.stepper.run(worker.named.ready("ES256"))
    assert caught.value.status == 500
    with pytest.raises(StoredKeysUnreadable):
        worker.prepare()
    assert store.load("kong") == replace(broken, keys=(bad, *broken.keys[1:]))


def test_a_store_that_lost_everything_gets_it_back(
    store: Store, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens are out there that need these keys."""
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    rotate(worker)
    kept = worker.stored
    store.lose()
    worker.maintain(CHECK_INTERVAL)
    assert store.load("kong") == kept
    assert "put back" in caplog.text
    other.maintain(CHECK_INTERVAL)
    assert other.stored == worker.stored == kept


def test_a_store_that_went_back_in_time_is_brought_forward(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    old = worker.stored
    new = rotate(worker)
    store.lose(old)
    worker.maintain(CHECK_INTERVAL)
    assert store.load("kong") == new
    assert worker.stored == new


def test_a_worker_that_is_behind_does_not_win(store: Store, clock: FrozenClock) -> None:
    behind, ahead = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    new = rotate(ahead)
    store.lose()
    behind.maintain(CHECK_INTERVAL)
    assert store.load("kong") == behind.stored
    ahead.maintain()
    assert store.load("kong") == new
    behind.maintain(CHECK_INTERVAL)
    assert behind.stored == new


# Changes by others --------------------------------------------------------------------------------


def test_sees_what_others_did_within_a_second(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    rotate(other)
    worker.maintain(CHECK_INTERVAL - 0.01)
    assert worker.kid() != other.kid()
    changes = worker.changes
    worker.maintain(0.01)
    assert worker.kid() == other.kid()
    assert worker.changes == changes + 1


def test_asks_for_no_more_than_a_version_while_nothing_changes(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    store.asked.clear()
    changes = worker.changes
    for _ in range(5):
        worker.maintain(CHECK_INTERVAL)
    assert store.asked == ["version"] * 5
    assert worker.changes == changes


def test_the_others_go_on_while_one_looks(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    due: list[float] = []
    store.before["version"] = lambda: due.append(worker.named.due)
    worker.maintain(CHECK_INTERVAL)
    assert due == [clock.now + CHECK_INTERVAL]


@pytest.mark.parametrize("idle", [2.0, HOUR])
def test_nobody_goes_on_with_keys_that_nobody_looked_at_for_a_while(
    store: Store, clock: FrozenClock, idle: float
) -> None:
    """A worker that was idle, or was forked from a process that was built long ago."""
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    clock.now += idle
    rotate(other)
    rotate(other)
    first = begin_to_look(worker)
    assert worker.named.due <= clock.now, "the second one comes by, too"
    second = begin_to_look(worker)
    assert isinstance(second.command, Once), "and waits for the first"
    for flow, command in (first, second):
        with pytest.raises(StopIteration):
            flow.send(worker.stepper._perform(command))
    assert worker.kid() == other.kid()
    assert worker.named.due >= clock.now + CHECK_INTERVAL


def test_who_cannot_know_more_goes_on(store: Store, clock: FrozenClock) -> None:
    """The store is down, so that keys in memory are all there is."""
    worker = Worker(store, clock).prepare()
    store.down = {"version"}
    worker.maintain(HOUR)
    clock.now += CHECK_AGAIN
    begin_to_look(worker)
    assert worker.named.due > clock.now


class Looking(NamedTuple):
    flow: Flow[None]
    command: Command


def begin_to_look(worker: Worker) -> Looking:
    """As `Keyring.maintain` does it, up to the first command."""
    worker.named.postpone()
    flow = worker.named.maintain()
    return Looking(flow, next(flow))


def test_loads_only_keys_that_are_new(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    before = worker.named.held
    rotate(other)
    worker.maintain(CHECK_INTERVAL)
    after = worker.named.held
    assert before is not None
    assert after is not None
    assert worker.kid() in before.keys, "the new key was at hand already"
    assert after.keys[worker.kid() or ""] is before.keys[worker.kid() or ""]


def test_a_deletion_is_seen_and_new_keys_are_made_when_they_are_needed(
    store: Store, clock: FrozenClock
) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    old = worker.stored
    other.stepper.run(other.named.delete())
    assert (other.kid(), other.named.held) == (None, None)
    worker.maintain(CHECK_INTERVAL)
    assert worker.kid() is None
    assert store.load("kong") is None, "looking makes no keys"
    key = worker.stepper.run(worker.named.ready("ES256"))
    assert key.kid not in {stored.kid for stored in old.keys}
    assert other.stepper.run(other.named.ready("ES256")).kid == key.kid
    assert worker.stored.id != old.id


def test_a_set_that_was_made_anew_is_taken(store: Store, clock: FrozenClock) -> None:
    """Though it has the same version."""
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    other.stepper.run(other.named.delete())
    other.prepare()
    assert other.stored.version == worker.stored.version
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored == other.stored
    assert worker.kid() == other.kid()


def test_a_newer_state_is_not_replaced_by_an_older_one(store: Store, clock: FrozenClock) -> None:
    """A request reads and is held up, meanwhile another one rotates in the same process."""
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    rotate(other)
    store.after["load"] = lambda: rotate(worker)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.version == 3
    assert worker.stored == store.load("kong")


def test_a_mark_that_is_out_of_date_is_forgotten(store: Store, clock: FrozenClock) -> None:
    """It was asked for before the rotation, so the set of now must not take its time."""
    worker = Worker(store, clock).prepare()
    flow = worker.named.refresh()
    mark = worker.stepper._perform(next(flow))
    rotated = rotate(worker)
    with pytest.raises(StopIteration):
        flow.send(mark)
    assert worker.stored == rotated


# Rotating -----------------------------------------------------------------------------------------


def test_a_rotation_by_hand(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    first = worker.stored
    rotated = rotate(worker)
    assert worker.kid() == first.generation("next")[0].kid
    assert rotated == store.load("kong") == worker.stored
    assert rotated.version == 2


def test_two_that_rotate_at_once_both_rotate(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    store.before["save"] = lambda: rotate(other)
    rotate(worker)
    assert worker.stored.version == 3
    assert store.load("kong") == worker.stored


class Rest:
    """Moves the clock in place of waiting, and notes how long that would have been."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.rests: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.rests.append(seconds)
        self.clock.now += seconds
        return True


@pytest.fixture
def rest(clock: FrozenClock) -> Rest:
    return Rest(clock)


def on_real_time(worker: Worker, rest: Rest) -> Worker:
    worker.named = Named(
        "kong", worker.store, Clock(worker.clock, worker.clock, rest), algorithms=worker.named.algorithms
    )
    return worker.prepare()


def test_a_second_rotation_waits_until_all_know_of_the_first(
    store: Store, clock: FrozenClock, rest: Rest
) -> None:
    """Else a worker that has not heard of either would sign with a key that is forgotten."""
    worker, other = on_real_time(Worker(store, clock), rest), Worker(store, clock).prepare()
    rotate(worker)
    assert rest.rests == [], "the first forgets nothing"
    clock.now += 0.2
    rotate(worker)
    assert rest.rests == [pytest.approx(lifecycle.SPREAD - 0.2)]
    other.maintain()
    assert other.kid() == worker.kid()
    clock.now += HOUR
    rotate(worker)
    assert len(rest.rests) == 1


def test_rotations_that_wait_wait_for_each_other(store: Store, clock: FrozenClock, rest: Rest) -> None:
    worker, other = (on_real_time(Worker(store, clock), rest) for _ in range(2))
    rotate(worker)
    store.before["save"] = lambda: rotate(other)
    rotate(worker)
    assert worker.stored.version == 4
    assert len(rest.rests) >= 2
    assert sum(rest.rests) >= 2 * lifecycle.SPREAD


def test_a_rotation_waits_for_a_key_that_others_are_about_to_use(
    store: Store, clock: FrozenClock, rest: Rest
) -> None:
    worker = on_real_time(Worker(store, clock), rest)
    clock.now += HOUR
    rotate(worker)
    clock.now += 2
    rotate(worker)
    waiting = worker.stored.generation("current")[0]
    assert waiting.signing_since is not None
    clock.now = waiting.signing_since - 1
    rotate(worker)
    assert waiting.kid in worker.stored.kids
    assert rest.rests == [pytest.approx(1)]


def test_a_rotation_after_an_outage_waits_until_all_asked_the_store(
    store: Store, clock: FrozenClock, rest: Rest
) -> None:
    worker = on_real_time(Worker(store, clock), rest)
    clock.now += HOUR
    store.down = {"version"}
    worker.maintain()
    store.down = set()
    worker.maintain(1)
    clock.now += 1
    rotate(worker)
    assert rest.rests == [pytest.approx(AFTER_SILENCE - 1)]


def test_a_clock_that_stands_holds_up_no_rotation(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    for _ in range(5):
        rotate(worker)
    assert worker.stored.version == 6


def test_gives_up_where_others_rotate_all_the_time(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock), Worker(store, clock).prepare()
    on_real_time(worker, Rest(clock))
    rotate(worker)

    def rest(_seconds: float) -> bool:
        rotate(other)
        return True

    worker.named = Named("kong", store, Clock(clock, clock, rest))
    with pytest.raises(StoreError, match="in a row"):
        rotate(worker)


def test_a_save_that_worked_though_it_did_not_say_so_counts(store: Store, clock: FrozenClock) -> None:
    """A connection lost at the wrong moment: the set must not get the same keys twice."""
    worker = Worker(store, clock).prepare()
    store.lies = True
    assert rotate(worker).version == 2
    assert worker.stored == store.load("kong")


def test_rotates_what_is_there_or_nothing(store: Store, clock: FrozenClock) -> None:
    with pytest.raises(LookupError):
        rotate(Worker(store, clock))


def test_one_of_many_rotates_by_the_clock(store: Store, clock: FrozenClock) -> None:
    workers = [Worker(store, clock, period=60).prepare() for _ in range(4)]
    start = workers[0].stored
    clock.now += 59
    for worker in workers:
        worker.maintain()
    assert store.load("kong") == start
    clock.now += 1
    for worker in workers:
        worker.maintain()
    stored = store.load("kong")
    assert stored is not None
    assert stored.version == 2
    clock.now += CHECK_INTERVAL
    for worker in workers:
        worker.maintain()
    assert {worker.kid() for worker in workers} == {start.generation("next")[0].kid}
    assert store.load("kong") == stored


def test_rotates_again_and_again(store: Store, clock: FrozenClock) -> None:
    """Keys for the next time grow on a thread, so that no request makes them."""
    worker = Worker(store, clock, period=60).prepare()
    kids = [worker.kid()]
    deadline = time.monotonic() + 30
    while len(kids) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
        worker.maintain(30)
        if worker.kid() != kids[-1]:
            kids.append(worker.kid())
    assert len(set(kids)) == 4
    published = {key.kid for key in worker.stored.keys}
    assert len(published) == len(worker.stored.keys)


def test_makes_no_keys_while_it_maintains(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock, period=60).prepare()
    worker.stepper.calls.clear()
    worker.maintain(61)
    assert worker.stored.version == 2
    names = [function.__name__ for function in worker.stepper.calls]
    assert "generate_key" not in names
    assert "grow" in names


def test_forked_workers_use_no_key_twice(store: Store, clock: FrozenClock) -> None:
    """They share what was in stock when their parent was built."""
    worker, twin = (Worker(store, clock, period=60).prepare() for _ in range(2))
    twin.named._nursery._stock = dict(worker.named._nursery._stock)
    worker.maintain(61)
    assert worker.stored.version == 2
    deadline = time.monotonic() + 30
    while worker.stored.version < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
        twin.maintain(61)
        worker.maintain(CHECK_INTERVAL)
    assert worker.stored.version >= 5
    assert len({key.kid for key in worker.stored.keys}) == len(worker.stored.keys)


def test_a_key_that_is_too_new_signs_when_it_may(store: Store, clock: FrozenClock) -> None:
    """Time alone changes who signs, and whoever remembers verdicts hears of it."""
    worker = Worker(store, clock).prepare()
    clock.now += HOUR
    worker.maintain()
    rotate(worker)
    kid = worker.kid()
    rotate(worker)
    assert worker.kid() == kid
    changes = worker.changes
    store.down = {"version"}
    worker.maintain(301)
    assert worker.kid() == worker.stored.generation("current")[0].kid != kid
    assert worker.changes == changes + 1


def test_another_worker_that_is_first_wins(store: Store, clock: FrozenClock) -> None:
    worker, other = (Worker(store, clock, period=60).prepare() for _ in range(2))
    worker.named.note_life(100)
    store.before["save"] = lambda: rotate(other)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.version == 1
    store.before["save"] = lambda: rotate(other)
    worker.maintain(61)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.longest_life == 300, "what came to nothing is done the next time"


def test_remembers_for_how_long_keys_are_needed(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    signer = NamedSigner(worker.named, "ES256", Clock.of(clock))
    signer.used(None)
    signer.used(clock.now + 500)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.longest_life == 600
    other.maintain()
    assert other.stored.longest_life == 600
    version = worker.stored.version
    signer.used(clock.now + 600)
    signer.used(clock.now - 10)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.version == version
    signer.used(clock.now + 10**9)
    worker.maintain(CHECK_INTERVAL)
    assert worker.stored.longest_life == lifecycle.MAX_LIFE


# Beside a later version ---------------------------------------------------------------------------


def test_what_a_later_version_added_outlives_our_rotation(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    newer = replace(worker.stored, version=2, more={"policy": "strict"})
    store.save(newer, 1)
    worker.maintain(CHECK_INTERVAL)
    rotate(worker)
    stored = store.load("kong")
    assert stored is not None
    assert (stored.version, stored.more) == (3, {"policy": "strict"})


def test_a_later_format_is_left_alone(store: Store, clock: FrozenClock) -> None:
    """Running workers sign on, and nothing is overwritten."""
    worker = Worker(store, clock, period=60).prepare()
    kid, mark = worker.kid(), Mark(worker.stored.id, 2)
    store._sets["kong"] = (mark, to_json(worker.stored).decode().replace('"format":1', '"format":2'))
    before = dict(store._sets)
    worker.maintain(HOUR)
    assert worker.kid() == kid
    for change in (worker.named.rotate(), worker.named.revoke(kid or ""), worker.named.prepare()):
        with pytest.raises(StoredKeysUnreadable, match="a format that this version does not know"):
            worker.stepper.run(change)
    with pytest.raises(StoredKeysUnreadable):
        Worker(store, clock).prepare()
    assert store._sets == before


# Revoking and deleting ----------------------------------------------------------------------------


def test_a_revoked_key_is_gone_everywhere(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock).prepare(), Worker(store, clock).prepare()
    kid = worker.kid() or ""
    worker.stepper.run(worker.named.revoke(kid))
    assert worker.kid() not in (None, kid)
    other.maintain(CHECK_INTERVAL)
    assert other.kid() == worker.kid()
    assert kid not in {key.kid for key in other.stored.keys}
    with pytest.raises(LookupError):
        worker.stepper.run(worker.named.revoke(kid))


def test_a_previous_key_is_revoked_without_a_new_one(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    first = worker.kid() or ""
    rotate(worker)
    worker.stepper.calls.clear()
    worker.stepper.run(worker.named.revoke(first))
    assert len(worker.stored.keys) == 2
    assert "generate_key" not in [function.__name__ for function in worker.stepper.calls]


def test_takes_in_what_others_made_without_making_any(store: Store, clock: FrozenClock) -> None:
    worker, other = Worker(store, clock), Worker(store, clock)
    assert worker.stepper.run(worker.named.refresh()) is None
    other.prepare()
    held = worker.stepper.run(worker.named.refresh())
    assert held is not None
    assert held.stored == other.stored
    assert worker.kid() == other.kid()


def test_any_set_can_be_administered_without_loading_its_keys(store: Store, clock: FrozenClock) -> None:
    store.save(lifecycle.create("kong", clock.now, [some_jwk("a")], [some_jwk("b")]), None)
    command = Worker(store, clock, algorithms=())
    rotated = rotate(command)
    assert [key.kid for key in rotated.generation("current", "previous")] == ["b", "a"]
    assert command.named.signers == {}


# How long a copy of the document is good ----------------------------------------------------------


def test_a_document_is_good_for_as_long_as_no_new_key_signs(store: Store, clock: FrozenClock) -> None:
    worker = Worker(store, clock).prepare()
    clock.now += HOUR
    worker.maintain()
    assert worker.named.held is not None
    assert worker.named.held.max_age(clock.now) == 300
    assert worker.named.held.max_age(clock.now + 100) == 200, "the store was silent since"
    assert worker.named.held.max_age(clock.now + HOUR) == 0
    rotate(worker)
    assert worker.named.held.max_age(clock.now) == 0


# Many threads -------------------------------------------------------------------------------------


def test_many_requests_make_one_set(clock: FrozenClock) -> None:
    store, found = Store(), list[Any]()
    named = Named("kong", store, Clock.of(clock), algorithms=["ES256"])
    driver = BlockingDriver(RequestsTransport())
    threads = [
        threading.Thread(target=lambda: found.append(driver.run(named.ready("ES256")))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len({key.kid for key in found}) == 1
    assert named.held is not None
    assert named.held.stored.version == 1


def test_signs_on_while_keys_rotate(clock: FrozenClock) -> None:
    """Whatever key a thread gets, it is whole, and its public half is in the set of that moment or before."""
    store, stop, failed = Store(), threading.Event(), list[object]()
    named = Named("kong", store, Clock.of(clock), algorithms=["ES256"])
    driver = BlockingDriver(RequestsTransport())
    driver.run(named.prepare())

    def sign() -> None:
        while not stop.is_set():
            key = named.signers["ES256"]
            if not key.verify("ES256", b"x", key.sign("ES256", b"x")):
                failed.append(key)

    threads = [threading.Thread(target=sign) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        driver.run(named.rotate())
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert named.held is not None
    assert named.held.stored.version == 21


def test_opens_a_real_store(tmp_path: Any, clock: FrozenClock) -> None:
    named = Named(
        "kong", open_store(f"sqlite:///{tmp_path}/k.sqlite3"), Clock.of(clock), algorithms=["RS256"]
    )
    Stepper().run(named.prepare())
    assert named.signers["RS256"].can_sign("RS256")
