"""Paths that are let through unchecked (`exempt_paths`, decision 26)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What some router may read differently: dot segments, empty segments, path parameters, fragments,
# leftovers of percent-encoding, control characters, and bytes that were no UTF-8 (U+FFFD, surrogates).
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\\;#%\ufffd\ud800-\udfff]|//|/\.{1,2}(?:/|\Z)|\A(?!/)")


def is_ambiguous(path: str) -> bool:
    """Whether some router behind may read this path in another way."""
    return _AMBIGUOUS.search(path) is not None


class ExemptPaths:
    """Exact paths, and prefixes written `/prefix/*`, compared with the path the application will see."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._exact = frozenset(p for p in patterns if not p.endswith("/*"))
        self._prefixes = tuple(p[:-1] for p in patterns if p.endswith("/*"))

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes)

    def __contains__(self, path: str) -> bool:
        if path not in self._exact and not (self._prefixes and path.startswith(self._prefixes)):
            return False
        return not is_ambiguous(path)
