"""Where a provider's own metadata say what settings leave out."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.settings.declaring import Part, text
from jwt_signer_mw.settings.options import SINCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovering(Part):
    """Whose metadata (RFC 8414, OpenID Connect Discovery) name the addresses that are not set."""

    issuer: str | None = text(
        "{}_discovery",
        None,
        "Issuer (URL) whose metadata name its key set and introspection endpoint, where these are not set.",
        since=SINCE,
    )
