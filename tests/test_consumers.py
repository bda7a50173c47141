"""From a claim to a consumer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.assembly import open_consumers
from jwt_signer_mw.errors import ConsumerClaimUnusable, ConsumerNotFound
from jwt_signer_mw.flows.consumers import Consumers, map_consumer
from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.settings import Settings
from stepping import Stepper

if TYPE_CHECKING:
    from collections.abc import Mapping

ALICE = Consumer("1", "alice", "a-1")
BOB = Consumer("2", "bob", None)
LIST = [ALICE._asdict(), BOB._asdict(), {"id": "3", "username": "a-1"}]


def find(field: str, value: str) -> Mapping[str, Any] | Consumer | None:
    """The callable of the tests."""
    if (field, value) == ("id", "1"):
        return ALICE
    return {"id": 7, "username": "carol"} if (field, value) == ("username", "carol") else None


def map_claim(value: object, consumers: Consumers | None = None, **options: Any) -> Consumer | None:
    rules = Settings.load({"access_token_consumer_claim": ["sub"], **options}).access_token.claims
    return Stepper().run(map_consumer(consumers or open_consumers(LIST), rules, {"sub": value}))


def test_fields_are_tried_in_order() -> None:
    assert map_claim("alice") == ALICE
    assert map_claim("a-1") == Consumer("3", "a-1", None), "username comes before custom_id"
    assert map_claim("a-1", access_token_consumer_by=["custom_id", "username"]) == ALICE


def test_an_id_counts_only_where_it_is_asked_for() -> None:
    with pytest.raises(ConsumerNotFound):
        map_claim("1")
    assert map_claim("1", access_token_consumer_by=["id"]) == ALICE


def test_an_integer_maps_as_its_decimal_text() -> None:
    """Decision 38"""
    assert map_claim(2, access_token_consumer_by=["id"]) == BOB


@pytest.mark.parametrize("value", [None, True, 1.0, [], {}, "", "a\x00", "a\nb", "x" * 1025])
def test_other_values_name_nobody(value: object) -> None:
    """CLM-58, SPF-20, SPF-22"""
    with pytest.raises(ConsumerClaimUnusable):
        map_claim(value)


@pytest.mark.parametrize("value", ["ali", "Alice", "%", "alice ", 0])
def test_nobody_has_that_name(value: object) -> None:
    """CLM-55, CLM-57"""
    with pytest.raises(ConsumerNotFound) as caught:
        map_claim(value)
    assert caught.value.option == "access_token_consumer_claim"


def test_without_a_claim_nobody_is_mapped() -> None:
    assert map_claim("alice", access_token_consumer_claim=None) is None


def test_a_callable() -> None:
    opened = open_consumers(find)
    assert map_claim("carol", opened) == Consumer("7", "carol", None)
    assert map_claim("1", opened, access_token_consumer_by=["id"]) == ALICE
    with pytest.raises(ConsumerNotFound):
        map_claim("dave", opened)


def test_an_object_with_find_is_taken_as_it_is() -> None:
    listed = open_consumers(LIST)
    assert open_consumers(listed) is listed


def test_no_consumers_at_all() -> None:
    with pytest.raises(ConsumerNotFound):
        map_claim("alice", open_consumers(None))
