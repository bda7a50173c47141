"""The life of keys, and the promise that no fresh copy of a document lacks a key that signs."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.keyset import public_document
from stores import some_jwk, some_set

if TYPE_CHECKING:
    from jwt_signer_mw.keysets.keyset import Generation, StoredSet

HOUR = 3600.0


def kids(stored: StoredSet, *generations: Generation) -> list[str]:
    return [key.kid for key in stored.generation(*generations)]


def signing(stored: StoredSet, now: float, alg: str = "ES256") -> str:
    key = stored.signing_key(alg, now)
    assert key is not None
    return key.kid


def rotated(stored: StoredSet, now: float, kid: str, *, keep_needed: bool = False) -> StoredSet:
    return lifecycle.rotate(stored, now, [some_jwk(kid)], keep_needed=keep_needed)


# Beginning ----------------------------------------------------------------------------------------


def test_a_new_set_signs_at_once() -> None:
    stored = some_set("kong", 100.0, ("ES256", "RS256"))
    assert (stored.name, stored.version, stored.created_at) == ("kong", 1, 100.0)
    assert kids(stored, "current") == ["ES256-0", "RS256-0"]
    assert kids(stored, "next") == ["ES256-1", "RS256-1"]
    assert signing(stored, 100.0) == "ES256-0"
    assert some_set("kong").id != stored.id


def test_an_algorithm_is_added_beside_the_others() -> None:
    stored = some_set("kong", 100.0)
    grown = lifecycle.add_algorithms(stored, HOUR, [some_jwk("r0", "RS256")], [some_jwk("r1", "RS256")])
    assert grown.algorithms == {"ES256", "RS256"}
    assert (grown.version, grown.updated_at, grown.created_at) == (2, HOUR, 100.0)
    assert set(stored.keys) < set(grown.keys)
    assert signing(grown, HOUR, "RS256") == "r0"
    assert signing(rotated_both(grown, HOUR), HOUR) == "ES256-1", "a key that was published long ago"


def rotated_both(stored: StoredSet, now: float) -> StoredSet:
    return lifecycle.rotate(stored, now, [some_jwk("e2"), some_jwk("r2", "RS256")])


# Rotating -----------------------------------------------------------------------------------------


def test_a_rotation_moves_every_generation_on() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "new")
    assert kids(stored, "next", "current", "previous") == ["new", "ES256-1", "ES256-0"]
    assert signing(stored, HOUR) == "ES256-1"
    assert (stored.version, stored.rotated_at, stored.updated_at) == (2, HOUR, HOUR)


def test_two_rotations_forget_a_key() -> None:
    once = rotated(some_set("kong", 0.0), HOUR, "a")
    twice = rotated(once, HOUR, "b")
    assert "ES256-0" in kids(once, "previous")
    assert "ES256-0" not in kids(twice, "next", "current", "previous")


def test_a_new_set_rotates_twice_in_a_row() -> None:
    """No copy of the document may be kept yet, so nothing has to wait."""
    twice = rotated(rotated(some_set("kong", 0.0), 5.0, "a"), 5.0, "b")
    assert signing(twice, 5.0) == "a"
    assert kids(twice, "next", "current", "previous") == ["b", "a", "ES256-1"]


def test_a_key_waits_until_no_copy_is_without_it() -> None:
    """A document of an hour's age may be kept for 300 seconds."""
    twice = rotated(rotated(some_set("kong", 0.0), HOUR, "a"), HOUR + 1, "b")
    assert kids(twice, "next", "current", "previous") == ["b", "a", "ES256-1"]
    assert signing(twice, HOUR + 300) == "ES256-1"
    assert signing(twice, HOUR + 301) == "a"


def test_further_rotations_drop_keys_that_never_signed() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "a")
    for number in range(20):
        stored = rotated(stored, HOUR + 1 + number, f"b{number}")
        assert signing(stored, HOUR + 1 + number) == "ES256-1"
        assert kids(stored, "previous") == ["ES256-1"]
    assert kids(stored, "next", "current") == ["b19", "b18"]


def test_a_key_that_signed_for_others_is_not_forgotten_at_once() -> None:
    """It stopped since the last rotation, so this one is the first that it sees as a previous key."""
    twice = rotated(rotated(some_set("kong", 0.0), HOUR, "a"), HOUR + 1, "b")
    third = rotated(twice, HOUR + 400, "c")
    assert kids(third, "previous") == ["ES256-1", "a"]
    assert kids(rotated(third, HOUR + 401, "d"), "previous") == ["b"]


def test_each_algorithm_waits_for_itself() -> None:
    stored = some_set("kong", 0.0)
    grown = lifecycle.add_algorithms(stored, HOUR, [some_jwk("r0", "RS256")], [some_jwk("r1", "RS256")])
    after = rotated_both(grown, HOUR + 10)
    assert signing(after, HOUR + 10, "ES256") == "ES256-1"
    assert signing(after, HOUR + 10, "RS256") == "r0"
    assert signing(after, HOUR + 301, "RS256") == "r1"


def test_a_clock_that_once_ran_ahead_stops_no_rotation_for_long() -> None:
    ahead = rotated(rotated(some_set("kong", 0.0), 10 * HOUR, "a"), 10 * HOUR, "b")
    back = rotated(ahead, HOUR, "c")
    assert signing(back, HOUR + lifecycle.MAX_CACHE_LIFE + lifecycle.ON_THE_WAY) == "b"


def test_a_rotation_by_the_clock_keeps_what_is_needed() -> None:
    stored = lifecycle.record_life(some_set("kong", 0.0), 900, 1.0)
    once = rotated(stored, 100.0, "a", keep_needed=True)
    twice = rotated(once, 200.0, "b", keep_needed=True)
    assert kids(twice, "previous") == ["ES256-0", "ES256-1"]
    late = rotated(twice, 1050.0, "c", keep_needed=True)
    assert "ES256-0" not in kids(late, "previous")
    assert kids(rotated(twice, 300.0, "c"), "previous") == ["a"], "by hand, two rotations forget a key"


# When ---------------------------------------------------------------------------------------------


def test_rotates_after_the_period() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "a")
    assert lifecycle.rotation_due(stored, 2 * HOUR) == 3 * HOUR


def test_rotates_no_sooner_than_the_next_key_is_ready() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "a")
    assert lifecycle.rotation_due(stored, 2.0) == HOUR + lifecycle.MAX_CACHE_LIFE + lifecycle.ON_THE_WAY


def test_rotates_no_further_while_too_many_keys_are_needed() -> None:
    stored = lifecycle.record_life(some_set("kong", 0.0), 900, 0.0)
    now = due = 0.0
    for number in count():
        due = lifecycle.rotation_due(stored, 2.0)
        if due > now + 2.0:
            break
        now = due
        stored = rotated(stored, now, f"k{number}", keep_needed=True)
    assert len(kids(stored, "previous")) == lifecycle.MAX_PREVIOUS
    assert due == 2.0 + 900, "when the first key that signed is not needed any more"


@pytest.mark.parametrize(
    "age, life", [(0, 0), (9.9, 0), (10, 1), (600, 60), (3000, 300), (1_000_000, 300), (-50, 0)]
)
def test_a_copy_may_be_kept_for_a_tenth_of_the_time_without_change(age: float, life: int) -> None:
    assert lifecycle.cache_life(some_set("kong", 100.0), 100.0 + age) == life


@pytest.mark.parametrize("seconds, coarse", [(1, 300), (300, 300), (300.5, 600), (10**9, 86_400)])
def test_remembers_the_life_of_tokens_coarsely(seconds: float, coarse: float) -> None:
    assert lifecycle.coarse_life(seconds) == coarse


# Revoking -----------------------------------------------------------------------------------------


def test_revokes_the_key_that_signs() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "a")
    assert lifecycle.needs_successor(stored, "ES256-1") == "ES256"
    after = lifecycle.revoke(stored, "ES256-1", HOUR + 1, [some_jwk("b")])
    assert kids(after, "next", "current", "previous") == ["b", "a", "ES256-0"]
    assert signing(after, HOUR + 1) == "a", "at once, whoever has not heard of it yet"
    assert after.version == stored.version + 1


def test_revokes_the_key_that_signs_in_place_of_another() -> None:
    stored = rotated(rotated(some_set("kong", 0.0), HOUR, "a"), HOUR + 1, "b")
    assert lifecycle.needs_successor(stored, "ES256-1") is None
    after = lifecycle.revoke(stored, "ES256-1", HOUR + 2, [])
    assert kids(after, "next", "current", "previous") == ["b", "a"]
    assert signing(after, HOUR + 2) == "a"


def test_revokes_a_key_that_waits_to_sign() -> None:
    stored = rotated(rotated(some_set("kong", 0.0), HOUR, "a"), HOUR + 1, "b")
    after = lifecycle.revoke(stored, "a", HOUR + 2, [some_jwk("c")])
    assert kids(after, "next", "current", "previous") == ["c", "b", "ES256-1"]
    assert signing(after, HOUR + 300) == "ES256-1"
    assert signing(after, HOUR + 302) == "b"


def test_revokes_a_key_of_tomorrow_and_one_of_yesterday() -> None:
    stored = rotated(some_set("kong", 0.0), HOUR, "a")
    assert kids(lifecycle.revoke(stored, "a", HOUR, [some_jwk("b")]), "next", "current", "previous") == [
        "b",
        "ES256-1",
        "ES256-0",
    ]
    assert kids(lifecycle.revoke(stored, "ES256-0", HOUR, []), "next", "current", "previous") == [
        "a",
        "ES256-1",
    ]


def test_revokes_no_key_of_another_algorithm() -> None:
    stored = some_set("kong", 0.0, ("ES256", "RS256"))
    after = lifecycle.revoke(stored, "ES256-0", 1.0, [some_jwk("new")])
    assert [key for key in after.keys if key.alg == "RS256"] == [
        key for key in stored.keys if key.alg == "RS256"
    ]


def test_knows_the_keys_it_can_revoke() -> None:
    with pytest.raises(LookupError):
        lifecycle.revoke(some_set("kong"), "other", 0.0, [])
    with pytest.raises(LookupError):
        lifecycle.needs_successor(some_set("kong"), "other")


# The promise --------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["rotate", "rotate by the clock", "look", "add"]),
        st.one_of(st.integers(0, 5), st.integers(0, 400), st.integers(0, 5000)),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_fresh_copy_ever_lacks_a_key_that_signs(steps: list[tuple[str, int]]) -> None:
    """Rotations come when they come; verifiers keep every document for as long as it says."""
    now, numbers = 0.0, count()
    stored = some_set("kong", now)
    copies = [(0.0, kids(stored, "next", "current", "previous"))]
    for step, seconds in steps:
        now += seconds
        fresh_until = now + lifecycle.cache_life(stored, now)
        copies.append((fresh_until, [jwk["kid"] for jwk in public_document(stored)["keys"]]))
        if step.startswith("rotate"):
            stored = rotated(stored, now, f"k{next(numbers)}", keep_needed=step != "rotate")
        elif step == "add" and len(stored.algorithms) < 2:
            stored = lifecycle.add_algorithms(
                stored, now, [some_jwk("r0", "RS256")], [some_jwk("r1", "RS256")]
            )
        for moment in (now, now + 0.5, now + 299, now + 5000):
            # Until the next change, that is; what another algorithm's keys do is their own matter.
            kid = signing(stored, moment)
            assert kid in kids(stored, "next", "current", "previous")
            assert all(kid in copy for fresh, copy in copies if moment < fresh)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2000), min_size=2, max_size=30))
def test_one_key_signs_at_any_time_and_stays_published_for_a_rotation(pauses: list[int]) -> None:
    """Between two rotations no key is forgotten that signed since the first of them."""
    now, stored = 0.0, some_set("kong", 0.0)
    for number, pause in enumerate(pauses):
        signed = {signing(stored, now + pause * part / 8) for part in range(9)}
        now += pause
        stored = rotated(stored, now, f"k{number}")
        assert signed <= set(kids(stored, "current", "previous"))
        assert len(kids(stored, "current")) == len(kids(stored, "next")) == 1


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.one_of(st.floats(0, 3), st.floats(0, 400), st.floats(0, 5000))),
        min_size=2,
        max_size=30,
    )
)
def test_no_worker_that_looks_once_a_second_signs_with_a_forgotten_key(
    steps: list[tuple[bool, float]],
) -> None:
    """Rotations by hand wait until the set is settled, those by the clock come to nothing before."""
    now, states = 0.0, [(0.0, some_set("kong", 0.0))]
    for number, (by_hand, pause) in enumerate(steps):
        now += pause
        stored = states[-1][1]
        settled = lifecycle.settled_at(stored, now)
        assert now <= settled <= now + lifecycle.SPREAD
        if by_hand or settled <= now:
            now = settled
            states.append((now, rotated(stored, now, f"k{number}", keep_needed=not by_hand)))
    for n, (_, known) in enumerate(states[:-1]):
        heard = states[n + 1][0] + lifecycle.SPREAD
        for since, newest in states[n + 1 :]:
            for moment in (since, since + 0.7, since + 1.49):
                if moment < heard and newest is state_at(states, moment):
                    assert signing(known, moment) in kids(newest, "next", "current", "previous")


def state_at(states: list[tuple[float, StoredSet]], moment: float) -> StoredSet:
    return [stored for since, stored in states if since <= moment][-1]


def test_the_first_rotation_need_not_wait() -> None:
    stored = some_set("kong", 0.0)
    assert lifecycle.settled_at(stored, 0.0) == 0.0
    once = rotated(stored, 1.0, "a")
    assert lifecycle.settled_at(once, 1.5) == 1.0 + lifecycle.SPREAD
    assert lifecycle.settled_at(once, HOUR) == HOUR
    ahead = rotated(rotated(stored, HOUR, "a"), HOUR, "b")
    assert lifecycle.settled_at(ahead, 1.0) <= 1.0 + lifecycle.SPREAD, "whatever the clock said once"


def test_a_set_of_several_algorithms_keeps_them_all() -> None:
    stored = some_set("kong", 0.0, ("ES256", "RS256"))
    for number in range(5):
        stored = lifecycle.rotate(
            stored, HOUR * number, [some_jwk(f"e{number}"), some_jwk(f"r{number}", "RS256")]
        )
        assert {key.alg for key in stored.generation("current")} == {"ES256", "RS256"}
        assert {key.alg for key in stored.generation("next")} == {"ES256", "RS256"}
    assert replace(stored, keys=()).algorithms == frozenset()
