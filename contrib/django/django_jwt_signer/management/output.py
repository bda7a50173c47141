"""What the commands of `jwt-signer` print, as output of Django's."""

from __future__ import annotations

from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import OutputWrapper


class Pieces(StringIO):
    """Text in memory, for a stream that may know no check marks."""

    def __init__(self, stream: object) -> None:
        super().__init__()
        self._encoding = getattr(stream, "encoding", None)

    @property
    def encoding(self) -> str | None:  # type: ignore[override]
        return self._encoding


@contextmanager
def printed_to(output: OutputWrapper) -> Iterator[None]:
    """An `OutputWrapper` ends every text that it is given with a new line, and `print` writes in pieces."""
    text = Pieces(getattr(output, "_out", None))
    try:
        with redirect_stdout(text):
            yield
    finally:
        output.write(text.getvalue(), ending="")
