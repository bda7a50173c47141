"""Limits to the life of a token, which Kong's plugin lacks."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.settings.declaring import Part, parameter
from jwt_signer_mw.settings.kinds import Number
from jwt_signer_mw.settings.options import SINCE

_LIMIT = Number(0, 31_536_000, above=True)  # seconds: a year


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes(Part):
    """How long a token may live, beyond its own word for it. Times in seconds."""

    max_lifetime: float | None = parameter(
        "{}_max_lifetime",
        _LIMIT,
        None,
        "Refuse what was issued for longer than this: `exp` minus `iat`, both of which have to be there.",
        since=SINCE,
        unit="seconds",
    )
    max_age: float | None = parameter(
        "{}_max_age",
        _LIMIT,
        None,
        "Refuse what was issued (`iat`) longer ago than this, however long it is valid.",
        since=SINCE,
        unit="seconds",
    )
