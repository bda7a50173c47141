"""A shop: customers' orders under one policy, partners' under another, and a service behind both.

    pip install 'jwt-signer-mw[flask]'
    export FLASK_JWT_SIGNER__default__access_token_jwks_uri=https://login.example/jwks
    export FLASK_JWT_SIGNER__partners__access_token_jwks_uri=https://partners.example/jwks
    flask --app shop jwt-signer check
    flask --app shop run

Whatever comes in, the service behind sees tokens of one issuer: this shop. It verifies them with the
keys at /jwt-signer/jwks/kong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from flask import Blueprint, Flask, current_app, request

from flask_jwt_signer import JWTSigner, current_consumer, current_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

signer = JWTSigner(channel_token_optional=True)  # what all policies have in common
orders = Blueprint("orders", __name__, url_prefix="/orders")
partners = signer.policy("partners")(Blueprint("partners", __name__, url_prefix="/partners"))


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application; `config` comes on top of environment variables that begin with FLASK_."""
    app = Flask(__name__)
    app.config.from_mapping(JWT_SIGNER={"default": {}, "partners": {}}, STOCK_URL="http://127.0.0.1:8001")
    app.config.from_prefixed_env()
    app.config.from_mapping(config or {})
    signer.init_app(app)
    app.register_blueprint(orders)
    app.register_blueprint(partners)
    app.add_url_rule("/health", "health", signer.exempt(lambda: "fine"))
    return app


@orders.get("/")
def list_orders() -> dict[str, Any]:
    """Reading needs no more than the policy demands."""
    token = current_identity.access_token
    return {"customer": token.claims.get("sub") if token else None, "stock": ask_stock()}


@orders.post("/")
@signer.require(scopes=["write"])
def place_order() -> tuple[dict[str, Any], int]:
    """Writing needs a scope as well."""
    return {"placed": True}, 201


@partners.get("/")
def list_for_partner() -> dict[str, Any]:
    name = current_consumer.username if current_consumer else None
    return {"partner": name, "stock": ask_stock()}


def ask_stock() -> Any:
    """The service behind: every token header of the request that came in goes on as it is."""
    headers = {name: value for name, value in request.headers if name in ("Authorization", "X-Channel")}
    return requests.get(current_app.config["STOCK_URL"], headers=headers, timeout=5).json()


@signer.consumer_loader
def find_partner(field: str, value: str) -> dict[str, str] | None:
    """Only asked where a policy has a `..._consumer_claim`."""
    known = {"service": {"id": "1", "username": "service"}}
    return known.get(value) if field == "username" else None
