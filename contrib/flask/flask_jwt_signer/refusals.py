"""Refusals as Werkzeug exceptions, so that an application's error handlers can render them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug import exceptions

if TYPE_CHECKING:
    from jwt_signer_mw.messages import Rejection


class RequestRefused(exceptions.HTTPException):
    """A request that is refused; register an error handler for it, or for its status.

    `reason` is stable and safe for metrics, it is not meant for the client. Without a handler the answer
    is JSON.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__()
        self.rejection = rejection

    @property
    def reason(self) -> str:
        return self.rejection.reason

    def get_headers(self, *_: Any, **__: Any) -> list[tuple[str, str]]:
        """The challenge and the like. The response tells its length itself: a handler may change the body."""
        return [(name, value) for name, value in self.rejection.headers if name != "Content-Length"]

    def get_body(self, *_: Any, **__: Any) -> str:
        return self.rejection.body.decode()


class TokenUnauthorized(RequestRefused, exceptions.Unauthorized):
    """401: the token is missing or invalid."""


class TokenForbidden(RequestRefused, exceptions.Forbidden):
    """403: the token is good, but not for this."""


class BodyTooLong(RequestRefused, exceptions.RequestEntityTooLarge):
    """413: the new token is bound to the body, and that is longer than `max_bound_body_bytes`."""


class SignerError(RequestRefused, exceptions.InternalServerError):
    """500: the configuration or our own keys."""


class SignerUnavailable(RequestRefused, exceptions.ServiceUnavailable):
    """503: a provider or a store that this request needs does not answer."""


_BY_STATUS: dict[int, type[RequestRefused]] = {
    401: TokenUnauthorized,
    403: TokenForbidden,
    413: BodyTooLong,
    500: SignerError,
    503: SignerUnavailable,
}


def refused(rejection: Rejection) -> RequestRefused:
    return _BY_STATUS[rejection.status](rejection)
