"""A Flask application for tests: protected, with an identity provider in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_jwt_signer import JWTSigner
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.testing import JWKS, Issuer
from jwt_signer_mw.wire import decode_base64url, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import TestResponse

SETTINGS: dict[str, Any] = {
    "access_token_jwks_uri": JWKS,
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}
ISSUER = Issuer()
FORGED = {"X-Consumer-ID": "admin", "X_Consumer_Username": "root", "X-Credential-Identifier": "1"}


def make_app(extension: JWTSigner | None = None, **settings: Any) -> Flask:
    """Settings come on top of `SETTINGS`; `static_folder` is there, with nothing in it."""
    app = Flask(__name__)
    app.config.update(TESTING=True, JWT_SIGNER=SETTINGS | settings)
    (extension or JWTSigner(transport=ISSUER)).init_app(app)
    return app


def bearer(settings: Mapping[str, Any] = SETTINGS, **claims: Any) -> dict[str, str]:
    """The header with a good token, by these settings; claims come on top."""
    loaded = Settings.load({**SETTINGS, **settings})
    return dict([ISSUER.header(loaded.access_token, {"sub": "alice", **claims})])


def claims_of(header: str | None) -> dict[str, Any]:
    assert header is not None
    return parse_object(decode_base64url(header.removeprefix("Bearer ").split(".")[1]))


def is_refused(response: TestResponse, status: int = 401) -> bool:
    challenged = response.headers["WWW-Authenticate"].startswith("Bearer realm=")
    return response.status_code == status and challenged and response.headers["Cache-Control"] == "no-store"
