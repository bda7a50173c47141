"""Requests to the key set endpoints, and their answers: what is pure about `flows.administration`."""

from __future__ import annotations

import hashlib
import hmac
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import unquote

from jwt_signer_mw.request.responses import host_name, quoted
from jwt_signer_mw.wire import Malformed, dump_json, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jwt_signer_mw.settings import Settings

MAX_BODY = 65_536  # bytes
HEADERS = ("authorization", "if-none-match", "origin", "sec-fetch-site")  # that are looked at
KEY_SET = "application/jwk-set+json"  # RFC 7517 section 8.5
PLAIN = "application/json"
NO_STORE = ("Cache-Control", "no-store")

_COLLECTION = re.compile(r"/jwks(?=/|$)")
_SLASHES = re.compile("/{2,}")
_CREDENTIALS = {"client_username", "client_password", "client_certificate"}


class AdminRequest(NamedTuple):
    """`path` is decoded and may have anything in front of `/jwks`; `raw` is it as sent, if the server tells.

    `headers`: those of `HEADERS` that were sent, in lower case.
    """

    method: str
    path: str
    raw: str | None
    headers: Mapping[str, str]
    body: bytes = b""
    host: str = ""


class AdminAnswer(NamedTuple):
    """A HEAD gets no body, but the `Content-Length` of a GET."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class Named(Protocol):
    """What can be addressed."""

    @property
    def id(self) -> str | None: ...

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)

Action = Literal["list", "one", "rotate", "revoke", "unknown"]
CHANGES: tuple[Action, ...] = ("rotate", "revoke")  # of a set, as the last part of a path
METHODS: Mapping[Action, tuple[str, ...]] = {
    "list": ("GET", "HEAD"),
    "one": ("GET", "HEAD", "DELETE"),
    "rotate": ("POST",),
    "revoke": ("POST",),
}


def locate(request: AdminRequest, sets: Sequence[N]) -> tuple[Action, tuple[N, ...]]:
    """Decision 18a: between `/jwks/` and an optional last `/rotate` (or `/revoke`) stands an id or a name.

    Several sets can have one name: a URL that is fetched in more than one way.
    """
    for path in _readings(request):
        found = _COLLECTION.search(path)
        if found is None:
            continue
        rest = path[found.end() + 1 :]
        if not rest:
            return "list", ()
        readings: list[tuple[Action, str]] = [("one", rest)]
        for change in CHANGES:
            if rest.endswith(f"/{change}"):  # a name may end like this, too
                readings.insert(
                    0 if request.method == "POST" else 1, (change, rest.removesuffix(f"/{change}"))
                )
        for action, reference in readings:
            if addressed := _find(reference, sets):
                return action, addressed
    return "unknown", ()


def _readings(request: AdminRequest) -> list[str]:
    """The path as the server decoded it and as it was sent: some servers change what they decode."""
    if request.raw is None:
        return [request.path]
    return [request.path, unquote(request.raw.partition("?")[0])]


def _find(reference: str, sets: Sequence[N]) -> tuple[N, ...]:
    """By id, by name, or by a name in which a server joined slashes."""
    exact = tuple(one for one in sets if reference in (one.id, one.name))
    return exact or tuple(one for one in sets if _joined(one.name) == _joined(reference))


def _joined(name: str) -> str:
    return _SLASHES.sub("/", name)


def is_authorised(request: AdminRequest, admin_token: str) -> bool:
    """A bearer token and nothing else; compared in constant time (decision 31)."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), admin_token.encode()) and (
        scheme.lower() == "bearer"
    )


def challenge(request: AdminRequest, realm: str | None) -> tuple[str, str]:
    """RFC 6750 section 3: no error code for a request without credentials."""
    shown = quoted(host_name(request.host) if realm is None else realm)
    error = ', error="invalid_token"' if "authorization" in request.headers else ""
    return "WWW-Authenticate", f'Bearer realm="{shown}"{error}'


def is_cross_site(request: AdminRequest) -> bool:
    """Whether a browser sends this for a page of somebody else. The bearer token forbids it already."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    if "origin" not in request.headers:
        return False
    site = request.headers["origin"].partition("://")[2].lower()  # nothing for "null"
    return not site or site != request.host.lower()


class Credentials(NamedTuple):
    """For one reload of a protected URL."""

    basic: tuple[str, str] | None = None
    certificate: tuple[str, str] | None = None


def read_credentials(body: bytes, settings: Settings) -> Credentials:
    """The optional JSON body of a rotation. Raises `Malformed`.

    A certificate is named as in `certificates`: no request makes the suite open a file of its choice.
    """
    if len(body) > MAX_BODY:
        raise Malformed("the body is too long")
    given = {name: value for name, value in parse_object(body).items() if value is not None} if body else {}
    if not given.keys() <= _CREDENTIALS:
        raise Malformed("the body has foreign members")
    username, password = given.get("client_username"), given.get("client_password")
    if (username is None) != (password is None):
        raise Malformed("a user name goes with a password")
    if username is not None and not (isinstance(username, str) and isinstance(password, str)):
        raise Malformed("user name and password are texts")
    basic = None if username is None else (username, str(password))
    return Credentials(basic, _certificate(given.get("client_certificate"), settings))


def read_kid(body: bytes) -> str:
    """The JSON body of a revocation: `{"kid": ...}`. Raises `Malformed`."""
    if len(body) > MAX_BODY:
        raise Malformed("the body is too long")
    given = parse_object(body)
    kid = given.get("kid")
    if given.keys() != {"kid"} or not isinstance(kid, str):
        raise Malformed("the body names no kid")
    return kid


def _certificate(value: object, settings: Settings) -> tuple[str, str] | None:
    name = value.get("id") if isinstance(value, dict) and value.keys() == {"id"} else value
    if name is None and value is None:
        return None
    certificate = dict(settings.certificates).get(name) if isinstance(name, str) else None
    if certificate is None:
        raise Malformed("client_certificate is not the name of one in `certificates`")
    return certificate


def show(document: object, media_type: str = PLAIN, *headers: tuple[str, str]) -> AdminAnswer:
    body = dump_json(document)
    return AdminAnswer(200, (*_describe(body, media_type), *(headers or (NO_STORE,))), body)


def show_cacheable(document: object, cache_control: str, if_none_match: str | None) -> AdminAnswer:
    """A key set with its ETag; 304 for a client that has it (RFC 9110 section 13.1.2)."""
    body = dump_json(document)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = (("Cache-Control", cache_control), ("ETag", tag))
    if if_none_match is not None and _matches(if_none_match, tag):
        return AdminAnswer(304, headers)
    return AdminAnswer(200, (*_describe(body, KEY_SET), *headers), body)


def failure(status: int, *headers: tuple[str, str]) -> AdminAnswer:
    body = dump_json({"message": HTTPStatus(status).phrase})
    return AdminAnswer(status, (*_describe(body, PLAIN), NO_STORE, *headers), body)


def _describe(body: bytes, media_type: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", media_type), ("Content-Length", str(len(body))))


def _matches(if_none_match: str, tag: str) -> bool:
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in tags or tag in tags
