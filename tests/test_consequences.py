"""What is said about the revocation of a key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.consequences import consequences
from stores import some_jwk, some_set

HOUR = 3600.0


def test_of_the_key_that_signs() -> None:
    assert list(consequences(some_set("kong", 0.0), "ES256-0", 5.0)) == [
        "It signs with ES256 at this moment: every token that it signed is refused from now on.",
        "ES256-1 signs in its place.",
    ]


def test_of_the_key_that_signs_while_its_successor_is_new() -> None:
    rotated = lifecycle.rotate(some_set("kong", 0.0), HOUR, [some_jwk("new")])
    assert list(consequences(rotated, "ES256-1", HOUR + 1)) == [
        "It signs with ES256 at this moment: every token that it signed is refused from now on.",
        "new signs in its place.",
        "Who holds an older copy of the public keys may refuse that one for up to 300 seconds.",
    ]


def test_of_a_key_that_never_signed() -> None:
    stored = some_set("kong", 0.0)
    nothing = "It is the {} key for ES256 and has signed nothing, so no token breaks."
    copies = "Who holds a copy of the public keys accepts it for up to 300 seconds more."
    assert list(consequences(stored, "ES256-1", HOUR)) == [nothing.format("next"), copies]
    twice = lifecycle.rotate(lifecycle.rotate(stored, HOUR, [some_jwk("a")]), HOUR + 1, [some_jwk("b")])
    assert list(consequences(twice, "a", HOUR + 2)) == [nothing.format("current")]


def test_of_a_key_that_signs_no_more() -> None:
    lively = replace(some_set("kong", 0.0), longest_life=600.0)
    rotated = lifecycle.rotate(lively, HOUR, [some_jwk("new")])
    assert list(consequences(rotated, "ES256-0", HOUR + 1)) == [
        "It signs no more. Its tokens, good until 1970-01-01 01:10:00Z, are refused from now on."
    ]
    assert next(consequences(rotated, "ES256-0", HOUR + 601)) == (
        "It signs no more, and as far as is known all its tokens have expired."
    )


def test_of_no_key() -> None:
    with pytest.raises(LookupError, match="nothing"):
        list(consequences(some_set("kong"), "nothing", 0.0))
