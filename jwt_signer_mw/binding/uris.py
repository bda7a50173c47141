"""The URI of a request, compared with the `htu` of a proof (RFC 9449 section 4.3, point 9).

Both are normalised by syntax and by scheme (RFC 3986 sections 6.2.2 and 6.2.3), without query and fragment.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_WRITABLE = re.compile(r"[!-~]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Uri(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


def read_uri(text: str) -> Uri | None:
    """The normal form of an absolute http or https URI; None for anything else, and for one with a user."""
    if _WRITABLE.fullmatch(text) is None:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    path = normal_path(parts.path)
    port = _PORTS[scheme] if port is None else port
    return None if path is None else Uri(scheme, host.lower(), port, path)


def normal_path(path: str) -> str | None:
    """Upper case in escapes, none for what needs none, no dot segments; None where `%` stands alone."""
    if any(match[1] is None for match in _ESCAPE.finditer(path)):
        return None
    plain = _ESCAPE.sub(lambda match: _plainest(match[1]), path)
    return _without_dots(plain) or "/"


def _plainest(digits: str) -> str:
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that begins with a slash or is empty."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", "..") and len(segments) > 1:
        kept.append("")
    return "".join(f"/{segment}" for segment in kept)


class Origins:
    """Where clients reach the application (`public_origins`); without any, what the request itself says."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._known = tuple(uri for uri in map(read_uri, origins) if uri is not None)

    def fits(self, htu: str, scheme: str, host: str, path: str) -> bool:
        """`scheme`, `host` and the raw `path` are those of the request."""
        claimed, asked = read_uri(htu), normal_path(path)
        if claimed is None or asked is None:
            return False
        if self._known:
            return any(claimed == one._replace(path=one.path.rstrip("/") + asked) for one in self._known)
        origin = read_uri(f"{scheme}://{host}")  # a Host header with a path in it is none
        return origin is not None and origin.path == "/" and claimed == origin._replace(path=asked)
