"""Every problem that settings can have, declared once: a stable id, what it means, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from jwt_signer_mw.errors import Problem

if TYPE_CHECKING:
    Level = Literal["error", "warning"]


class Entry(NamedTuple):
    """One kind of problem. An id is never used again for something else."""

    id: str
    meaning: str
    hint: str

    @property
    def level(self) -> Level:
        return "warning" if ".W" in self.id else "error"


ENTRIES = (
    Entry("settings.E001", "The name is unknown.", "See the reference of settings for all names."),
    Entry("settings.E002", "The value is of the wrong type.", "See the reference for the type."),
    Entry("settings.E003", "Text that should be JSON is not.", "A member that occurs twice is refused too."),
    Entry("settings.E004", "A number is not finite or out of bounds.", "Mind the unit of the option."),
    Entry("settings.E005", "Text is empty.", "Leave the option out, or set it to null."),
    Entry("settings.E006", "Text has stray white space or control characters.", "Check how it was copied."),
    Entry("settings.E007", "The value is not one of the choices.", "Choices are case-sensitive."),
    Entry("settings.E008", "A list is empty.", "Leave it out for no check; an empty list never means all."),
    Entry("settings.E009", "A list names an element twice.", "Remove one of them."),
    Entry(
        "settings.E010",
        "A reference can't be resolved.",
        "Write {vault://env/NAME} or {file:///path}; neither may be unset or empty.",
    ),
    Entry(
        "settings.E011",
        "A reference stands where none is resolved.",
        "A reference is the whole value, and only options marked as referenceable take one.",
    ),
    Entry(
        "settings.E012",
        "A certificate's name is unknown.",
        'Add it to `certificates` as {"cert": path, "key": path}.',
    ),
    Entry("settings.E013", "The settings file can't be read.", "TOML, JSON and YAML are understood."),
)

BY_ID = {entry.id: entry for entry in ENTRIES}


def problem(name: str, option: str, text: str, hint: str = "") -> Problem:
    """A problem of that kind. `text` is safe to show: it never repeats the value of a secret."""
    entry = BY_ID[name]
    return Problem(name, entry.level, option, text, hint or entry.hint)
