"""One of our policies as a plugin of a declarative Kong file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.kong.reading import PLUGIN
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.options import SINCE

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "3.0"


class Exported(NamedTuple):
    """`left_out` are options of the suite that Kong does not know."""

    content: Mapping[str, Any]
    left_out: tuple[str, ...]


def export_policy(given: Mapping[str, Any]) -> Exported:
    """From a policy as it stands in a file: references to secrets stay references."""
    config = {name: value for name, value in given.items() if is_parameter(name) and value is not None}
    consumers = given.get("consumers")
    content: dict[str, Any] = {
        "_format_version": FORMAT,
        "plugins": [{"name": PLUGIN, "config": dict(sorted(config.items()))}],
    }
    if isinstance(consumers, list):
        content["consumers"] = [dict(consumer) for consumer in consumers]
    known = {*config, *(["consumers"] if isinstance(consumers, list) else [])}
    return Exported(content, tuple(name for name in given if name not in known))


def is_parameter(name: str) -> bool:
    """Whether Kong's plugin has it."""
    return name in OPTIONS and OPTIONS[name].declared.since != SINCE
