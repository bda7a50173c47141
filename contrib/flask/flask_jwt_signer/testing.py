"""For the tests of an application: a client that signs, other settings, or no tokens at all for a while.

All three are context managers that change the policies of one application, and put them back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient

from flask_jwt_signer.gate import gate_of
from flask_jwt_signer.marks import DEFAULT
from flask_jwt_signer.policy import Policy
from jwt_signer_mw.messages import Forward
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.testing import Provider, SteerableClock, make_identity
from jwt_signer_mw.testing.trust import services_of
from jwt_signer_mw.testing.wsgi import Signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask

    from flask_jwt_signer.gate import Gate
    from jwt_signer_mw.messages import Consumer, Decision, Identity
    from jwt_signer_mw.testing import Issuer

    Claims = Mapping[str, Any]


class SigningClient(Signing, FlaskClient):
    """Sends a token of its issuer with every request; see `signing_client`."""

    def sign(self, *claims: Any, policy: str = DEFAULT, **chosen: Any) -> dict[str, str]:
        """By the settings as they are now: see `override`."""
        settings = gate_of(self.application).policies[policy].settings
        return self.issuer.headers_by(settings, *claims, **chosen)


@contextmanager
def signing_client(app: Flask, issuer: Issuer | None = None, **claims: Any) -> Iterator[SigningClient]:
    """A test client whose tokens the application trusts; they are signed, checked and re-signed for real.

    Claims that the settings demand (issuer, audience, expiry, scopes...) need not be given. Requests take
    `claims`, `channel_claims`, `flaw` and `policy`.
    """
    gate = gate_of(app)
    issuer = issuer or Provider(SteerableClock(base=gate.policies[DEFAULT].assembly.clock.now))
    with _replaced(gate, lambda name, policy: _trusting(name, policy, issuer)):
        client = SigningClient(app, app.response_class)
        client.issuer, client.claims = issuer, claims
        yield client


@contextmanager
def override(app: Flask, policy: str = DEFAULT, **settings: Any) -> Iterator[None]:
    """Other settings for one policy. Raises `ConfigurationError`, and `LookupError` for an unknown policy."""
    gate = gate_of(app)
    original = gate.policies[policy]
    changed = _rebuilt(original, Settings.load({**original.settings.flat(), **settings}))
    with _replaced(gate, lambda name, one: changed if name == policy else one):
        yield


@contextmanager
def impersonate(
    app: Flask,
    access_token: Claims | None = None,
    channel_token: Claims | None = None,
    consumer: Consumer | Claims | None = None,
) -> Iterator[None]:
    """Every request is accepted, without a look at its tokens, as coming from whom these claims describe."""
    identity = make_identity(access_token, channel_token, consumer)
    with _replaced(gate_of(app), lambda _, policy: Impersonation(policy, identity)):
        yield


class Impersonation(Policy):
    """A policy that takes everybody for the same one."""

    def __init__(self, original: Policy, identity: Identity) -> None:  # its parts are made already
        vars(self).update(vars(original))
        self._identity = identity

    def decide(self, environ: WSGIEnvironment, taken: Mapping[str, str]) -> Decision:  # noqa: ARG002
        return Forward(identity=self._identity)


def _trusting(name: str, policy: Policy, issuer: Issuer) -> Policy:
    services = services_of(policy.assembly, issuer)
    return Policy(issuer.trusted_by(policy.settings, name), **services)


def _rebuilt(policy: Policy, settings: Settings) -> Policy:
    """The same services and key sets, other settings."""
    services: Any = {**policy.assembly.services, "keyset_store": policy.assembly.keyset_store}
    return Policy(settings, **services)


@contextmanager
def _replaced(gate: Gate, replacement: Callable[[str, Policy], Policy]) -> Iterator[None]:
    originals = gate.policies
    gate.policies = {name: replacement(name, policy) for name, policy in originals.items()}
    try:
        yield
    finally:
        gate.policies = originals
