"""From a refusal to the answer that explains it (RFC 6750 section 3, decisions 2, 19 and 36)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jwt_signer_mw.messages import Rejection
from jwt_signer_mw.request.metadata import Metadata
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.settings import Settings

UNAUTHORIZED = 401
UNAVAILABLE = 503
RETRY_AFTER = 5  # seconds, where nobody knows better
REMEMBERED_ANSWERS = 256  # the host is the client's to choose, so the memory is bounded
_NOT_QUOTABLE = re.compile(r"[^\x20-\x7e]")
_ESCAPED = re.compile(r'(["\\])')
MAX_HOST = 255  # characters: the longest host name
_MESSAGES = {500: "An unexpected error occurred"}


class Challenge(NamedTuple):
    """A scheme that clients may use, and what its challenge says beside the realm and the refusal.

    `scope` is what to ask a token for: told where there is none, or a bad one, and no other is named.
    """

    scheme: str = "Bearer"
    scope: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


Challenges: TypeAlias = tuple[Challenge, ...]
BEARER: Challenges = (Challenge(),)


def challenges_of(settings: Settings) -> Challenges:
    """Those of one policy, in the order in which they stand in `WWW-Authenticate`."""
    metadata = Metadata.of(settings)
    if metadata is None:
        return BEARER
    token = settings.access_token
    enough = token.claims.scopes_required or token.introspection.scopes_required or ("",)
    return (Challenge("Bearer", enough[0], (("resource_metadata", metadata.url),)),)  # RFC 9728 section 5.1


def render(refusal: Refusal, realm: str | None, host: str, challenges: Challenges = BEARER) -> Rejection:
    """The rejection for a refusal. `realm` None: the host that the client asked for, without its port."""
    host = host[:MAX_HOST] if realm is None else ""
    rejection = _render(type(refusal), refusal.scope, realm, host, challenges)  # type: ignore[arg-type]
    if refusal.status != UNAVAILABLE:
        return rejection
    wait = RETRY_AFTER if refusal.retry_after is None else refusal.retry_after
    return rejection._replace(headers=(*rejection.headers, ("Retry-After", str(max(1, math.ceil(wait))))))


@lru_cache(maxsize=REMEMBERED_ANSWERS)
def _render(
    reason: type[Refusal], scope: str, realm: str | None, host: str, challenges: Challenges
) -> Rejection:
    shown = host_name(host) if realm is None else realm
    body = dump_json({"message": _MESSAGES.get(reason.status, HTTPStatus(reason.status).phrase)})
    headers = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("WWW-Authenticate", ", ".join(_challenge(one, reason, scope, shown) for one in challenges)),
    )
    return Rejection(reason.status, reason.code, headers, body)


def _challenge(challenge: Challenge, reason: type[Refusal], scope: str, realm: str) -> str:
    """One of `WWW-Authenticate`; only fixed sentences and configured values, never token content."""
    attributes = [("realm", realm)]
    if reason.error is not None:
        attributes += [("error", reason.error), ("error_description", reason.text)]
    scope = scope if reason.error else ""
    if scope := scope or (challenge.scope if reason.status == UNAUTHORIZED else ""):
        attributes.append(("scope", scope))
    attributes += challenge.parameters
    parameters = ", ".join(f'{name}="{quoted(value)}"' for name, value in attributes)
    return f"{challenge.scheme} {parameters}"


def quoted(text: str) -> str:
    """The inside of an RFC 9110 quoted-string: visible ASCII, with quotes and backslashes escaped."""
    return _ESCAPED.sub(r"\\\1", _NOT_QUOTABLE.sub("", text))


def host_name(host: str) -> str:
    """The host without its port: `[::1]:80` is `[::1]`, `example.org:80` is `example.org`."""
    host = host[:MAX_HOST]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


@lru_cache(maxsize=64)
def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
