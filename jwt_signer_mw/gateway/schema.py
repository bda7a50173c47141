"""JSON Schema of a gateway file, for editors: names complete, values are checked while they are typed."""

from __future__ import annotations

from typing import Any

from jwt_signer_mw.gateway.configuration import GATEWAY, POLICIES, ROUTES
from jwt_signer_mw.gateway.options import DEFAULT, GatewayOptions, Route, declared, defaults
from jwt_signer_mw.settings import json_schema


def gateway_schema() -> dict[str, Any]:
    """Of what `load_configuration` takes, as it stands in TOML, JSON and YAML."""
    settings = json_schema()
    policy = {"type": "object", "properties": settings["properties"], "additionalProperties": False}
    return {
        "$schema": settings["$schema"],
        "title": "Gateway file of jwt-signer-mw",
        "type": "object",
        "properties": {
            **{name: {"$ref": f"#/$defs/policy/properties/{name}"} for name in settings["properties"]},
            POLICIES: {
                "description": "Policies by name; what stands beside them holds for each.",
                "type": "object",
                "required": [DEFAULT],
                "additionalProperties": {"$ref": "#/$defs/policy"},
            },
            ROUTES: {
                "description": "Which requests meet which policy; the most particular route is taken.",
                "type": "array",
                "minItems": 1,
                "items": _part(Route),
            },
            GATEWAY: {"description": "How it serves.", **_part(GatewayOptions)},
        },
        "additionalProperties": False,
        "$defs": {"policy": policy},
    }


def _part(kind: type[Any]) -> dict[str, Any]:
    given = defaults(kind)
    properties = {}
    for name, one in declared(kind).items():
        default = given[name]
        plain = None if default is None else one.kind.plain(default)
        properties[name] = {"description": one.help, "default": plain, **one.kind.schema()}
    return {"type": "object", "properties": properties, "additionalProperties": False}
