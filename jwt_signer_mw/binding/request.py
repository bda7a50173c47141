"""New tokens that are good for one request: what they say about it, and how a service behind compares it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import TYPE_CHECKING, Any, TypedDict

from jwt_signer_mw.binding.refusals import BodyTooLarge, RequestMismatch
from jwt_signer_mw.errors import InternalError
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.messages import Incoming

CLAIM = "request"
DIGEST = "content-digest"
PARTS = ("method", "path", "query", "body")


class Request(TypedDict, total=False):
    """The parts of a request, as a service behind sees them: `path` decoded, `query` as it was sent."""

    method: str
    path: str
    query: str
    body: bytes


def content_digest(digest: bytes) -> str:
    """As a member of `Content-Digest` (RFC 9530 section 2), from the SHA-256 of a body."""
    return f"sha-256=:{b64encode(digest).decode()}:"


def describe(incoming: Incoming, parts: tuple[str, ...], option: str) -> dict[str, str]:
    """The claim for these parts. Raises `BodyTooLarge`, and `InternalError` where an adapter can't tell."""
    delivery = incoming.delivery
    if delivery is None:
        raise InternalError("this adapter does not tell how the request came in", option=option)
    path = incoming.path if delivery.inner_path is None else delivery.inner_path
    known = {"method": incoming.method, "path": path, "query": delivery.query}
    said = {part: known[part] for part in parts if part in known}
    if "body" in parts:
        if delivery.digest is None:
            raise InternalError("this adapter does not see bodies", option=option)
        if not delivery.digest:
            raise BodyTooLarge("a body that is too long to be hashed", option="max_bound_body_bytes")
        said[DIGEST] = content_digest(delivery.digest)
    return said


def name_with(name: bytes, said: Mapping[str, str]) -> bytes:
    """A name for what `name` stands for, in requests of which this is said."""
    return hashlib.sha256(name + dump_json(dict(sorted(said.items())))).digest()


def check_request(claims: Mapping[str, Any], request: Request) -> None:
    """Returns if the token says of the request whatever is given here. Raises `RequestMismatch`."""
    said = claims.get(CLAIM)
    for part, value in request.items():
        name, shown = (DIGEST, _digest(value)) if part == "body" else (part, value)
        told = said.get(name) if isinstance(said, dict) else None
        if not isinstance(told, str) or not hmac.compare_digest(told.encode(), str(shown).encode()):
            raise RequestMismatch(f"the token is not for this {part}")


def _digest(body: object) -> str:
    if not isinstance(body, bytes):
        raise TypeError("a body is bytes")
    return content_digest(hashlib.sha256(body).digest())
