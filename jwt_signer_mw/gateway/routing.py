"""From the head of a request to its route. Pure.

The most particular route is taken: an exact path before a prefix, a longer prefix before a shorter one, a
named host before all hosts, a named method before all methods. The order in the file does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from jwt_signer_mw.request.exempt import is_ambiguous
from jwt_signer_mw.request.responses import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.gateway.options import Route


class AmbiguousPath(ValueError):
    """A path that the service behind may read in another way: its route, and so its policy, is unclear."""


class Router:
    def __init__(self, routes: Iterable[Route], default_upstream: str | None = None) -> None:
        self._routes = tuple(sorted(routes, key=_particularity, reverse=True))
        bases = [urlsplit(route.upstream or default_upstream or "").path for route in self._routes]
        rewritten = any(route.strip_path for route in self._routes) or any(map(_leads_below, bases))
        self._strict = len(self._routes) > 1 or rewritten

    def find(self, host: str, path: str, method: str) -> Route | None:
        """`path` is decoded, `host` may have a port. Raises `AmbiguousPath` where there is a
        choice, or where the path is put behind another one."""
        if self._strict and is_ambiguous(path):
            raise AmbiguousPath(path)
        host = host_name(host).lower().rstrip(".")
        return next((route for route in self._routes if _fits(route, host, path, method)), None)


def _leads_below(base: str) -> bool:
    return base not in ("", "/")


def _particularity(route: Route) -> tuple[bool, bool, int, bool, bool]:
    named = route.hosts is not None
    exact = named and not any(host.startswith("*") for host in route.hosts or ())
    return named, exact, _weight(route.path), route.methods is not None, route.exempt


def _weight(path: str) -> int:
    """An exact path outweighs every prefix that it has."""
    return 2 * len(path.removesuffix("*").rstrip("/")) + (not path.endswith("*"))


def _fits(route: Route, host: str, path: str, method: str) -> bool:
    if route.methods is not None and method not in route.methods:
        return False
    if route.hosts is not None and not any(_is_host(host, pattern) for pattern in route.hosts):
        return False
    if route.path.endswith("/*"):
        prefix = route.path[:-1]
        return path.startswith(prefix) or path == prefix[:-1]
    return path == route.path


def _is_host(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*") else host == pattern


def inner_target(route: Route, path: str, target: str) -> str:
    """The raw path and query that go to the service: without the prefix where the route strips it.

    `path` is decoded, `target` is as the client wrote it.
    """
    if not route.strip_path:
        return target
    prefix = route.path.removesuffix("*").rstrip("/")
    raw, mark, query = target.partition("?")
    plain = raw.startswith(prefix)
    inner = raw.removeprefix(prefix) if plain else quote(path.removeprefix(prefix), safe="/~:@!$&'()*+,=")
    return f"{inner if inner.startswith('/') else '/' + inner}{mark}{query}"
