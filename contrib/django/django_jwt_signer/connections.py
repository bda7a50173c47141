"""Database connections: what a request's transaction can't take back, and what no worker inherits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def outside_of_transactions(alias: str) -> Iterator[None]:
    """Work on that database that stays, whatever becomes of a transaction around it.

    In a transaction there is a connection of our own, on this thread, for as long as it takes. SQLite lets
    only one connection write: there the work fails (after SQLite's `timeout`) instead of being undone.
    """
    outer = connections[alias]
    if not _in_transaction(outer):
        yield
        return
    inner: Any = outer.copy()
    connections[alias] = inner
    try:
        yield
    finally:
        connections[alias] = outer
        inner.close()


def _in_transaction(connection: Any) -> bool:
    """Those of `TestCase` do not count, just as for `transaction.atomic(durable=True)`."""
    blocks = connection.atomic_blocks
    return any(not block._from_testcase for block in blocks) or (  # noqa: SLF001
        connection.in_atomic_block and not blocks
    )


@contextmanager
def none_left_open() -> Iterator[None]:
    """Closes what is opened meanwhile: processes that are forked later must not share a connection."""
    before = {connection.alias for connection in _open_connections()}
    try:
        yield
    finally:
        for connection in _open_connections():
            if connection.alias not in before and not connection.in_atomic_block:
                connection.close()
                if connection.settings_dict.get("OPTIONS", {}).get("pool"):  # its threads are not forked
                    connection.close_pool()


def _open_connections() -> list[Any]:
    return [one for one in connections.all(initialized_only=True) if one.connection is not None]


def without_request_transaction(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view that `ATOMIC_REQUESTS` leaves alone, on every database: what it does can't be undone."""
    for alias in settings.DATABASES:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
