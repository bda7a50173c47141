"""Bodies that are read before a decision, because a token is bound to them, and then handed on.

Only for a policy that `binds_body`; no more than `max_bound_body_bytes` are ever held. What can't be known as
a whole has the digest `TOO_LONG`.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from _typeshed.wsgi import WSGIEnvironment

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]

TOO_LONG = b""


def fits(length: str, limit: int) -> bool:
    """Whether a Content-Length is one, and not above the limit."""
    return length.isascii() and length.isdigit() and int(length) <= limit


def digest_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def take_from_environ(environ: WSGIEnvironment, limit: int) -> bytes:
    """The SHA-256 of the body, which is in `wsgi.input` again. Changes the environ."""
    length = environ.get("CONTENT_LENGTH") or ""
    if environ.get("wsgi.input_terminated"):
        size = limit + 1
    elif length.isascii() and length.isdigit():
        size = int(length)
    elif length or "HTTP_TRANSFER_ENCODING" in environ:  # a body whose end only the server knows
        return TOO_LONG
    else:
        size = 0
    if size > limit and not environ.get("wsgi.input_terminated"):
        return TOO_LONG
    body = _read(environ["wsgi.input"], size)
    if len(body) > limit:
        return TOO_LONG
    environ["wsgi.input"] = BytesIO(body)
    return digest_of(body)


def _read(stream: Any, size: int) -> bytes:
    """So many bytes, or fewer where the body ends before."""
    parts: list[bytes] = []
    while size > 0:
        part: bytes = stream.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


async def take_from_receive(receive: Receive, limit: int) -> tuple[bytes, Receive]:
    """The SHA-256 of the body, and a `receive` that gives it once more."""
    messages: list[Message] = []
    body = bytearray()
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if len(body) > limit:
            return TOO_LONG, receive
        if message["type"] != "http.request" or not message.get("more_body", False):
            break

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return digest_of(bytes(body)), replay
