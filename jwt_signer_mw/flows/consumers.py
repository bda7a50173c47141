"""From a claim to a consumer (`{token}_consumer_claim`, `{token}_consumer_by`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from jwt_signer_mw.errors import ConsumerClaimUnusable, ConsumerNotFound
from jwt_signer_mw.flows.commands import Flow, call
from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.tokens.claims import read_claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jwt_signer_mw.settings import ClaimRules, TokenSettings
    from jwt_signer_mw.tokens.claims import Path

FIELDS = Consumer._fields
MAX_VALUE = 1024  # characters of a claim that is looked up


class Consumers(Protocol):
    """Finds the consumer whose field (id, username or custom_id) has exactly this value.

    `blocking` says whether a look-up may wait for something outside.
    """

    blocking: bool

    def find(self, field: str, value: str) -> Consumer | None: ...


class ListedConsumers:
    """Consumers from a list; of two with the same value in one field the first is found."""

    blocking = False

    def __init__(self, entries: Iterable[Consumer | Mapping[str, str | None]]) -> None:
        self._found: dict[tuple[str, str], Consumer] = {}
        for entry in entries:
            consumer = entry if isinstance(entry, Consumer) else Consumer(*map(entry.get, FIELDS))
            for field in FIELDS:
                value = getattr(consumer, field)
                if value is not None:
                    self._found.setdefault((field, value), consumer)

    def find(self, field: str, value: str) -> Consumer | None:
        return self._found.get((field, value))


class CalledConsumers:
    """Consumers from a callable `(field, value)` that returns a `Consumer`, a mapping or None."""

    blocking = True

    def __init__(self, function: Callable[[str, str], Consumer | Mapping[str, Any] | None]) -> None:
        self._function = function

    def find(self, field: str, value: str) -> Consumer | None:
        found = self._function(field, value)
        return None if found is None else _consumer(found)


class OptionalConsumers:
    """Those of others; who is none of them is let through as nobody (`{token}_report_only`)."""

    optional = True

    def __init__(self, consumers: Consumers) -> None:
        self.blocking = consumers.blocking
        self.find = consumers.find


def tolerant(consumers: Consumers, token: TokenSettings) -> Consumers:
    """The consumers for this token: optional where their check only reports."""
    return OptionalConsumers(consumers) if "consumer" in token.reporting.report_only else consumers


NO_CONSUMERS = ListedConsumers(())


def map_consumer(consumers: Consumers, rules: ClaimRules, claims: Mapping[str, Any]) -> Flow[Consumer | None]:
    """The consumer of these claims, or None where no claim is configured. Raises `ConsumerNotFound`."""
    if not rules.consumer_claim:
        return None
    try:
        return (yield from _look_up(consumers, rules, rules.consumer_claim, claims))
    except ConsumerNotFound:
        if getattr(consumers, "optional", False):
            return None
        raise


def _look_up(
    consumers: Consumers, rules: ClaimRules, path: Path, claims: Mapping[str, Any]
) -> Flow[Consumer]:
    option = rules.option("consumer_claim")
    value = _lookup_value(read_claim(claims, path), option)
    for field in rules.consumer_by:
        if consumers.blocking:
            consumer = yield from call(consumers.find, field, value)
        else:
            consumer = consumers.find(field, value)
        if consumer is not None:
            return consumer
    raise ConsumerNotFound("no consumer has this value", option=option)


def _lookup_value(value: object, option: str) -> str:
    """Decision 38: text as it is, an integer as its decimal text, anything else is refused."""
    if type(value) is int:
        return str(value)
    if type(value) is not str or not value or len(value) > MAX_VALUE or not value.isprintable():
        raise ConsumerClaimUnusable("the claim holds nothing that could name a consumer", option=option)
    return value


def _consumer(entry: Consumer | Mapping[str, Any]) -> Consumer:
    if isinstance(entry, Consumer):
        return entry
    values = (entry.get(field) for field in FIELDS)
    return Consumer(*(None if value is None else str(value) for value in values))
