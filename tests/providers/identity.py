"""What a test asks of any real identity provider: tokens, its keys, and what it says about a token."""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVICE = ("service", "service-secret")  # the client that asks for tokens
MIDDLEWARE = ("middleware", "middleware-secret")  # the client that may introspect them
HTTP_SECONDS = 20.0


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class IdentityProvider(ABC):
    """A provider at `issuer`. Its certificate is checked by `authority`, a PEM file, if given."""

    jwks_path: ClassVar[str]
    token_path: ClassVar[str]
    introspection_path: ClassVar[str]
    revocation_path: ClassVar[str]
    introspection_authorization = basic(*MIDDLEWARE)

    def __init__(self, issuer: str, authority: Path | None = None) -> None:
        self.issuer = issuer
        self.jwks_uri = issuer + self.jwks_path
        self.token_endpoint = issuer + self.token_path
        self.introspection_endpoint = issuer + self.introspection_path
        self.revocation_endpoint = issuer + self.revocation_path
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc
        self._session.headers["Connection"] = "close"  # a pooled connection may have died in between
        self._session.verify = str(authority) if authority else True

    @abstractmethod
    def resource(self, *, jwt: bool, alg: str) -> str:
        """The value of RFC 8707's `resource`, and so of the audience, that gives this kind of token."""

    @abstractmethod
    def rotate_keys(self) -> None:
        """Sign with new keys from now on."""

    def mint(
        self,
        *,
        jwt: bool = True,
        alg: str = "RS256",
        scope: str = "read",
        claims: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """A new access token, JWT or opaque, by client credentials; `claims` come on top of its own."""
        extra = base64.b64encode(json.dumps(claims or {}).encode()).decode()
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "resource": self.resource(jwt=jwt, alg=alg),
        }
        sent = {"X-Extra-Claims": extra, **(headers or {})}
        return str(self._post(self.token_endpoint, form, SERVICE, sent)["access_token"])

    def introspect(self, token: str) -> dict[str, Any]:
        return self._post(self.introspection_endpoint, {"token": token}, MIDDLEWARE)

    def revoke(self, token: str) -> None:
        self._post(self.revocation_endpoint, {"token": token}, SERVICE)

    def jwks(self) -> dict[str, Any]:
        response = self._session.get(self.jwks_uri, timeout=HTTP_SECONDS)
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document

    def kids(self) -> list[str]:
        return [key["kid"] for key in self.jwks()["keys"]]

    def close(self) -> None:
        self._session.close()

    def _post(
        self,
        url: str,
        form: Mapping[str, str],
        auth: tuple[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        response = self._session.post(url, data=form, auth=auth, headers=headers, timeout=HTTP_SECONDS)
        response.raise_for_status()
        document: dict[str, Any] = response.json() if response.content else {}
        return document
