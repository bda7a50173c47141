"""Answers of the gateway itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.asgi import answer
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from jwt_signer_mw.asgi import Scope, Send


async def failure(scope: Scope, send: Send, status: int, *headers: tuple[str, str]) -> int:
    """The plain words of a status, in the form of every refusal."""
    return await document(scope, send, status, {"message": HTTPStatus(status).phrase}, *headers)


async def document(scope: Scope, send: Send, status: int, content: Any, *headers: tuple[str, str]) -> int:
    body = dump_json(content)
    described = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    )
    await answer(scope, send, status, (*described, *headers), body)
    return status
