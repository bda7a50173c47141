"""Comfort for Starlette, and for FastAPI on top of it: the identity in views, and refusals by routes.

Needs Starlette, which the middleware itself does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from jwt_signer_mw.asgi import SETTINGS
from jwt_signer_mw.binding.challenge import dress
from jwt_signer_mw.errors import ScopesInsufficient, TokenMissing
from jwt_signer_mw.messages import IDENTITY, Identity, TokenIdentity
from jwt_signer_mw.request.responses import challenges_of, render
from jwt_signer_mw.tokens.demands import ScopeDemand, TokenName

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.settings import Settings


class Refused(HTTPException):
    """A route refuses a request that the middleware let through: the same answer, challenge included."""

    def __init__(self, connection: HTTPConnection, refusal: Refusal) -> None:
        settings, host = _settings(connection), connection.headers.get("host", "")
        rejection = render(refusal, settings.realm, host, challenges_of(settings))
        self.rejection = dress(rejection, refusal, settings)
        self.refusal = refusal
        headers = {name: value for name, value in self.rejection.headers if not name.startswith("Content-")}
        super().__init__(self.rejection.status, headers=headers)


async def answer_refusal(_connection: HTTPConnection, refused: Exception) -> Response:
    """An exception handler for `Refused`: the body is the middleware's, too."""
    assert isinstance(refused, Refused)  # noqa: S101  it is registered for nothing else
    rejection = refused.rejection
    return Response(rejection.body, rejection.status, dict(rejection.headers))


# For `Starlette(exception_handlers=...)` and FastAPI's, whose types differ.
EXCEPTION_HANDLERS: dict[Any, Any] = {Refused: answer_refusal}


def identity(connection: HTTPConnection) -> Identity:
    """Who stands behind this request or websocket; nobody on an exempt path."""
    found: Identity = _in_scope(connection, IDENTITY)
    return found


def require_token(connection: HTTPConnection, token: TokenName = "access_token") -> TokenIdentity:  # noqa: S107
    """One of the two tokens. Raises `Refused` with a 401 where the request has none."""
    found: TokenIdentity | None = getattr(identity(connection), token)
    if found is None:
        raise Refused(connection, TokenMissing(f"no {token}"))
    return found


def check_scopes(connection: HTTPConnection, *scopes: str, token: TokenName = "access_token") -> None:  # noqa: S107
    """Raises `Refused`, with a 403, where the token lacks one of the scopes.

    They are read where the settings say: `{token}_scopes_claim`, or `{token}_introspection_scopes_claim`.
    """
    require_token(connection, token)
    if scopes:
        try:
            ScopeDemand(token, [" ".join(scopes)]).check(_settings(connection), identity(connection))
        except ScopesInsufficient as refusal:
            raise Refused(connection, refusal) from None


def _settings(connection: HTTPConnection) -> Settings:
    found: Settings = _in_scope(connection, SETTINGS)
    return found


def _in_scope(connection: HTTPConnection, key: str) -> Any:
    try:
        return connection.scope[key]
    except KeyError:
        raise LookupError("JWTSignerMiddleware is not in front of this application") from None
