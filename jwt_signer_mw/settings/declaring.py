"""How a parameter is declared: once, as the field of a small frozen dataclass.

A field carries its flat name as a template with one hole (`verify_{}_audience`). What fills the
hole is the `name` of the part that the field belongs to (`access_token_introspection`), so that
one declaration serves every part of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from jwt_signer_mw.settings.kinds import Boolean, Kind, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Null: TypeAlias = Literal["refused", "none", "default"]

_DECLARED = "declared"
_PART = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a field says about its parameter, whichever part it is in."""

    template: str
    kind: Kind
    default: Any
    help: str
    since: str
    unit: str = ""
    secret: bool = False
    referenceable: bool = False
    null: Null  # what null (and, where `blank`, "") stands for
    blank: bool = False


class Option(NamedTuple):
    """One parameter as users write it: its flat name, where its value is held, and its default."""

    name: str
    path: tuple[str, ...]
    default: Any
    declared: Declared

    def read(self, value: object) -> Any:
        """The value as settings hold it. Raises `Unreadable`."""
        declared = self.declared
        is_null = value is None or (declared.blank and isinstance(value, str) and not value.strip())
        if is_null and declared.null != "refused":
            return None if declared.null == "none" else self.default
        return declared.kind.read(value)

    def parse(self, text: str) -> object:
        """Text of an environment variable or a form field, as something that `read` takes."""
        return None if text.strip() == "null" else self.declared.kind.parse(text)

    def plain(self, value: Any) -> object:
        return None if value is None else self.declared.kind.plain(value)


class PartDeclared(NamedTuple):
    """A part inside a part: what fills the hole of its names, and the defaults that differ there."""

    type: type[Part]
    template: str
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some parameters that belong together; `name` fills the hole of their flat names."""

    name: str = ""
    elsewhere: tuple[tuple[str, str], ...] = ()  # flat names, and what users wrote in their place

    def option(self, field_name: str) -> str:
        """The flat name of the parameter that this field holds, or its place in a map. Raises `KeyError`."""
        declared: Declared = type(self).__dataclass_fields__[field_name].metadata[_DECLARED]
        flat = declared.template.format(self.name)
        return dict(self.elsewhere).get(flat, flat) if self.elsewhere else flat


def parameter(
    template: str, kind: Kind, default: Any, help_text: str, *, null: Null | None = None, **more: Any
) -> Any:
    """Declare a parameter. Null stands for none where the default is null, else it is refused."""
    null = null or ("none" if default is None else "refused")
    declared = Declared(template=template, kind=kind, default=default, help=help_text, null=null, **more)
    return field(default=default, repr=not declared.secret, metadata={_DECLARED: declared})


def switch(template: str, default: bool, help_text: str, **more: Any) -> Any:
    return parameter(template, Boolean(), default, help_text, **more)


def text(template: str, default: str | None, help_text: str, **more: Any) -> Any:
    return parameter(template, Text(), default, help_text, **more)


def part(kind: type[Part], template: str, **defaults: Any) -> Any:
    """Declare a part; `defaults` overrides those of its fields."""
    declared = PartDeclared(kind, template, defaults)
    name = template.format("access_token")
    return field(default_factory=partial(build, kind, name, {}, defaults), metadata={_PART: declared})


def build(kind: type[Any], name: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """A part from flat values; what they lack takes its default."""
    arguments: dict[str, Any] = {"name": name}
    for one in fields(kind):
        inner: PartDeclared | None = one.metadata.get(_PART)
        declared: Declared | None = one.metadata.get(_DECLARED)
        if inner:
            inner_name = inner.template.format(name)
            arguments[one.name] = build(inner.type, inner_name, values, inner.defaults)
        elif declared:
            default = defaults.get(one.name, declared.default)
            arguments[one.name] = values.get(declared.template.format(name), default)
    return kind(**arguments)


def walk(kind: type[Any], name: str = "", defaults: Mapping[str, Any] | None = None) -> Iterator[Option]:
    """Every parameter of a part and of the parts inside it, in the order of declaration."""
    for one in fields(kind):
        inner: PartDeclared | None = one.metadata.get(_PART)
        declared: Declared | None = one.metadata.get(_DECLARED)
        if inner:
            for found in walk(inner.type, inner.template.format(name), inner.defaults):
                yield found._replace(path=(one.name, *found.path))
        elif declared:
            default = (defaults or {}).get(one.name, declared.default)
            yield Option(declared.template.format(name), (one.name,), default, declared)
