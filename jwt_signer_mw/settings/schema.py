"""JSON Schema (2020-12) of settings, for editors and for whoever generates settings files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.settings.loading import OPTIONS

if TYPE_CHECKING:
    from jwt_signer_mw.settings.declaring import Option


def json_schema() -> dict[str, Any]:
    """Schema of the mapping that `Settings.load` takes, in real types; unknown names are refused."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of jwt-signer-mw",
        "type": "object",
        "properties": {name: _property(option) for name, option in OPTIONS.items()},
        "additionalProperties": False,
    }


def _property(option: Option) -> dict[str, Any]:
    declared = option.declared
    schema = declared.kind.schema()
    if declared.null != "refused":
        schema = _or_nothing(schema, blank=declared.blank)
    unit = f" In {declared.unit}." if declared.unit else ""
    about = {"description": declared.help + unit, "default": option.plain(option.default)}
    return about | schema | ({"writeOnly": True} if declared.secret else {})


def _or_nothing(schema: dict[str, Any], *, blank: bool) -> dict[str, Any]:
    nothing: list[dict[str, Any]] = [{"type": "null"}, *([{"const": ""}] if blank else [])]
    return {"anyOf": [*schema.get("anyOf", [schema]), *nothing]}
