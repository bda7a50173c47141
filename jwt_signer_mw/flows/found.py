"""Introspection at an endpoint that the provider's metadata name (`{token}_discovery`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from jwt_signer_mw.errors import IntrospectionNotConfigured, IntrospectionRefused, ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.discovery import Discovery
    from jwt_signer_mw.flows.introspect import Introspected, Introspector
    from jwt_signer_mw.settings import TokenSettings

    AnyIntrospector: TypeAlias = "Introspector | FoundIntrospector"


class FoundIntrospector:
    """Asks whoever the metadata name; `make` makes what asks one endpoint."""

    def __init__(
        self, token: TokenSettings, discovery: Discovery, make: Callable[[TokenSettings], Introspector]
    ) -> None:
        self._token = token
        self._discovery = discovery
        self._make = make
        self._found: tuple[str, Introspector] | None = None

    def introspect(self, token: str) -> Flow[Introspected]:
        """As an `Introspector` does; an endpoint that fails makes the metadata be read again."""
        introspector = yield from self._ready()
        try:
            return (yield from introspector.introspect(token))
        except (IntrospectionRefused, ProviderUnavailable):
            self._discovery.suspect()
            raise

    def forget_flights(self) -> None:
        if self._found is not None:
            self._found[1].forget_flights()

    def forget(self, token: str) -> Flow[int]:
        """Forgets the answer about a token: 1 if there was one. Raises `StoreError`."""
        return 0 if self._found is None else (yield from self._found[1].forget(token))

    def _ready(self) -> Flow[Introspector]:
        option = self._token.discovery.option("issuer")
        try:
            metadata = yield from self._discovery.load()
        except ProviderUnavailable as problem:
            problem.option = option
            raise
        endpoint = metadata.introspection_endpoint
        if endpoint is None:
            raise IntrospectionNotConfigured("the metadata name no endpoint for opaque tokens", option=option)
        if self._found is None or self._found[0] != endpoint:
            self._found = endpoint, self._make(replace(self._token, introspection_endpoint=endpoint))
        return self._found[1]
