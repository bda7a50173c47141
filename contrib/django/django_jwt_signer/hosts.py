"""`JWT_SIGNER_TENANTS`: the policy for each host, where a view does not name one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.tenants.hosts import Hosts
from jwt_signer_mw.tenants.refusing import MISDIRECTED, refuse

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.http import HttpRequest

    from jwt_signer_mw.messages import Rejection

OPTION = "JWT_SIGNER_TENANTS"


def open_hosts(given: Any, policies: Collection[str]) -> Hosts | None:
    """From the project's settings. Raises `ConfigurationError`."""
    return None if given is None else Hosts(given, policies, OPTION)


def choose_policy(hosts: Hosts, request: HttpRequest) -> str | Rejection:
    """The name of the policy for the host that was asked for, or the answer where there is none."""
    header = request.META.get("HTTP_HOST")
    targets = (request.META.get("RAW_URI"), request.META.get("REQUEST_URI"), *_of_scope(request))
    name, asked = hosts.choose(header, targets, request.path_info, request.method or "")
    return refuse(MISDIRECTED, asked) if name is None else name


def raw_path(request: HttpRequest) -> str | None:
    """The request target as it was sent, if the server tells."""
    raw: bytes | None = getattr(request, "scope", {}).get("raw_path")
    if raw is not None:
        return raw.decode("latin-1")
    return request.META.get("RAW_URI") or request.META.get("REQUEST_URI")


def _of_scope(request: HttpRequest) -> tuple[str | None, str | None]:
    return raw_path(request), getattr(request, "scope", {}).get("path")
