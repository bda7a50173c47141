"""How a refusal challenges clients where DPoP is spoken (RFC 9449 sections 7.1 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.binding.refusals import DpopRefused, KeyMismatch, NonceRequired, TokenBoundToKey

if TYPE_CHECKING:
    from jwt_signer_mw.binding.nonces import Nonces
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.messages import Rejection
    from jwt_signer_mw.settings import Settings
    from jwt_signer_mw.settings.bindings import TokenBindings

CHALLENGE = "WWW-Authenticate"
_ABOUT_PROOFS = (DpopRefused, KeyMismatch, TokenBoundToKey)


def dress(rejection: Rejection, refusal: Refusal, settings: Settings) -> Rejection:
    """The same for a view that refuses by itself what a policy with these settings let through."""
    for token in (settings.access_token, settings.channel_token):
        if token.request_header and token.binding.dpop != "never":
            rejection = Challenger(token.binding, None).dress(rejection, refusal)
    return rejection


class Challenger:
    """Adds the scheme DPoP to challenges, and a nonce where one is wanted."""

    def __init__(self, rules: TokenBindings, nonces: Nonces | None) -> None:
        self._algs = f'algs="{" ".join(rules.dpop_algorithms)}"'
        self._required = rules.dpop == "required"
        self._nonces = nonces

    def dress(self, rejection: Rejection, refusal: Refusal) -> Rejection:
        """The error goes with the scheme that it is about; the other scheme is named beside it."""
        is_about_proofs = self._required or isinstance(refusal, _ABOUT_PROOFS)
        headers = [
            (name, self._challenge(value, is_about_proofs) if name == CHALLENGE else value)
            for name, value in rejection.headers
        ]
        if isinstance(refusal, NonceRequired) and self._nonces is not None:
            headers.append(("DPoP-Nonce", self._nonces.make()))
        return rejection._replace(headers=tuple(headers))

    def _challenge(self, bearer: str, is_about_proofs: bool) -> str:
        if is_about_proofs:
            return f"DPoP {bearer.removeprefix('Bearer ')}, {self._algs}"
        return f"{bearer}, DPoP {self._algs}"
