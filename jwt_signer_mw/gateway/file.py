"""The file that a gateway serves, with what the command line says instead, and when it changes."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.gateway.configuration import Configuration, faults_of_gateway, load_configuration
from jwt_signer_mw.gateway.options import DEFAULT, Route
from jwt_signer_mw.tokens.shaping import Shaping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.settings import Settings


class GatewayFile(NamedTuple):
    """`overrides` are options of `[gateway]` by name, checked already."""

    path: str
    forward_auth: bool = False
    overrides: Mapping[str, Any] = {}

    def load(self) -> Configuration:
        """Raises `ConfigurationError`, also for what can be used, but not for this."""
        configuration = load_configuration(self.path)
        gateway = dataclasses.replace(configuration.gateway, **self.overrides)
        configuration = configuration._replace(gateway=gateway)
        of_this = _unanswerable(configuration) if self.forward_auth else _nowhere(configuration)
        problems = [*faults_of_gateway(gateway), *of_this]
        if problems:
            raise ConfigurationError(problems)
        return configuration

    def mark(self) -> object:
        """Another value when the file changed; a link that points elsewhere counts, as in Kubernetes."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  a path of the command line
        except OSError:
            return None
        return found.st_ino, found.st_dev, found.st_mtime_ns, found.st_size


def _nowhere(configuration: Configuration) -> Iterator[Problem]:
    if configuration.gateway.upstream is not None:
        return
    for index, route in enumerate(configuration.routes):
        if route.upstream is None:
            hint = "Set it, gateway.upstream, or --upstream URL."
            option = f"routes[{index}].upstream"
            yield Problem("gateway.E016", "error", option, "is needed: there is nowhere to go.", hint)


def _unanswerable(configuration: Configuration) -> Iterator[Problem]:
    """What depends on the path, host or method needs a proxy that tells them."""
    if configuration.gateway.style is not None:
        return
    hint = "Say which proxy asks, as in --forward-auth nginx; then its headers tell of the request."
    if any(dataclasses.replace(route, upstream=None) != Route() for route in configuration.routes):
        yield Problem("gateway.E017", "error", "routes", "can't be told apart without a style.", hint)
    for name, settings in configuration.policies.items():
        for option in _about_requests(settings):
            named = option if name == DEFAULT else f"{name}.{option}"
            yield Problem("gateway.E017", "error", named, "can't be known without a style.", hint)


def _about_requests(settings: Settings) -> Iterator[str]:
    """Options in use that want to know the path, host or method."""
    if settings.exempt_paths:
        yield "exempt_paths"
    for token in (settings.access_token, settings.channel_token):
        if Shaping(token).request_fields:
            yield token.shape.option("claim_templates")
