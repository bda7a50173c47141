"""Claims from elsewhere, end to end: what a real provider says, through WSGI and ASGI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from providers.gates import OpenGate
    from providers.oidc import OidcProvider
    from stepping import FrozenClock

SECRET = "a-secret-of-thirty-two-characters"


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_claims_from_token_consumer_and_request(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock, kind: str
) -> None:
    """The provider says `client_id` of both kinds of token, and `sub` of JWTs alone."""
    gate = open_gate(
        access_token_consumer_claim=["client_id"],
        access_token_claim_templates={
            "client": "{claims.client_id}",
            "who": "{claims.sub|claims.client_id}:{consumer.custom_id}",
            "at": "{request.method} {request.host}{request.path}",
            "drinks": "{claims.employee.drinks}",
            "scope": "{claims.scp}",
        },
        consumers=[{"username": "service", "custom_id": "s-1"}],
    )
    token = oidc_provider.mint(jwt=kind == "jwt", claims={"employee": {"drinks": ["coffee"]}})
    gate_clock.now = time.time()
    new = gate.new_claims(token)
    assert (new["client"], new["who"]) == ("service", "service:s-1")
    assert new["at"] == "GET api.example/orders"
    assert new["drinks"] == ["coffee"]
    assert "scope" not in new


def test_only_what_is_needed_goes_on_and_no_name(
    open_gate: OpenGate, oidc_provider: OidcProvider, gate_clock: FrozenClock
) -> None:
    def gate_for(sector: str) -> dict[str, object]:
        gate = open_gate(
            keep_access_token_claims=["sub", "scope", "aud"],
            access_token_subject_pairwise_secret=SECRET,
            access_token_subject_pairwise_sector=sector,
        )
        return gate.new_claims(token)

    token = oidc_provider.mint()
    gate_clock.now = time.time()
    orders, stock = gate_for("https://orders.example"), gate_for("https://stock.example")
    assert orders.keys() == {"iss", "original_iss", "exp", "sub", "scope", "aud"}
    assert len({"service", orders["sub"], stock["sub"]}) == 3
    assert gate_for("https://orders.example")["sub"] == orders["sub"]
