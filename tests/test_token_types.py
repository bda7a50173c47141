"""Which JWTs are access tokens, end to end: what a real provider signs, through WSGI and ASGI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
import pytest

from providers.gates import told_by
from providers.identity import MIDDLEWARE

if TYPE_CHECKING:
    from providers.gates import OpenGate
    from providers.oidc import OidcProvider
    from stepping import FrozenClock

UNTRUSTED = "The signature of the token can't be verified"  # one sentence for keys, signatures and types
KINDS = {"idtoken": None, "logout": "logout+jwt", "introspection": "token-introspection+jwt"}


def lists(provider: OidcProvider) -> dict[str, object]:
    """The audience of ID tokens is let in too: a client that calls itself would have it so."""
    return {
        "access_token_issuers_allowed": [provider.issuer],
        "access_token_audiences_allowed": [provider.resource(jwt=True), MIDDLEWARE[0]],
    }


@pytest.mark.parametrize("use", KINDS)
def test_the_provider_signs_other_tokens_with_the_keys_of_access_tokens(
    oidc_provider: OidcProvider, use: str
) -> None:
    header, access = (
        jwt.get_unverified_header(token) for token in (oidc_provider.issue(use), oidc_provider.mint())
    )
    assert header.get("typ") == KINDS[use]
    assert access["typ"] == "at+jwt"
    assert header["kid"] == access["kid"]


@pytest.mark.rule("S17")
def test_access_tokens_of_a_real_provider_fit_the_profile(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock
) -> None:
    gate, token = open_gate(access_token_profile="at+jwt", **lists(oidc_provider)), oidc_provider.mint()
    gate_clock.now = time.time()
    assert gate.new_claims(token)["client_id"] == "service"


@pytest.mark.rule("S17")
@pytest.mark.parametrize(
    "guard", [{"access_token_profile": "at+jwt"}, {"access_token_typ_allowed": ["at+jwt"]}]
)
@pytest.mark.parametrize("use", KINDS)
def test_other_tokens_are_none(
    open_gate: OpenGate,
    oidc_provider: OidcProvider,
    gate_clock: FrozenClock,
    use: str,
    guard: dict[str, object],
) -> None:
    """RFC 8725 section 2.8, RFC 9068 section 5"""
    gate, token = open_gate(**guard, **lists(oidc_provider)), oidc_provider.issue(use)
    gate_clock.now = time.time()
    assert told_by(gate.send(token)) == UNTRUSTED


def test_an_id_token_is_told_apart_by_its_type_alone(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock
) -> None:
    """Why the options are there: signature, expiry, issuer and audience are all in order."""
    gate, token = open_gate(**lists(oidc_provider)), oidc_provider.issue("idtoken")
    gate_clock.now = time.time()
    assert gate.send(token).status == 200
