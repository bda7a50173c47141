"""Tests of a project that leaves its key sets in the database: run by Django's own runner, in memory."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import AsyncClient, Client, TestCase, TransactionTestCase, override_settings

from django_jwt_signer.test import SigningAsyncClient, SigningClient
from jwt_signer_mw.testing import JWKS, Issuer

OPTIONS = {
    "access_token_jwks_uri": JWKS,
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_signing_algorithm": "ES256",
    "access_token_consumer_claim": ["sub"],
    "channel_token_optional": True,
    "consumers": "django://auth",
    "transport": Issuer(),
}


class _Project:
    client_class: type[Client] = SigningClient
    async_client_class: type[AsyncClient] = SigningAsyncClient
    client: Any
    async_client: Any

    def test_sync(self) -> None:
        User.objects.create(username="alice")
        assert self.client.get("/plain", claims={"sub": "alice"}).status_code == 200
        assert self.client.get("/plain", claims={"sub": "bob"}).status_code == 403

    def test_sync_again(self) -> None:
        self.test_sync()

    async def test_async(self) -> None:
        await User.objects.acreate(username="alice")
        assert (await self.async_client.get("/aplain", claims={"sub": "alice"})).status_code == 200
        assert (await self.async_client.get("/aplain", claims={"sub": "bob"})).status_code == 403

    async def test_async_again(self) -> None:
        await self.test_async()


@override_settings(JWT_SIGNER=OPTIONS)
class InOneTransaction(_Project, TestCase):
    """Every test is rolled back."""

    @classmethod
    def setUpTestData(cls) -> None:
        User.objects.create(username="carol")


@override_settings(JWT_SIGNER=OPTIONS)
class Committed(_Project, TransactionTestCase):
    """Every test finds empty tables."""
