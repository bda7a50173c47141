"""For Django Ninja: `NinjaAPI(auth=JWTSignerAuth())`, with scopes per router or operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ninja.errors import AuthorizationError
from ninja.security.base import AuthBase

from django_jwt_signer.passage import passage_of
from jwt_signer_mw.errors import Refusal, TokenMissing
from jwt_signer_mw.tokens.demands import ScopeDemand

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_signer_mw.messages import Identity


class JWTSignerAuth(AuthBase):
    """`request.auth` is the identity; 401 where the request has no access token.

    `scopes` mean what `access_token_scopes_required` means; a token without them gets 403.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815  OpenAPI's name

    def __init__(self, *scopes: str) -> None:
        self._demand = ScopeDemand("access_token", scopes) if scopes else None
        super().__init__()

    def __call__(self, request: HttpRequest) -> Identity | None:
        """Raises `AuthorizationError`."""
        passage = passage_of(request)
        identity = passage.request.jwt_signer
        if identity.access_token is None:
            passage.refuse(TokenMissing("an exempt request, or an optional token"))
            return None
        if self._demand is not None:
            try:
                self._demand.check(passage.policy.settings, identity)
            except Refusal as refusal:
                passage.refuse(refusal)
                raise AuthorizationError from None
        return identity
