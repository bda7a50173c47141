"""For Django REST framework: the identity as `request.user` and `request.auth`, scopes as a permission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from django_jwt_signer.passage import passage_of
from django_jwt_signer.users import TokenUser, find_user
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.tokens.demands import ScopeDemand

if TYPE_CHECKING:
    from rest_framework.request import Request


class JWTSignerAuthentication(BaseAuthentication):
    """`request.auth` holds the claims of the access token, `request.user` whom they stand for.

    That is the user of the project whose primary key is the consumer's id (`consumers: "django://auth"`), or
    else a `TokenUser`. A request without an access token is not authenticated.
    """

    def authenticate(self, request: Request) -> tuple[Any, dict[str, Any]] | None:
        identity = passage_of(request).request.jwt_signer
        if identity.access_token is None:
            return None
        claims = identity.access_token.claims
        user: Any = None if identity.consumer is None else find_user(identity.consumer)
        return (user if user is not None and user.is_authenticated else TokenUser(identity, claims)), claims

    def authenticate_header(self, request: Request) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Which makes DRF answer with 401 and not with 403."""
        return passage_of(request).challenge


class HasScopes(BasePermission):
    """The access token has the `required_scopes` of the view, which mean what `..._scopes_required` means."""

    def has_permission(self, request: Request, view: Any) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        scopes = getattr(view, "required_scopes", None)
        if not scopes:
            raise ImproperlyConfigured(f"{type(view).__name__} has HasScopes, but no `required_scopes`")
        passage = passage_of(request)
        try:
            ScopeDemand("access_token", scopes).check(passage.policy.settings, passage.request.jwt_signer)
        except Refusal as refusal:
            passage.refuse(refusal)
            return False
        return True
