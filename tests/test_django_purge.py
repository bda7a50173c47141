"""Purges in a Django project: by the function and by its endpoint, in all policies."""

# ruff: noqa: E402  (Django is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require_module

require_module("django")

import django_project

django_project.start()

from django.test import override_settings

from django_jwt_signer.purging import purge
from django_jwt_signer.test import SigningClient, trust_issuer
from jwt_signer_mw.flows.purge import Purged

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = {"Authorization": "Bearer a-secret-of-the-tests-0123456789"}
OPTIONS = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_signing_algorithm": "ES256",
    "admin_token": "a-secret-of-the-tests-0123456789",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}


@pytest.fixture
def client() -> Iterator[SigningClient]:
    with override_settings(JWT_SIGNER={"default": OPTIONS, "partners": OPTIONS}), trust_issuer():
        client = SigningClient()
        for subject in ("alice", "bob"):
            answer = client.get("/nowhere", claims={"sub": subject})
            assert answer.status_code == 404, "it went past the middleware"
        yield client


@pytest.mark.usefixtures("client")
def test_by_the_function() -> None:
    assert purge(subject="alice") == Purged(1, 0)
    with pytest.raises(ValueError, match="by jti"):
        purge()
    assert purge(everything=True) == Purged(1, 0)


def test_by_the_endpoint(client: SigningClient) -> None:
    def post(headers: dict[str, str], body: str = '{"subject": "alice"}') -> int:
        answer = client.post("/jwt-signer/purge", body, "application/json", claims=None, headers=headers)
        return answer.status_code

    assert post({}) == 401
    assert post(ADMIN) == 200
    assert post(ADMIN, "{}") == 400
    assert purge(everything=True) == Purged(1, 0)
