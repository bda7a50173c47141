"""Values of claims that are written as templates: text with references in braces, and nothing that could run.

{claims.email}   {claims.realm_access.roles}   {claims[https://example.com/tenant]}   {request.host}
user:{consumer.username}   {claims.upn|claims.email}   {{literally}}
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from jwt_signer_mw.request.responses import host_name
from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.messages import Consumer, Incoming
    from jwt_signer_mw.tokens.claims import Path

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "consumer": ("id", "username", "custom_id"),
    "request": ("method", "host", "path"),
}
ROOTS = ("claims", *FIELDS)
MAX_REQUEST_VALUE = 2048  # characters: what a client may add to a new token

_PART = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_REFERENCE = re.compile(r"(?P<root>[A-Za-z_]+)(?P<steps>(\.[A-Za-z0-9_-]+|\[[^][{}|]+\])*)")
_STEP = re.compile(r"\.(?P<plain>[A-Za-z0-9_-]+)|\[(?P<quoted>[^][{}|]+)\]")


class TemplateError(ValueError):
    """A template can't be used; `hint` is empty, or names what may have been meant."""

    def __init__(self, text: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(text)


class Sources(NamedTuple):
    """What a template may refer to: claims as they came in, and what was known of the request."""

    claims: Mapping[str, Any]
    consumer: Consumer | None
    request: Incoming


class Reference(NamedTuple):
    root: str
    path: Path

    def read(self, sources: Sources) -> Any:
        """The value, or None where there is none."""
        if self.root == "claims":
            return read_claim(sources.claims, self.path)
        (field,) = self.path
        if self.root == "consumer":
            return getattr(sources.consumer, field, None)
        value = getattr(sources.request, field)
        return _speakable(host_name(value).lower() if field == "host" else value)


Choice: TypeAlias = tuple[Reference, ...]  # the first that has a value


class Template(NamedTuple):
    parts: tuple[str | Choice, ...]

    @property
    def references(self) -> Iterator[Reference]:
        for part in self.parts:
            if not isinstance(part, str):
                yield from part

    def render(self, sources: Sources) -> Any:
        """The value of a lone reference as it is, else text. None where a reference has no value."""
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return _read(self.parts[0], sources)
        texts = [part if isinstance(part, str) else _text(_read(part, sources)) for part in self.parts]
        return None if None in texts else "".join(text for text in texts if text is not None)


def parse_template(text: str) -> Template:
    """Raises `TemplateError`."""
    parts: list[str | Choice] = []
    end = 0
    for found in _PART.finditer(text):
        parts.append(text[end : found.start()])
        parts.append(_parse_part(found[0]))
        end = found.end()
    parts.append(text[end:])
    template = Template(tuple(_joined(parts)))
    if not any(template.references):
        raise TemplateError(
            "refers to nothing", "Write {claims.email}, for example; set_..._claims sets text."
        )
    return template


def _parse_part(part: str) -> str | Choice:
    if part in ("{{", "}}"):
        return part[0]
    if len(part) == 1:
        raise TemplateError(f"has a single {part}", f"Write {part * 2} for the character itself.")
    return tuple(_parse_reference(one.strip()) for one in part[1:-1].split("|"))


def _parse_reference(text: str) -> Reference:
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise TemplateError(f"has {text!r}, which is no reference", "Write {claims[a name]} for odd names.")
    root = found["root"]
    path = tuple(step["plain"] or step["quoted"] for step in _STEP.finditer(found["steps"]))
    if root not in ROOTS:
        raise TemplateError(f"refers to {text!r}: there is no {root!r}", _meant(root, ROOTS))
    if not path:
        raise TemplateError(f"refers to {root!r} as a whole", f"Name one of its values: {_known(root)}.")
    if root in FIELDS and (len(path) != 1 or path[0] not in FIELDS[root]):
        meant = _meant(".".join(path), FIELDS[root]) or f"There are: {_known(root)}."
        raise TemplateError(f"refers to {text!r}, which does not exist", meant)
    return Reference(root, path)


def _known(root: str) -> str:
    return ", ".join(f"{root}.{field}" for field in FIELDS.get(root, ("<name>",)))


def _meant(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word[:100], known, n=1)
    return f"Did you mean {near[0]}?" if near else ""


def _joined(parts: list[str | Choice]) -> Iterator[str | Choice]:
    """Texts that stand side by side are one, empty ones none."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        text = ""
        yield part
    if text:
        yield text


def _read(choice: Choice, sources: Sources) -> Any:
    return next((value for one in choice if (value := one.read(sources)) is not None), None)


def _text(value: Any) -> str | None:
    """As a part of a text: text, numbers and booleans; lists and objects are none."""
    if isinstance(value, str):
        return value
    return dump_json(value).decode() if isinstance(value, bool | int | float) else None


def _speakable(value: str) -> str | None:
    """What a client wrote, unless it is empty, overlong or no text."""
    if not 0 < len(value) <= MAX_REQUEST_VALUE:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates
        return None
    return value
