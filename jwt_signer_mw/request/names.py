"""Header names, and the ones that belong to the suite.

Servers and languages fold header names differently: a gateway may tell `X-Consumer-ID` from
`X_Consumer_ID`, and the framework behind it not. So a name is compared folded: any case, and
`-`, `_` and `.` count as one. A client's copy of a header that the suite may write is removed in
every spelling (decision 22).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CONSUMER_ID = "X-Consumer-ID"
CONSUMER_USERNAME = "X-Consumer-Username"
CONSUMER_CUSTOM_ID = "X-Consumer-Custom-ID"
CONSUMER_HEADERS = (CONSUMER_ID, CONSUMER_USERNAME, CONSUMER_CUSTOM_ID)

_FOLDS = str.maketrans("_.", "--")
_FAMILIES = ("x-consumer-", "x-credential-", "x-anonymous-consumer")

# Names of client headers that are known to be harmless: few and short, since clients choose them.
MAX_REMEMBERED_NAMES = 1024
MAX_REMEMBERED_NAME = 64  # characters


def fold(name: str) -> str:
    return name.lower().translate(_FOLDS)


class ManagedNames:
    """Tells which header names of a request the suite removes: its inputs, its outputs, the families."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(map(fold, names))

    def __contains__(self, name: str) -> bool:
        folded = fold(name)
        return folded in self._names or folded.startswith(_FAMILIES)
