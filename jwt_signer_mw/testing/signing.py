"""What test clients of all frameworks have in common: what a request is signed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.testing.issuer import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.settings import Settings
    from jwt_signer_mw.testing.issuer import Issuer


def sign_request(
    issuer: Issuer, settings_of: Callable[[str], Settings], own: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, str]:
    """The headers with the tokens of one request. Takes these from `options`:

    `claims` come on top of the client's own, None sends no access token; `channel_claims` send the other
    token; `flaw` says what is wrong with it; `policy` is who judges.
    """
    claims, channel = options.pop("claims", {}), options.pop("channel_claims", None)
    flaw, settings = options.pop("flaw", None), settings_of(options.pop("policy", DEFAULT))
    held = None if claims is None else {**own, **dict(claims)}
    return issuer.headers_by(settings, held, channel, flaw=flaw)
