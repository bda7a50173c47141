"""From a refusal to the answer that explains it (RFC 6750 section 3, decisions 2, 19 and 36)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from jwt_signer_mw.messages import Rejection
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from jwt_signer_mw.errors import Refusal

UNAVAILABLE = 503
RETRY_AFTER = 5  # seconds, where nobody knows better
REMEMBERED_ANSWERS = 256  # the host is the client's to choose, so the memory is bounded
_NOT_QUOTABLE = re.compile(r"[^\x20-\x7e]")
_ESCAPED = re.compile(r'(["\\])')
MAX_REALM = 255  # characters: the longest host name
_MESSAGES = {500: "An unexpected error occurred"}


def render(refusal: Refusal, realm: str | None, host: str) -> Rejection:
    """The rejection for a refusal. `realm` None: the host that the client asked for, without its port."""
    rejection = _render(type(refusal), refusal.scope, host_name(host) if realm is None else realm)  # type: ignore[arg-type]
    if refusal.status != UNAVAILABLE:
        return rejection
    wait = RETRY_AFTER if refusal.retry_after is None else refusal.retry_after
    return rejection._replace(headers=(*rejection.headers, ("Retry-After", str(max(1, math.ceil(wait))))))


@lru_cache(maxsize=REMEMBERED_ANSWERS)
def _render(reason: type[Refusal], scope: str, realm: str) -> Rejection:
    body = dump_json({"message": _MESSAGES.get(reason.status, HTTPStatus(reason.status).phrase)})
    headers = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("WWW-Authenticate", _challenge(reason.error, reason.text, scope, realm)),
    )
    return Rejection(reason.status, reason.code, headers, body)


def _challenge(error: str | None, text: str, scope: str, realm: str) -> str:
    """The value of `WWW-Authenticate`; only fixed sentences and configured scopes, never token content."""
    attributes = [("realm", realm)]
    if error is not None:
        attributes += [("error", error), ("error_description", text)]
        if scope:
            attributes.append(("scope", scope))
    return "Bearer " + ", ".join(f'{name}="{quoted(value)}"' for name, value in attributes)


def quoted(text: str) -> str:
    """The inside of an RFC 9110 quoted-string: visible ASCII, with quotes and backslashes escaped."""
    return _ESCAPED.sub(r"\\\1", _NOT_QUOTABLE.sub("", text[:MAX_REALM]))


def host_name(host: str) -> str:
    """The host without its port: `[::1]:80` is `[::1]`, `example.org:80` is `example.org`."""
    host = host[:MAX_REALM]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


@lru_cache(maxsize=64)
def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
