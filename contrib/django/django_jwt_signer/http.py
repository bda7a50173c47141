"""Requests and responses as the middleware makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from django_jwt_signer.passage import Passage
    from jwt_signer_mw.messages import Identity, Rejection


class SignedRequest(HttpRequest):
    """For annotations: a request that came through the middleware; `jwt_signer` is who stands behind it."""

    jwt_signer: Identity
    jwt_signer_passage: Passage  # the middleware's own


class RefusedResponse(HttpResponse):
    """A refusal, challenge included. A middleware above may replace its `content`, but not the rest.

    `reason` is stable and safe for metrics; it is not meant for the client.
    """

    def __init__(self, rejection: Rejection, method: str | None) -> None:
        super().__init__(
            _content(rejection, method), status=rejection.status, headers=dict(rejection.headers)
        )
        self.reason = rejection.reason


def answer_with(rejection: Rejection, method: str | None) -> HttpResponse:
    """The same for an answer that refuses nothing."""
    response = HttpResponse(_content(rejection, method), status=rejection.status)
    del response["Content-Type"]  # an answer without content has none
    for name, value in rejection.headers:
        response[name] = value
    return response


def _content(rejection: Rejection, method: str | None) -> bytes:
    return b"" if method == "HEAD" else rejection.body
