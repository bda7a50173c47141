"""What a gateway file holds beside policies: its routes, and how it serves. Declared once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from jwt_signer_mw.settings.kinds import Boolean, Number, Text, TextList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.settings.kinds import Kind

T = TypeVar("T")

DEFAULT: Final = "default"  # the policy of routes that name none, as in Django and Flask
STYLES: Final = ("nginx", "traefik", "caddy", "envoy", "haproxy")
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
ANY_PATH: Final = "/*"
_KEY: Final = "option"


class Declared(NamedTuple):
    kind: Kind
    help: str
    secret: bool = False


def option(kind: Kind, default: Any, help_text: str, *, secret: bool = False) -> Any:
    declared = Declared(kind, help_text, secret)
    return field(default=default, repr=not secret, metadata={_KEY: declared})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which requests meet which policy, and where they go. The most particular route of all is taken."""

    path: str = option(Text(), ANY_PATH, "An exact path, or `/prefix/*` for all below it.")
    hosts: tuple[str, ...] | None = option(
        TextList(unique=True), None, "Host names without a port, or `*.example.org`; none means all."
    )
    methods: tuple[str, ...] | None = option(
        TextList(unique=True), None, "Methods in capitals; none means all."
    )
    policy: str = option(Text(), DEFAULT, "Name of the policy that decides.")
    exempt: bool = option(
        Boolean(), False, "Let requests pass unchecked, without the headers that policies write."
    )
    upstream: str | None = option(Text(), None, "URL of the service behind, instead of the gateway's.")
    strip_path: bool = option(
        Boolean(), False, "Take the prefix away from the path before it goes to the service."
    )
    preserve_host: bool = option(Boolean(), False, "Send the client's Host header to the service.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """How it listens and whom it serves. Times in seconds."""

    listen: str = option(Text(), "127.0.0.1:8080", "`host:port`, or `unix:/path` of a socket.")
    upstream: str | None = option(Text(), None, "URL of the service behind, for routes that name none.")
    upstream_timeout: float = option(
        Number(0, 86_400, above=True), 60, "Longest silence of the service, in seconds."
    )
    stop_timeout: float = option(
        Number(0, 3_600), 30, "How long requests may go on after the signal to stop, in seconds."
    )
    access_log: bool = option(Boolean(), True, "One line of JSON per request on standard output.")
    metrics: bool = option(
        Boolean(),
        False,
        "Metrics for Prometheus at `/jwt-signer/metrics`, for `admin_token` if one is set.",
    )
    style: str | None = option(
        Text(STYLES), None, "Whose questions are answered with --forward-auth; none: any but Envoy's."
    )
    trusted_proxies: tuple[str, ...] = option(
        TextList(unique=True), LOOPBACK, "Networks from which a proxy may ask with --forward-auth."
    )
    secret: str | None = option(
        Text(),
        None,
        "What a proxy has to send in X-JWT-Signer-Secret; none: its address is enough.",
        secret=True,
    )


def declared(kind: type[Any]) -> Mapping[str, Declared]:
    """The options of `Route` or `GatewayOptions`, by name."""
    return {one.name: one.metadata[_KEY] for one in fields(kind)}


def defaults(kind: type[Any]) -> Mapping[str, Any]:
    return {one.name: one.default for one in fields(kind)}
