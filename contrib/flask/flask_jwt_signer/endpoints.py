"""The key set endpoints as a blueprint. They have a rule of their own, `admin_token`, and no token check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, request

from flask_jwt_signer.explaining import Explainer
from flask_jwt_signer.gate import NAME, TAKEN, shown
from flask_jwt_signer.marks import DEFAULT, EXEMPT, mark
from jwt_signer_mw.flows.administration import Administration
from jwt_signer_mw.flows.published import SetsOfPolicies
from jwt_signer_mw.wsgi import WSGIAdministration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIApplication
    from flask import Flask
    from werkzeug import Response

    from flask_jwt_signer.gate import Gate
    from flask_jwt_signer.policy import Policy
    from jwt_signer_mw.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the core says which are allowed


def _sets(policies: Iterable[Policy]) -> SetsOfPolicies:
    return SetsOfPolicies((id(one.assembly.keyset_store), one.assembly.keyring) for one in policies)


def _of_one(policy: Policy, settings: Settings) -> WSGIAdministration:
    """The endpoints of one tenant: what is not its own is not shown, and not touched."""
    assembly = policy.assembly
    purge, explain = policy.pipeline.purge, assembly.explainer.explain
    sets = _sets([policy])
    administration = Administration(sets, settings, assembly.clock, explain=explain, purge=purge)
    return WSGIAdministration(policy.driver, administration)


def serve_keysets(app: Flask, gate: Gate) -> None:
    """Registers the endpoints under `admin_path` of the policy `default`, if it has one."""
    default = gate.policies[DEFAULT]
    if default.settings.admin_path is None:
        return
    administration = Administration(
        _sets(gate.policies.values()),
        default.settings,
        default.assembly.clock,
        explain=Explainer(gate).explain,
        purge=gate.purge,
    )
    admin = WSGIAdministration(default.driver, administration)
    tenants = (
        {}
        if gate.hosts is None
        else {name: _of_one(gate.policies[name], default.settings) for name in gate.hosts.names}
    )

    def keysets(name: str = "") -> Response:  # noqa: ARG001  the core reads the path
        found: WSGIApplication = admin
        if gate.hosts is not None:
            chosen = gate.choose(request.environ)
            if not isinstance(chosen, str):
                return shown(current_app, chosen, request.method)
            found = tenants[chosen]
        response = current_app.response_class.from_app(found, request.environ | request.environ[TAKEN])
        gate.tell_rotations()
        return response

    blueprint = Blueprint(NAME, __name__, url_prefix=default.settings.admin_path)
    for rule in ("/explain", "/purge", "/jwks", "/jwks/<path:name>"):
        blueprint.add_url_rule(
            rule,
            view_func=mark(keysets, EXEMPT),
            methods=METHODS,
            provide_automatic_options=False,
            strict_slashes=False,
            merge_slashes=False,  # the name may be a URL
        )
    app.register_blueprint(blueprint)
