"""The key set endpoints as a blueprint. They have a rule of their own, `admin_token`, and no token check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, request

from flask_jwt_signer.explaining import Explainer
from flask_jwt_signer.gate import NAME, TAKEN
from flask_jwt_signer.marks import DEFAULT, EXEMPT, mark
from jwt_signer_mw.flows.administration import Administration
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.wsgi import WSGIAdministration

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug import Response

    from flask_jwt_signer.gate import Gate
    from jwt_signer_mw.flows.remote import Remote

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the core says which are allowed


class AllKeysets:
    """The key sets of all policies; one that several of them have in one store counts once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def sets(self) -> tuple[Named | Remote, ...]:
        found: dict[object, Named | Remote] = {}
        for policy in self._gate.policies.values():
            for keys in policy.assembly.keyring.sets():
                store = id(policy.assembly.keyset_store)
                found.setdefault((keys.name, store) if isinstance(keys, Named) else keys, keys)
        return tuple(found.values())


def serve_keysets(app: Flask, gate: Gate) -> None:
    """Registers the endpoints under `admin_path` of the policy `default`, if it has one."""
    default = gate.policies[DEFAULT]
    if default.settings.admin_path is None:
        return
    administration = Administration(
        AllKeysets(gate),
        default.settings,
        default.assembly.clock,
        explain=Explainer(gate).explain,
        purge=gate.purge,
    )
    admin = WSGIAdministration(default.driver, administration)

    def keysets(name: str = "") -> Response:  # noqa: ARG001  the core reads the path
        response = current_app.response_class.from_app(admin, request.environ | request.environ[TAKEN])
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
