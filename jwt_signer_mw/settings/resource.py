"""The service as a protected resource (RFC 9728): its identifier, and what else its metadata says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jwt_signer_mw.settings.declaring import Part, parameter, text
from jwt_signer_mw.settings.kinds import (
    MAX_ELEMENTS,
    Boolean,
    Kind,
    Plain,
    Schema,
    Text,
    TextList,
    Unreadable,
    read_json,
    wrong_type,
)

SINCE = "suite 1.0"
WANTED = "a map of metadata members (RFC 9728 section 2)"
OURS = ("resource", "bearer_methods_supported")  # members that other options decide

_TEXTS = TextList(unique=True)
MEMBERS: Final[Mapping[str, Kind]] = {
    "authorization_servers": _TEXTS,
    "jwks_uri": Text(),
    "scopes_supported": _TEXTS,
    "resource_signing_alg_values_supported": _TEXTS,
    "resource_name": Text(),
    "resource_documentation": Text(),
    "resource_policy_uri": Text(),
    "resource_tos_uri": Text(),
    "tls_client_certificate_bound_access_tokens": Boolean(),
    "authorization_details_types_supported": _TEXTS,
    "dpop_signing_alg_values_supported": _TEXTS,
    "dpop_bound_access_tokens_required": Boolean(),
    "signed_metadata": Text(),
}


@dataclass(frozen=True)
class Members(Plain):
    """Metadata members by name, held with their values as JSON text. Null leaves a member out."""

    def read(self, value: object) -> tuple[tuple[str, str], ...]:
        value = read_json(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping) or len(value) > MAX_ELEMENTS:
            raise wrong_type(WANTED, value)
        return tuple((Text().read(name), _as_json(name, member)) for name, member in value.items())

    def plain(self, value: Any) -> object:
        return {name: json.loads(text) for name, text in value}

    def schema(self) -> Schema:
        properties = {name: {"anyOf": [kind.schema(), {"type": "null"}]} for name, kind in MEMBERS.items()}
        ours = [{"required": [name]} for name in OURS]
        return {"type": "object", "properties": properties, "not": {"anyOf": ours}}


def _as_json(name: str, member: object) -> str:
    """Members that the RFC does not know are passed on, unless they look like a misspelt one."""
    if name in OURS:
        raise Unreadable("settings.E090", f"names {name!r}, which other options decide.")
    plain_name = name.partition("#")[0]  # `resource_name#de`: RFC 9728 section 2.1
    kind = MEMBERS.get(plain_name)
    if kind is None and (near := difflib.get_close_matches(plain_name, MEMBERS, n=1, cutoff=0.8)):
        raise Unreadable("settings.E090", f"names {name[:100]!r}. Did you mean {near[0]}?")
    if kind is not None and member is not None:
        member = kind.plain(kind.read(member))
    try:
        return json.dumps(member, allow_nan=False)
    except (TypeError, ValueError):
        raise wrong_type(WANTED, member) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceOptions(Part):
    """Metadata about this service, and where clients find it. Without an identifier nothing is served."""

    identifier: str | None = text(
        "resource",
        None,
        "Resource identifier of this service, a URL: its metadata are served (RFC 9728), and challenges "
        "say where.",
        since=SINCE,
    )
    members: tuple[tuple[str, str], ...] = parameter(
        "resource_metadata",
        Members(),
        (),
        "Members of these metadata, over those that other options tell; null leaves one out.",
        since=SINCE,
        null="default",
    )
