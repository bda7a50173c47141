"""Which kinds of JWT are accepted: explicit typing (RFC 8725 section 3.11)."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.settings.declaring import Part, parameter
from jwt_signer_mw.settings.kinds import Text, TextList
from jwt_signer_mw.settings.options import SINCE

PROFILES = ("at+jwt",)  # by the `typ` that each demands


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplicitTyping(Part):
    """What a JWT has to be, by its own word."""

    typ_allowed: tuple[str, ...] | None = parameter(
        "{}_typ_allowed",
        TextList(),
        None,
        "Values of a JWT's `typ` of which one has to be there; without `typ` it counts as `JWT`.",
        since=SINCE,
    )
    profile: str | None = parameter(
        "{}_profile",
        Text(PROFILES),
        None,
        "Rules of a JWT as a whole: `at+jwt` is an access token as RFC 9068 wants it.",
        since=SINCE,
    )
