"""Scopes that one view demands. How scopes are read and compared is the core's rule."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Literal, TypeAlias

from flask_jwt_signer.proxies import current_identity
from jwt_signer_mw.errors import Refusal, TokenMissing
from jwt_signer_mw.settings.issuers import rules_for
from jwt_signer_mw.tokens.checks import Check, compile_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_jwt_signer.gate import Gate
    from jwt_signer_mw.settings import ClaimRules, TokenSettings

TokenName: TypeAlias = Literal["access_token", "channel_token"]


class ScopeRule:
    """Scopes that one of the two tokens must have."""

    def __init__(self, token: TokenName, scopes: Sequence[str]) -> None:
        self._token = token
        self._scopes = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        if not self._scopes or not all(one.split() for one in self._scopes):
            raise ValueError("scopes: at least one, and none of them empty")

    def enforce(self, gate: Gate) -> None:
        """Returns if the token of the current request has them, else ends the request."""
        try:
            self._check(getattr(gate.judging_settings(), self._token))
        except Refusal as refusal:
            gate.refuse(refusal)

    def _check(self, settings: TokenSettings) -> None:
        token = getattr(current_identity, self._token)
        if token is None:
            raise TokenMissing("an exempt request, or an optional token")
        rules = rules_for(settings, token.claims, introspected=token.source == "introspection")
        _scope_check(rules, self._scopes).run(token.claims, 0.0)


@functools.lru_cache(maxsize=256)
def _scope_check(rules: ClaimRules, scopes: tuple[str, ...]) -> Check:
    """`{token}_optional_claims` is no excuse here: the view asks for a scope by itself."""
    demanding = dataclasses.replace(rules, verify_scopes=True, scopes_required=scopes, optional_claims=None)
    return next(check for check in compile_checks(demanding) if check.name == "scopes")
