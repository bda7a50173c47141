"""What the suite adds to the shape of a new token: its life."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.settings.declaring import Part, parameter
from jwt_signer_mw.settings.kinds import Number
from jwt_signer_mw.settings.options import SINCE

ONE_DAY = 86_400  # seconds
SHORTEST = 2  # seconds: a token lives for at least half of it, which a clock of whole seconds can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Part):
    """How a new token differs from the old one, beyond what the plugin can do."""

    upstream_max_lifetime: float | None = parameter(
        "{}_upstream_max_lifetime",
        Number(SHORTEST, ONE_DAY * 366),
        None,
        "The new token expires this long after it was signed at the latest; its `iat` is that moment.",
        since=SINCE,
        unit="seconds",
    )
