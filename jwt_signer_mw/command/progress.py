"""How far a long operation is: one line on standard error, only where that is a terminal.

The line is written over, and gone at the end. In pipes, in logs and on terminals that know no control
codes there is nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Self, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import TracebackType

T = TypeVar("T")

EVERY = 0.1  # seconds between two writes at least
_ERASE = "\r\x1b[K"


class Progress:
    """Use as a context manager around the operation."""

    def __init__(self, stream: TextIO | None = None, ticks: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shows = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._ticks = ticks
        self._due = -1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """For what is printed next: nothing of the line is left."""
        if self._due >= 0:
            self._due = -1.0
            self._write("")

    def tell(self, text: str) -> None:
        """What is under way, cut to the width of the terminal; left out where the last one is too fresh."""
        if self._shows and self._ticks() >= self._due:
            self._due = self._ticks() + EVERY
            self._write(_printable(text)[: shutil.get_terminal_size().columns - 1])

    def each(self, items: Collection[T], doing: str, name: Callable[[T], str] = str) -> Iterator[T]:
        """The items; each is told before it is worked on: `<doing> 3 of 40: <name>`."""
        for number, item in enumerate(items, 1):
            self.tell(f"{doing} {number} of {len(items)}: {name(item)}")
            yield item
        self.clear()

    def _write(self, text: str) -> None:
        self._stream.write(_ERASE + text)
        self._stream.flush()


def _printable(text: str) -> str:
    """Names come from files: none moves the cursor."""
    return "".join(one if one.isprintable() else "?" for one in text)
