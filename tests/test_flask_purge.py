"""Purges in a Flask application: by the extension and by its endpoint, in all policies."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

import pytest

from parts import require_module

require_module("flask")

from flask import Flask

from flask_app import ISSUER, SETTINGS, bearer
from flask_jwt_signer import JWTSigner
from jwt_signer_mw.flows.purge import Purged

ADMIN = {"Authorization": "Bearer the-admin-token"}


@pytest.fixture
def extension() -> JWTSigner:
    return JWTSigner(transport=ISSUER)


@pytest.fixture
def app(extension: JWTSigner) -> Flask:
    """Two policies, and a view of each."""
    app = Flask(__name__)
    default = {**SETTINGS, "admin_token": "the-admin-token"}
    app.config.update(TESTING=True, JWT_SIGNER={"default": default, "other": SETTINGS})
    app.add_url_rule("/", "hello", lambda: "hello")
    app.add_url_rule("/other", "other", extension.policy("other")(lambda: "hello"))
    extension.init_app(app)
    for path in ("/", "/other"):
        for subject in ("alice", "bob"):
            assert app.test_client().get(path, headers=bearer(sub=subject)).status_code == 200
    return app


def test_by_the_extension(app: Flask, extension: JWTSigner) -> None:
    with app.app_context():
        assert extension.purge(subject="alice") == Purged(2, 0)
        with pytest.raises(ValueError, match="by jti"):
            extension.purge()
        assert extension.purge(everything=True) == Purged(2, 0)


def test_by_the_endpoint(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/jwt-signer/purge", json={"subject": "alice"}).status_code == 401
    answer = client.post("/jwt-signer/purge", json={"subject": "alice"}, headers=ADMIN)
    assert answer.get_json() == {"verdicts": 2, "answers": 0}
    assert client.post("/jwt-signer/purge", json={}, headers=ADMIN).status_code == 400
    assert client.get("/jwt-signer/purge", headers=ADMIN).status_code == 405
