"""Rules about tokens that are bound to their client."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jwt_signer_mw.request.names import fold
from jwt_signer_mw.settings.addresses import HTTP, fault_of_output, fault_of_url
from jwt_signer_mw.settings.catalogue import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import Parameters, TokenSettings

PROOF = "dpop"  # the header, folded


def find_binding_problems(settings: Parameters) -> Iterator[Problem]:
    """Errors and warnings."""
    yield from _find_bad_origins(settings)
    yield from _find_certificate_troubles(settings)
    tokens = [one for one in tokens_of(settings) if one.binding.dpop != "never"]
    for token in tokens:
        yield from _find_dpop_troubles(token)
    if len(tokens) > 1:
        text = "can't be on for both tokens: a request has one proof, and that is for one token."
        yield problem("settings.E040", tokens[1].binding.option("dpop"), text)
    if tokens and not settings.public_origins:
        text = "is not set: the Host header and the server's scheme are what `htu` is compared with."
        yield problem("settings.W040", "public_origins", text)
    if any(token.binding.dpop_nonces for token in tokens) and not settings.dpop_nonce_secret:
        yield problem("settings.W041", "dpop_nonce_secret", "is not set.")


def _find_certificate_troubles(settings: Parameters) -> Iterator[Problem]:
    header, option = settings.client_certificate_header, "client_certificate_header"
    if header is None:
        return
    others = {
        fold((name or "").partition(":")[0]) for token in tokens_of(settings) for name in _headers(token)
    }
    fault = "is no name of a header." if ":" in header else fault_of_output(header)
    if not fault and fold(header) in others | {PROOF}:
        fault = "is the header of a token or of a proof."
    if fault:
        yield problem("settings.E042", option, fault)
    elif all(token.binding.mtls == "never" for token in tokens_of(settings)):
        yield problem("settings.W042", option, "is not looked at.")


def _headers(token: TokenSettings) -> tuple[str | None, ...]:
    return token.request_header, token.upstream_header, token.original_upstream_header


def tokens_of(settings: Parameters) -> tuple[TokenSettings, TokenSettings]:
    return settings.access_token, settings.channel_token


def _find_bad_origins(settings: Parameters) -> Iterator[Problem]:
    for origin in settings.public_origins or ():
        fault = fault_of_url(origin, HTTP)
        if fault or urlsplit(origin).query:
            text = f"has an element that {fault or 'has a query.'}"
            yield problem("settings.E041", "public_origins", text)


def _find_dpop_troubles(token: TokenSettings) -> Iterator[Problem]:
    header = (token.request_header or "").lower()
    if header == "authorization:basic":
        yield problem("settings.E040", token.binding.option("dpop"), "needs a token that is no Basic value.")
    if fold(header) == PROOF:
        text = "is the header of the proof, so it can't carry the token."
        yield problem("settings.E040", token.option("request_header"), text)
