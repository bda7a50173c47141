"""What an import did with each thing it found, line by line."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Fate: TypeAlias = Literal["taken", "differs", "weak", "ignored", "refused"]
FATES: tuple[Fate, ...] = ("refused", "weak", "differs", "ignored", "taken")  # by gravity


class Line(NamedTuple):
    """`place` is where it stands in the Kong file, `text` what became of it.

    "differs": it works otherwise here; "weak": it works, but should not be so; "ignored": it has no
    meaning here; "refused": it has to be written anew by hand.
    """

    fate: Fate
    place: str
    text: str
