"""The stored value: which key signs, what the world may see, and its JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from jwt_signer_mw.jose import SIGNING_ALGORITHMS, generate_key
from jwt_signer_mw.keysets import lifecycle
from jwt_signer_mw.keysets.keyset import StoredKey, StoredSet, from_json, public_document, public_jwk, to_json
from jwt_signer_mw.wire import Malformed
from stores import some_jwk, some_set

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
FAST = tuple(alg for alg in SIGNING_ALGORITHMS if alg[:2] not in ("RS", "PS"))


def key(
    generation: Any, since: float | None = None, until: float | None = None, alg: str = "ES256"
) -> StoredKey:
    return StoredKey(some_jwk(f"{generation}-{since}-{until}", alg), generation, 0.0, 0.0, since, until)


def keys(*held: StoredKey) -> StoredSet:
    return replace(some_set("kong"), keys=held)


# Which key signs ----------------------------------------------------------------------------------


def test_the_current_key_signs() -> None:
    stored = keys(key("previous", 0, 10), key("current", 10), key("next"))
    assert stored.signing_key("ES256", 20) == key("current", 10)
    assert stored.signing_key("ES256", 10) == key("current", 10)


def test_the_key_before_signs_until_the_current_one_is_ready() -> None:
    stored = keys(key("previous", 0, 5), key("previous", 5, 30), key("current", 30), key("next"))
    assert stored.signing_key("ES256", 29.9) == key("previous", 5, 30)
    assert stored.signing_key("ES256", 30) == key("current", 30)


def test_a_clock_that_lags_finds_a_key_all_the_same() -> None:
    assert keys(key("current", 30), key("next")).signing_key("ES256", 10) == key("current", 30)


def test_only_keys_of_the_algorithm_sign() -> None:
    stored = keys(key("current", 0, alg="ES256"), key("next", alg="ES512"))
    assert stored.signing_key("ES512", 10) is None
    assert stored.signing_key("RS256", 10) is None


def test_a_key_is_needed_as_long_as_its_tokens_live() -> None:
    stored = replace(keys(key("previous", 0, 10), key("current", 10)), longest_life=300)
    assert [stored.needed_until(one) for one in stored.keys] == [310, None]


# What the world may see ---------------------------------------------------------------------------


def test_publishes_all_generations_what_signs_first() -> None:
    document = public_document(keys(key("previous", 0, 10), key("next"), key("current", 10)))
    assert [jwk["kid"].split("-")[0] for jwk in document["keys"]] == ["current", "next", "previous"]
    assert [jwk["kid"].split("-")[0] for jwk in document["previous"]] == ["previous"]


@pytest.mark.parametrize("alg", [*FAST, "RS256"])
def test_publishes_no_private_member(alg: str) -> None:
    jwks = [generate_key(alg).private_jwk() for _ in range(2)]
    document = public_document(lifecycle.create("kong", 0.0, jwks[:1], jwks[1:]))
    if alg.startswith("HS"):
        assert document == {"keys": [], "previous": []}
        return
    assert [jwk.keys() & PRIVATE for jwk in document["keys"]] == [set(), set()]
    assert [generate_key(alg).public_jwk().keys() == jwk.keys() for jwk in document["keys"]] == [True, True]


def test_publishes_nothing_that_it_does_not_know() -> None:
    """By a list of what is public: a private member of tomorrow stays private."""
    jwk = {
        "kty": "RSA",
        "kid": "a",
        "use": "sig",
        "alg": "RS256",
        "n": "n",
        "e": "e",
        "priv": "x",
        "oth": "y",
    }
    assert public_jwk(jwk) == {"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": "n", "e": "e"}
    assert public_jwk({"kty": "AKP", "kid": "a", "alg": "ML-DSA-44", "pub": "x", "priv": "y"}) is None


def test_shows_no_secret_when_it_is_printed() -> None:
    assert "secret-of" not in repr(some_set("kong"))


# JSON ---------------------------------------------------------------------------------------------


def test_reads_what_it_wrote() -> None:
    stored = lifecycle.rotate(some_set("kong", 10.25), 20.5, [some_jwk("new")])
    assert from_json(to_json(stored)) == stored
    assert hash(from_json(to_json(stored))) == hash(stored)


def test_keeps_what_a_later_version_wrote_whatever_happens_to_the_set() -> None:
    """Two versions of the suite side by side on one store: the older one undoes nothing of the newer one."""
    document = json.loads(to_json(some_set("kong")))
    document["policy"] = {"strict": [True, None, 1.5]}
    for n, one in enumerate(document["keys"]):
        one["comment"] = f"number {n}"
    stored = from_json(json.dumps(document).encode())
    changed = lifecycle.rotate(stored, 20.0, [some_jwk("new")])
    changed = lifecycle.record_life(changed, 300, 21.0)
    changed = lifecycle.add_algorithms(changed, 22.0, [some_jwk("r0", "RS256")], [some_jwk("r1", "RS256")])
    changed = lifecycle.revoke(changed, "new", 23.0, [some_jwk("newer")])
    written = json.loads(to_json(from_json(to_json(changed))))
    assert written["policy"] == document["policy"]
    told = {one["jwk"]["kid"]: one.get("comment") for one in written["keys"]}
    assert told == {"ES256-0": "number 0", "ES256-1": "number 1", "r0": None, "r1": None, "newer": None}
    assert "policy" not in str(public_document(changed))
    assert isinstance(hash(changed), int), "commands are hashable"


def test_a_later_version_changes_no_member_that_we_know() -> None:
    stored = replace(some_set("kong"), more={"format": 7, "version": 99, "keys": []})
    assert json.loads(to_json(stored)) | {"id": ""} == json.loads(to_json(some_set("kong"))) | {"id": ""}


def edited(**members: Any) -> bytes:
    document = json.loads(to_json(some_set("kong")))
    return json.dumps({name: value for name, value in (document | members).items() if value != "-"}).encode()


def edited_key(**members: Any) -> bytes:
    key = json.loads(to_json(some_set("kong")))["keys"][0] | members
    return edited(keys=[{name: value for name, value in key.items() if value != "-"}])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"format":1}',
        edited(format=2),
        edited(format="1"),
        edited(id="-"),
        edited(id=1),
        edited(version="1"),
        edited(version=1.5),
        edited(version=True),
        edited(created_at="now"),
        edited(keys={}),
        edited(keys=[1]),
        edited(keys=json.loads(to_json(some_set("kong")))["keys"][:1] * 2),
        edited_key(generation="retired"),
        edited_key(generation=["next"]),
        edited_key(published_at=None),
        edited_key(ready_at="-"),
        edited_key(signing_since="soon"),
        edited_key(jwk={"kty": "EC"}),
        edited_key(jwk=[]),
        edited_key(jwk=some_jwk("a") | {"n": 5}),
        edited().replace(b'"version": 1', b'"version": 1, "version": 1'),
        edited(created_at=float("nan")),
    ],
)
def test_reads_nothing_else(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        from_json(data)
    assert "secret-of" not in str(caught.value)
