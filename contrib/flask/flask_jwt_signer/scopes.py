"""Scopes that one view demands. How scopes are read and compared is the core's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_jwt_signer.proxies import current_identity
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.tokens.demands import ScopeDemand

if TYPE_CHECKING:
    from flask_jwt_signer.gate import Gate


class ScopeRule(ScopeDemand):
    """Scopes that one of the two tokens of the current request must have."""

    def enforce(self, gate: Gate) -> None:
        """Returns if it has them, else ends the request."""
        try:
            self.check(gate.judging_settings(), current_identity)
        except Refusal as refusal:
            gate.refuse(refusal)
