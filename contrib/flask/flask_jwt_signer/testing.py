"""For the tests of an application: a client that signs, other settings, or no tokens at all for a while.

All three are context managers that change the policies of one application, and put them back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from flask_jwt_signer.gate import gate_of
from flask_jwt_signer.marks import DEFAULT
from flask_jwt_signer.policy import Policy
from jwt_signer_mw.messages import Consumer, Forward, Identity, Outcome
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.testing import Issuer
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask
    from werkzeug.test import TestResponse

    from flask_jwt_signer.gate import Gate
    from jwt_signer_mw.messages import Decision

    Claims = Mapping[str, Any]

AS_EVER: dict[str, Any] = {}  # for one request: the claims of the client


class SigningClient(FlaskClient):
    """Sends a token of its own issuer with every request; see `signing_client`."""

    def __init__(self, *arguments: Any, issuer: Issuer, claims: Claims, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.issuer = issuer
        self.claims = claims

    def open(
        self,
        *arguments: Any,
        claims: Claims | None = AS_EVER,
        channel_claims: Claims | None = None,
        policy: str = DEFAULT,
        **options: Any,
    ) -> TestResponse:
        """`claims` come on top of the client's, None sends no access token; `policy` is who judges it."""
        if not arguments or isinstance(arguments[0], str):
            headers = Headers(options.pop("headers", None))
            settings = gate_of(self.application).policies[policy].settings
            if claims is not None:
                headers.setdefault(*self.issuer.header(settings.access_token, {**self.claims, **claims}))
            if channel_claims is not None:
                headers.setdefault(*self.issuer.header(settings.channel_token, channel_claims))
            options["headers"] = headers
        return super().open(*arguments, **options)


@contextmanager
def signing_client(app: Flask, **claims: Any) -> Iterator[SigningClient]:
    """A test client whose tokens the application trusts; they are signed, checked and re-signed for real.

    Claims that the settings demand (issuer, audience, expiry, scopes...) need not be given.
    """
    gate = gate_of(app)
    issuer = Issuer(gate.policies[DEFAULT].assembly.clock.now)
    with _replaced(gate, lambda _, policy: _trusting(policy, issuer)):
        yield SigningClient(app, app.response_class, issuer=issuer, claims=claims)


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
    who = Consumer(**consumer) if consumer is not None and not isinstance(consumer, Consumer) else consumer
    outcomes = tuple(
        None if claims is None else Outcome("jwt", 0, dump_json(dict(claims)), None)
        for claims in (access_token, channel_token)
    )
    identity = Identity(outcomes, ("",), (), who)
    with _replaced(gate_of(app), lambda _, policy: Impersonation(policy, identity)):
        yield


class Impersonation(Policy):
    """A policy that takes everybody for the same one."""

    def __init__(self, original: Policy, identity: Identity) -> None:  # its parts are made already
        vars(self).update(vars(original))
        self._identity = identity

    def decide(self, environ: WSGIEnvironment, taken: Mapping[str, str]) -> Decision:  # noqa: ARG002
        return Forward(identity=self._identity)


def _trusting(policy: Policy, issuer: Issuer) -> Policy:
    return _rebuilt(policy, issuer.trusted_by(policy.settings), transport=issuer)


def _rebuilt(policy: Policy, settings: Settings, **services: Any) -> Policy:
    """The same services and key sets, other settings."""
    kept: dict[str, Any] = {**policy.services, "keyset_store": policy.assembly.keyset_store}
    return Policy(settings, **{**kept, **services})


@contextmanager
def _replaced(gate: Gate, replacement: Callable[[str, Policy], Policy]) -> Iterator[None]:
    originals = gate.policies
    gate.policies = {name: replacement(name, policy) for name, policy in originals.items()}
    try:
        yield
    finally:
        gate.policies = originals
