"""The form of a description."""

from __future__ import annotations

from typing import NamedTuple


class Sentence(NamedTuple):
    """One thing that happens; `details` are what it consists of."""

    text: str
    details: tuple[str, ...] = ()


class Section(NamedTuple):
    """Sentences about one part of the way."""

    title: str
    sentences: tuple[Sentence, ...]
