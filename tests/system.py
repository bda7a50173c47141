"""What the system attack tests share: the catalogue's reference profile on a stage of its own.

Every gate is checked by the catalogue's invariants: a refusal calls nobody, shows nothing of what was
sent, is never a 5xx that the case does not expect, and leaves the good token accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conformance.adapter import Outcome, Plain
from conformance.case import ISSUER, NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import Token
from conformance.tokens import token as make_token
from jwt_signer_mw.keysets.memory import MemoryStore
from parts import require_module
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.adapter import Adapter, Runner, Seen
    from conformance.provider import Providers, Site

ADAPTERS: Final = ("wsgi", "asgi")


def adapter_named(name: str) -> Adapter:
    """Imported when it is played: a run without the extra `asgi` tests all the rest."""
    if name == "asgi":
        require_module("anyio", "httpx2")
        from conformance.asgi import ASGIAdapter

        return ASGIAdapter()
    from conformance.wsgi import WSGIAdapter

    return WSGIAdapter()


MAIN: Final = Answer(jwks("p256", "rsa1", "ed1"))
OPAQUE: Final = "an-opaque-token-of-alice-0123456789"
STORE: Final = MemoryStore()  # one for all: a key pair is made once

PROFILE: Final[Mapping[str, object]] = {
    "access_token_jwks_uri": "$IDP/jwks",
    "access_token_issuers_allowed": [ISSUER],
    "access_token_audiences_allowed": ["api://orders"],
    "access_token_scopes_required": ["orders.read"],
    "access_token_required_claims": [["exp"], ["iss"], ["aud"]],
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
}
INTROSPECTING: Final[Mapping[str, object]] = {
    "access_token_introspection_endpoint": "$IDP/introspect",
    "access_token_introspection_issuers_allowed": [ISSUER],
    "access_token_introspection_audiences_allowed": ["api://orders"],
    "access_token_introspection_scopes_required": ["orders.read"],
    "verify_access_token_introspection_notbefore": True,
    "access_token_introspection_optional_claims": [["nbf"]],
}
CLAIMS: Final[Mapping[str, object]] = {"aud": "api://orders", "scope": "orders.read"}
ACTIVE: Final[Mapping[str, object]] = {
    "active": True,
    "iss": ISSUER,
    "sub": "alice",
    "exp": NOW + 300,
    **CLAIMS,
}


def token(
    claims: Mapping[str, object] | None = None, *, alg: str = "ES256", key: str = "p256", **more: Any
) -> Token:
    """A token that the profile accepts, with these changes."""
    return make_token({**CLAIMS, **(claims or {})}, alg=alg, key=key, **more)


GOOD: Final = token()


@dataclass
class Gate:
    """One middleware, built, and its provider."""

    runner: Runner
    site: Site
    places: Mapping[str, str]
    clock: FrozenClock

    def send(
        self,
        value: object = None,
        *headers: tuple[str, str],
        target: str = "/orders",
        method: str = "GET",
        host: str = "api.example",
        name: str = "Authorization",
    ) -> Outcome:
        """One request; `value` is a token that goes behind `Bearer`, or None for no such header."""
        carried = () if value is None else ((name, f"Bearer {value}"),)
        return self.ask_for(Plain(method, target, host, (*carried, *headers)))

    def ask_for(self, request: Plain) -> Outcome:
        outcome = self.runner.send(request)
        assert len(outcome.seen) == (outcome.status == 200), "called although refused, or not called"
        if outcome.status != 200:
            show_nothing(outcome, [value for _, value in request.headers])
        return outcome

    def seen(self, *arguments: Any, **more: Any) -> Seen:
        """What the application sees of a request that passes."""
        outcome = self.send(*arguments, **more)
        assert outcome.status == 200, outcome
        return outcome.seen[0]

    def calls(self, path: str = "/jwks") -> int:
        return self.site.counts().get(path, 0)

    def answer(self, path: str, answer: Answer | tuple[Answer, ...]) -> None:
        self.site.provide(Provider({path: answer}))


def show_nothing(outcome: Outcome, values: list[str]) -> None:
    """Invariant 3: no token, claim, key or traceback in an answer."""
    shown = repr(outcome.headers) + outcome.body.decode()
    assert "Traceback" not in shown
    for value in values:
        for part in value.replace(".", " ").split():
            assert len(part) < 20 or part not in shown
    challenges = [text for found, text in outcome.headers if found.lower() == "www-authenticate"]
    assert len(challenges) == 1
    assert challenges[0].startswith("Bearer realm=")


class Gates:
    """Opens gates on one adapter; closes them all."""

    def __init__(self, adapter: str, providers: Providers) -> None:
        self.adapter = adapter
        self._providers = providers
        self._opened: list[Gate] = []

    def open(
        self,
        settings: Mapping[str, object] | None = None,
        provider: Provider | None = None,
        **services: object,
    ) -> Gate:
        """The profile with these changes; `$IDP` and `$TLS` in texts are the provider's places."""
        site, places = self._providers.open_site(provider or Provider({"/jwks": MAIN}))
        clock = FrozenClock(NOW)
        services = {"keyset_store": STORE, "clock": clock, **services}
        filled = {name: _fill(value, places) for name, value in {**PROFILE, **(settings or {})}.items()}
        gate = Gate(adapter_named(self.adapter).open(filled, services), site, places, clock)
        self._opened.append(gate)
        return gate

    def close(self) -> None:
        for gate in self._opened:
            gate.runner.close()


def _fill(value: object, places: Mapping[str, str]) -> object:
    if isinstance(value, str):
        for place, real in places.items():
            value = value.replace(place, real)
    return value
