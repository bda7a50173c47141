"""Short-lived tokens only, end to end: a real provider, through WSGI and ASGI."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from conformance.adapter import Plain
from jwt_signer_mw.keysets.memory import MemoryStore
from stepping import FrozenClock
from system import ADAPTERS, adapter_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.adapter import Outcome
    from providers.oidc import OidcProvider

STORE = MemoryStore()


class Sender:
    """A middleware that trusts the provider, and the requests to it."""

    def __init__(self, adapter: str, provider: OidcProvider, clock: FrozenClock, **settings: object) -> None:
        base = {
            "access_token_jwks_uri": provider.jwks_uri,
            "access_token_introspection_endpoint": provider.introspection_endpoint,
            "access_token_introspection_authorization": provider.introspection_authorization,
            "access_token_signing_algorithm": "ES256",
            "channel_token_optional": True,
        }
        services: dict[str, Any] = {"keyset_store": STORE, "clock": clock}
        self._runner = adapter_named(adapter).open({**base, **settings}, services)
        self.close = self._runner.close

    def send(self, token: str) -> Outcome:
        headers = (("Authorization", f"Bearer {token}"),)
        return self._runner.send(Plain("GET", "/orders", "api.example", headers))

    def new_claims(self, token: str) -> dict[str, Any]:
        """What the new token says."""
        outcome = self.send(token)
        assert outcome.status == 200, outcome
        (value,) = [value for name, value in outcome.seen[0].headers if name == "authorization"]
        claims: dict[str, Any] = jwt.decode(
            value.removeprefix("Bearer "), options={"verify_signature": False}
        )
        return claims


@pytest.fixture
def clock() -> FrozenClock:
    """Ours: set when a token was made, and ahead of the provider's by as much as a test says."""
    return FrozenClock(0)


@pytest.fixture(params=ADAPTERS)
def gate(
    request: pytest.FixtureRequest, oidc_provider: OidcProvider, clock: FrozenClock
) -> Iterator[Callable[..., Sender]]:
    opened: list[Sender] = []

    def gate(**settings: object) -> Sender:
        opened.append(Sender(request.param, oidc_provider, clock, **settings))
        return opened[-1]

    yield gate
    for sender in opened:
        sender.close()


def told_by(outcome: Outcome) -> str:
    """The public sentence of a refusal with 401."""
    assert (outcome.status, outcome.seen) == (401, ())
    (challenge,) = [value for name, value in outcome.headers if name.lower() == "www-authenticate"]
    assert 'error="invalid_token"' in challenge
    return challenge.partition('error_description="')[2].rstrip('"')


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_only_short_lived_tokens_pass(
    gate: Callable[..., Sender], oidc_provider: OidcProvider, clock: FrozenClock, kind: str
) -> None:
    """What the provider says of an opaque token has `iat` and `exp` as well."""
    limits = {"access_token_max_lifetime": 60, "access_token_introspection_max_lifetime": 60}
    sender = gate(**limits)
    short, long = ({"X-Token-Lifetime": str(seconds)} for seconds in (60, 61))
    good, bad = (oidc_provider.mint(jwt=kind == "jwt", headers=headers) for headers in (short, long))
    clock.now = time.time()
    assert sender.send(good).status == 200
    refused = sender.send(bad)
    assert told_by(refused) == "The token was issued for too long a time"


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_only_young_tokens_pass(
    gate: Callable[..., Sender], oidc_provider: OidcProvider, clock: FrozenClock, kind: str
) -> None:
    limits = {"access_token_max_age": 30, "access_token_introspection_max_age": 30}
    sender = gate(**limits)
    token = oidc_provider.mint(jwt=kind == "jwt")
    clock.now = time.time()
    assert sender.send(token).status == 200
    clock.now += 40  # remembered a moment ago, and far from its expiry
    assert told_by(sender.send(token)) == "The token was issued too long ago"


def test_a_new_token_lives_shorter_than_the_old_one(
    gate: Callable[..., Sender], oidc_provider: OidcProvider, clock: FrozenClock
) -> None:
    sender, token = gate(access_token_upstream_max_lifetime=20), oidc_provider.mint()
    clock.now = time.time()
    began = int(clock.now)
    first = sender.new_claims(token)
    assert (first["iat"], first["exp"]) == (began, began + 20)
    clock.now += 5
    assert sender.new_claims(token) == first
    clock.now += 6  # less than half of it is left
    later = sender.new_claims(token)
    assert later["iat"] > first["iat"]
    assert later["exp"] - later["iat"] == 20
