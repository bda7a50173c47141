"""What binds a token to its client, and the new one to a request, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.command.description.checks import spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.settings import Settings, TokenSettings


def describe_bonds(token: TokenSettings, settings: Settings) -> Iterator[str]:
    """What every request has to prove."""
    binding = token.binding
    if binding.dpop != "never":
        where = "the request's own URI" if settings.public_origins is None else spell(settings.public_origins)
        yield (
            f"One that is bound to a key comes as `DPoP`, with a proof for {where} that is at most "
            f"{binding.dpop_max_age:g} seconds old{_nonce(token)}, else 401. {_unbound(binding.dpop)}"
        )
    if binding.mtls != "never":
        header = settings.client_certificate_header
        teller = "the server" if header is None else f"the header {header}"
        yield (
            f"One that is bound to a certificate comes over TLS with it, as {teller} tells, else 401. "
            f"{_unbound(binding.mtls)}"
        )


def describe_new(token: TokenSettings) -> Iterator[str]:
    """What the new token is good for."""
    binding = token.binding
    if binding.upstream_audience:
        yield f"It is for {spell(binding.upstream_audience)}."
    if binding.upstream_request:
        yield f"It is for one request, by its {spell_parts(binding.upstream_request)}; others get their own."


def proof_headers(settings: Settings) -> Iterator[str]:
    """What proves a bond, and never goes on."""
    bindings = [token.binding for token in (settings.access_token, settings.channel_token)]
    if any(one.dpop != "never" for one in bindings):
        yield "DPoP"
    if settings.client_certificate_header and any(one.mtls != "never" for one in bindings):
        yield settings.client_certificate_header


def schemes(settings: Settings) -> str:
    """What clients are challenged to use."""
    demands = {token.binding.dpop for token in (settings.access_token, settings.channel_token)}
    if "required" in demands:
        return "DPoP"
    return "Bearer and DPoP" if "allowed" in demands else "Bearer"


def spell_parts(parts: tuple[str, ...]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _nonce(token: TokenSettings) -> str:
    return " and holds a nonce of ours" if token.binding.dpop_nonces else ""


def _unbound(demand: str) -> str:
    return "One that is not bound: 401." if demand == "required" else "One that is not bound passes without."
