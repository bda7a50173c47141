"""A refusal, and what a suggestion may want to know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.explain.trace import shown
from jwt_signer_mw.tokens.claims import read_claim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.explain.trace import Trace
    from jwt_signer_mw.settings import ClaimRules, Settings, TokenSettings

MAX_LISTED = 8


class Case(NamedTuple):
    """A refusal, and what is known about the request it ended."""

    refusal: Refusal
    trace: Trace
    settings: Settings

    @property
    def token(self) -> TokenSettings:
        """What it is judged by: of several issuers those of its own."""
        if self.trace.judged is not None and self.trace.judged.name == self.trace.token:
            return self.trace.judged
        tokens = (self.settings.channel_token, self.settings.access_token)
        return next((token for token in tokens if token.name == self.trace.token), tokens[-1])

    @property
    def name(self) -> str:
        return self.token.name

    @property
    def rules(self) -> ClaimRules:
        """Those of the family that the refusal's parameter belongs to."""
        prefix = "introspection_"
        return self.token.introspection if prefix in f"{self.refusal.option}_" else self.token.claims

    @property
    def issuer(self) -> str:
        """Who issued it, as far as the token itself says."""
        issuer = self.trace.claims.get("iss")
        return f" (its `iss` is {shown(issuer)})" if isinstance(issuer, str) else ""

    def claim(self, field: str) -> Any:
        return read_claim(self.trace.claims, getattr(self.rules, field))

    def path(self, field: str) -> str:
        return ".".join(getattr(self.rules, field))


def listed(items: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    found = list(items)
    more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    return ", ".join(found[:MAX_LISTED]) + more
