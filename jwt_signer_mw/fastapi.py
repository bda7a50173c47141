"""Comfort for FastAPI: dependencies that give the identity and demand scopes, shown in OpenAPI.

FastAPI reads annotations at run time, so they are no text in this file.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Security
from fastapi.openapi.models import APIKey, HTTPBase, HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from jwt_signer_mw import starlette
from jwt_signer_mw.messages import Identity, TokenIdentity
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.starlette import EXCEPTION_HANDLERS, Refused, answer_refusal
from jwt_signer_mw.tokens.demands import TokenName

__all__ = ["EXCEPTION_HANDLERS", "Refused", "TokenScheme", "answer_refusal", "identity", "require_scopes"]


async def identity(connection: HTTPConnection) -> Identity:
    """`Depends(identity)`: who stands behind this request or websocket."""
    return starlette.identity(connection)


def _model(header: str, description: str | None) -> HTTPBase | APIKey:
    match header.lower():
        case "authorization:bearer" | "authorization":
            return HTTPBearer(bearerFormat="JWT", description=description)
        case "authorization:basic":
            return HTTPBase(scheme="basic", description=description)
    return APIKey.model_validate({"in": "header", "name": header, "description": description})


class TokenScheme(SecurityBase):
    """One of the two tokens as a dependency and as an OpenAPI security scheme; 401 where there is none.

    `header` is the value of `{token}_request_header`: it decides what kind of scheme clients are shown.
    """

    def __init__(
        self,
        token: TokenName = "access_token",  # noqa: S107
        *,
        header: str = "authorization:bearer",
        description: str | None = None,
    ) -> None:
        self.token: TokenName = token
        self.scheme_name = token
        self.model = _model(header, description)

    @classmethod
    def of(cls, settings: Settings, token: TokenName, *, description: str | None = None) -> "TokenScheme":
        """The scheme for these settings."""
        header = getattr(settings, token).request_header
        return cls(token, header=header or "authorization:bearer", description=description)

    async def __call__(self, connection: HTTPConnection) -> TokenIdentity:
        return starlette.require_token(connection, self.token)


ACCESS_TOKEN = TokenScheme()


def require_scopes(
    *scopes: str, scheme: TokenScheme = ACCESS_TOKEN
) -> Callable[..., Coroutine[Any, Any, Identity]]:
    """`Security(require_scopes("orders:read"))`: the token must have all of them, else the answer is 403.

    Scopes that `Security(..., scopes=[...])` names come on top.
    """

    async def checked(
        connection: HTTPConnection,
        security_scopes: SecurityScopes,
        _token: Annotated[TokenIdentity, Security(scheme, scopes=scopes)],
    ) -> Identity:
        demanded = dict.fromkeys((*security_scopes.scopes, *scopes))
        starlette.check_scopes(connection, *demanded, token=scheme.token)
        return starlette.identity(connection)

    return checked
