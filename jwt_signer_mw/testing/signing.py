"""What test clients of all frameworks have in common: what a request is signed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from jwt_signer_mw.testing.issuer import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.testing.flaws import Flaw


class Sign(Protocol):
    """Headers with tokens, as `Issuer.headers` makes them."""

    def __call__(
        self,
        claims: Mapping[str, Any] | None,
        channel_claims: Mapping[str, Any] | None,
        *,
        policy: str,
        flaw: Flaw | None,
    ) -> dict[str, str]: ...


def sign_request(sign: Sign, own: Mapping[str, Any], options: dict[str, Any]) -> dict[str, str]:
    """The headers with the tokens of one request. Takes these from `options`:

    `claims` come on top of the client's own, None sends no access token; `channel_claims` send the other
    token; `flaw` says what is wrong with it; `policy` is who judges.
    """
    claims, channel = options.pop("claims", {}), options.pop("channel_claims", None)
    flaw, policy = options.pop("flaw", None), options.pop("policy", DEFAULT)
    if claims is None and channel is None:
        return {}
    held = None if claims is None else {**own, **dict(claims)}
    return sign(held, channel, policy=policy, flaw=flaw)
