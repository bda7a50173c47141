"""Short-lived tokens only, end to end: a real provider, through WSGI and ASGI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from providers.gates import told_by

if TYPE_CHECKING:
    from providers.gates import OpenGate
    from providers.oidc import OidcProvider
    from stepping import FrozenClock


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_only_short_lived_tokens_pass(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock, kind: str
) -> None:
    """What the provider says of an opaque token has `iat` and `exp` as well."""
    limits = {"access_token_max_lifetime": 60, "access_token_introspection_max_lifetime": 60}
    sender = open_gate(**limits)
    short, long = ({"X-Token-Lifetime": str(seconds)} for seconds in (60, 61))
    good, bad = (oidc_provider.mint(jwt=kind == "jwt", headers=headers) for headers in (short, long))
    gate_clock.now = time.time()
    assert sender.send(good).status == 200
    refused = sender.send(bad)
    assert told_by(refused) == "The token was issued for too long a time"


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_only_young_tokens_pass(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock, kind: str
) -> None:
    limits = {"access_token_max_age": 30, "access_token_introspection_max_age": 30}
    sender = open_gate(**limits)
    token = oidc_provider.mint(jwt=kind == "jwt")
    gate_clock.now = time.time()
    assert sender.send(token).status == 200
    gate_clock.now += 40  # remembered a moment ago, and far from its expiry
    assert told_by(sender.send(token)) == "The token was issued too long ago"


def test_a_new_token_lives_shorter_than_the_old_one(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock
) -> None:
    sender, token = open_gate(access_token_upstream_max_lifetime=20), oidc_provider.mint()
    gate_clock.now = time.time()
    began = int(gate_clock.now)
    first = sender.new_claims(token)
    assert (first["iat"], first["exp"]) == (began, began + 20)
    gate_clock.now += 5
    assert sender.new_claims(token) == first
    gate_clock.now += 6  # less than half of it is left
    later = sender.new_claims(token)
    assert later["iat"] > first["iat"]
    assert later["exp"] - later["iat"] == 20
