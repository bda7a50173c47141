"""Tests of the views. They need no identity provider: `manage.py test`."""

# ruff: noqa: S101

from __future__ import annotations

from typing import Any

from django.test import TestCase, override_settings

from django_jwt_signer.test import SigningAsyncClient, SigningClient, trust_issuer

SETTINGS = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
}


@override_settings(
    JWT_SIGNER={"default": SETTINGS, "partners": {**SETTINGS, "access_token_scopes_required": ["partner"]}}
)
@trust_issuer()
class OrdersTests(TestCase):
    client_class = SigningClient
    async_client_class = SigningAsyncClient
    client: Any
    async_client: Any

    def test_customer(self) -> None:
        seen = self.client.get("/orders/", claims={"sub": "alice"}).json()
        assert seen == {"customer": "alice", "stock": ["Authorization"]}

    async def test_customer_of_the_async_view(self) -> None:
        seen = (await self.async_client.get("/orders/async/", claims={"sub": "alice"})).json()
        assert seen["customer"] == "alice"

    def test_nobody(self) -> None:
        assert self.client.get("/orders/", claims=None).status_code == 401

    def test_new_orders_need_a_scope(self) -> None:
        assert self.client.post("/orders/new/").status_code == 403
        claims = {"sub": "alice", "scope": "orders:write"}
        assert self.client.post("/orders/new/", claims=claims).status_code == 201

    def test_partners(self) -> None:
        assert self.client.get("/orders/partners/").status_code == 403
        assert self.client.get("/orders/partners/", policy="partners").status_code == 200

    def test_health(self) -> None:
        assert self.client.get("/orders/health/", claims=None).status_code == 200
