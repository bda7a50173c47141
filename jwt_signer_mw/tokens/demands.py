"""Scopes that one view demands, on top of what the settings demand of every request."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Literal, TypeAlias

from jwt_signer_mw.errors import TokenMissing
from jwt_signer_mw.settings.issuers import rules_for
from jwt_signer_mw.tokens.checks import Check, compile_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwt_signer_mw.messages import Identity
    from jwt_signer_mw.settings import ClaimRules, Settings

TokenName: TypeAlias = Literal["access_token", "channel_token"]


class ScopeDemand:
    """Scopes that one of the two tokens must have.

    `scopes` mean what `{token}_scopes_required` means: any element will do, and of an element all the words
    must be there. Raises `ValueError` for a demand that demands nothing.
    """

    def __init__(self, token: TokenName, scopes: Sequence[str]) -> None:
        self.token = token
        self.scopes = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        if not self.scopes or not all(one.split() for one in self.scopes):
            raise ValueError("scopes: at least one, and none of them empty")

    def check(self, settings: Settings, identity: Identity) -> None:
        """Returns if the token has them. Raises `TokenMissing`, `ScopesInsufficient`.

        They are read where the settings say: `{token}_scopes_claim`, or that of an introspection result.
        """
        token = getattr(identity, self.token)
        if token is None:
            raise TokenMissing("an exempt request, or an optional token")
        introspected = token.source == "introspection"
        rules = rules_for(getattr(settings, self.token), token.claims, introspected=introspected)
        _scope_check(rules, self.scopes).run(token.claims, 0.0)


@functools.lru_cache(maxsize=256)
def _scope_check(rules: ClaimRules, scopes: tuple[str, ...]) -> Check:
    """`{token}_optional_claims` is no excuse here: the view asks for a scope by itself."""
    demanding = dataclasses.replace(rules, verify_scopes=True, scopes_required=scopes, optional_claims=None)
    return next(check for check in compile_checks(demanding) if check.name == "scopes")
