"""Kinds of values: how each is read from real types or from text, and written back plainly.

`read` takes what Python, TOML, JSON or YAML give; lists and maps may also be text. `parse` takes
the text of an environment variable or a form field, where numbers are text too. Both raise
`Unreadable`, whose text never repeats a value, because the value may be a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jwt_signer_mw.wire import Malformed, parse_json

TRUE_WORDS = frozenset({"true", "1", "on", "yes"})
FALSE_WORDS = frozenset({"false", "0", "off", "no"})
MAX_ELEMENTS = 10_000  # of one list or map: more is a mistake, and it is searched for every request

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # lone surrogates can't be written as UTF-8
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?")

Schema = dict[str, Any]


class Unreadable(ValueError):
    """A value can't be used: the id of a problem in the catalogue, and a text that is safe to show."""

    def __init__(self, problem: str, text: str) -> None:
        self.problem = problem
        super().__init__(text)


class SeveralUnreadable(Unreadable):
    """Several values inside one can't be used: each with its path inside."""

    def __init__(self, found: Sequence[tuple[str, Unreadable]]) -> None:
        self.found = found
        super().__init__(found[0][1].problem, "; ".join(f"{path}: {one}" for path, one in found))


def wrong_type(wanted: str, value: object) -> Unreadable:
    return Unreadable("settings.E002", f"must be {wanted}, not {describe(value)}.")


def describe(value: object) -> str:
    """What kind of value this is, in the reader's words and without its content."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", dict: "a map"}
    names |= {list: "a list", tuple: "a list", bytes: "bytes"}
    return names.get(type(value), f"an object of type {type(value).__name__}")


def read_json(text: str) -> object:
    try:
        return parse_json(text.encode())
    except (Malformed, UnicodeEncodeError):
        raise Unreadable("settings.E003", "is text that is not valid JSON.") from None


class Kind(Protocol):
    """What every kind of value can do."""

    # The value as settings hold it: immutable. Raises `Unreadable`.
    def read(self, value: object) -> Any: ...

    # Text of an environment variable or a form field, as something that `read` takes.
    def parse(self, text: str) -> object: ...

    # The value as lists, dicts, text, numbers and None; `read` takes it back.
    def plain(self, value: Any) -> object: ...

    # JSON Schema of the plain value.
    def schema(self) -> Schema: ...


class Plain:
    """For kinds whose text and plain form need no translation."""

    def parse(self, text: str) -> object:
        return text

    def plain(self, value: Any) -> object:
        return value


@dataclass(frozen=True)
class Boolean(Plain):
    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in TRUE_WORDS | FALSE_WORDS:
            return word in TRUE_WORDS
        raise wrong_type("true or false", value)

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number(Plain):
    """A finite number within bounds. A boolean is none, and text is one only in `parse`."""

    minimum: float
    maximum: float
    integer: bool = False
    above: bool = False  # the minimum itself is refused

    def read(self, value: object) -> int | float:
        wanted = "a whole number" if self.integer else "a number"
        if isinstance(value, bool) or not isinstance(value, int if self.integer else (int, float)):
            raise wrong_type(wanted, value)
        if isinstance(value, float) and not math.isfinite(value):
            raise Unreadable("settings.E004", "must be a finite number.")
        if not self.minimum <= value <= self.maximum or (self.above and value == self.minimum):
            lowest = f"more than {self.minimum:g}" if self.above else f"at least {self.minimum:g}"
            raise Unreadable("settings.E004", f"must be {lowest} and at most {self.maximum:.12g}.")
        return value

    def parse(self, text: str) -> object:
        stripped = text.strip()
        if not _NUMBER.fullmatch(stripped):
            return text
        return int(stripped) if stripped.lstrip("+-").isdigit() else float(stripped)

    def schema(self) -> Schema:
        lowest = "exclusiveMinimum" if self.above else "minimum"
        kind = "integer" if self.integer else "number"
        return {"type": kind, lowest: self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Text(Plain):
    """Text that says something: not blank, no white space around it, no control characters."""

    choices: tuple[str, ...] = ()

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise wrong_type("text", value)
        if not value.strip():
            raise Unreadable("settings.E005", "is empty.")
        if value != value.strip() or _CONTROL.search(value):
            raise Unreadable("settings.E006", "has white space around it or a control character in it.")
        if self.choices and value not in self.choices:
            raise Unreadable("settings.E007", f"must be one of {', '.join(self.choices)}.")
        return value

    def schema(self) -> Schema:
        return {"enum": list(self.choices)} if self.choices else {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class NumberOrWord(Plain):
    """One of some words, or a number within bounds."""

    words: Text
    number: Number

    def read(self, value: object) -> str | float:
        return self.words.read(value) if isinstance(value, str) else self.number.read(value)

    def parse(self, text: str) -> object:
        return self.number.parse(text)

    def schema(self) -> Schema:
        return {"anyOf": [self.words.schema(), self.number.schema()]}


@dataclass(frozen=True)
class TextList(Plain):
    """A list of texts; as text, its elements are separated by commas, or it is a JSON list."""

    element: Text = Text()
    may_be_empty: bool = False
    unique: bool = False

    def read(self, value: object) -> tuple[str, ...]:
        elements = tuple(map(self.element.read, self._elements(value)))
        if not elements and not self.may_be_empty:
            raise Unreadable("settings.E008", "is an empty list.")
        if self.unique and len(set(elements)) < len(elements):
            raise Unreadable("settings.E009", "names one element twice.")
        return elements

    def _elements(self, value: object) -> list[object] | tuple[object, ...]:
        if isinstance(value, str):
            text = value.strip()
            value = read_json(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
            value = [] if value == [""] else value
        return bounded(value, "a list of texts")

    def plain(self, value: Any) -> object:
        return list(value)

    def schema(self) -> Schema:
        schema: Schema = {"type": "array", "items": self.element.schema()}
        schema |= {} if self.may_be_empty else {"minItems": 1}
        return schema | ({"uniqueItems": True} if self.unique else {})


@dataclass(frozen=True)
class ClaimPath(TextList):
    """Names of claims, the outer one first. A dot in a name is part of the name."""


CLAIM_PATH = ClaimPath()


@dataclass(frozen=True)
class PathList(Plain):
    """A list of claim paths, each a list of texts; as text it is JSON."""

    def read(self, value: object) -> tuple[tuple[str, ...], ...]:
        value = read_json(value) if isinstance(value, str) else value
        paths = bounded(value, "a list of claim paths, each a list of texts")
        for path in paths:
            if isinstance(path, str):
                raise wrong_type("a list of claim paths, each a list of texts", path)
        return tuple(map(CLAIM_PATH.read, paths))

    def plain(self, value: Any) -> object:
        return [list(path) for path in value]

    def schema(self) -> Schema:
        return {"type": "array", "items": CLAIM_PATH.schema()}


@dataclass(frozen=True)
class TextMap(Plain):
    """A map from text to text, held as pairs; as text it is a JSON object."""

    def read(self, value: object) -> tuple[tuple[str, str], ...]:
        value = read_json(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping) or len(value) > MAX_ELEMENTS:
            raise wrong_type("a map from text to text", value)
        return tuple((Text().read(key), self._value(text)) for key, text in value.items())

    def _value(self, text: object) -> str:
        if not isinstance(text, str) or re.search("[\ud800-\udfff]", text):
            raise wrong_type("a map from text to text (write other values as JSON text)", text)
        return text

    def plain(self, value: Any) -> object:
        return dict(value)

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "string"}}


def bounded(value: object, wanted: str) -> list[object] | tuple[object, ...]:
    """The value if it is a list of a reasonable length. Raises `Unreadable`."""
    if not isinstance(value, (list, tuple)) or len(value) > MAX_ELEMENTS:
        raise wrong_type(wanted, value)
    return value
