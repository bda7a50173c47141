"""What the suite adds to the shape of a new token: its life, and where its claims come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.declaring import Part, parameter, text
from jwt_signer_mw.settings.kinds import Number, TextList, TextMap
from jwt_signer_mw.settings.options import SINCE

if TYPE_CHECKING:
    from jwt_signer_mw.settings.declared import TokenSettings

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
    keep_claims: tuple[str, ...] | None = parameter(
        "keep_{}_claims",
        TextList(may_be_empty=True),
        None,
        "Names of the old token's claims that the new one may have; null means all of them.",
        since=SINCE,
    )
    claim_templates: tuple[tuple[str, str], ...] = parameter(
        "{}_claim_templates",
        TextMap(),
        (),
        "Claims to set from elsewhere, such as `{claims.email}`, `{consumer.username}`, `{request.host}`.",
        since=SINCE,
        null="default",
    )
    subject_pairwise_secret: str | None = text(
        "{}_subject_pairwise_secret",
        None,
        "Key that subjects are hidden with, of 32 characters or more; null shows them.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    subject_pairwise_sector: str | None = text(
        "{}_subject_pairwise_sector",
        None,
        "Services to which a hidden subject is the same one; null: the only `..._upstream_audience`.",
        since=SINCE,
    )


def sector_of(token: TokenSettings) -> str | None:
    """For whom the subjects of new tokens are hidden; None where nobody said."""
    audiences = token.binding.upstream_audience or ()
    alone = audiences[0] if len(audiences) == 1 else None
    return token.shape.subject_pairwise_sector or alone
