"""Small identity providers for tests that talk to one over HTTP: see `conformance.provider`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from conformance.provider import Providers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conformance.case import Provider
    from conformance.provider import Site

OpenSite: TypeAlias = "Callable[[Provider], tuple[Site, str]]"


@contextmanager
def serving_sites(folder: Path) -> Iterator[OpenSite]:
    """Opens providers: the site, which counts, and the URL below which it answers."""
    with Providers(folder) as providers:

        def open_site(provider: Provider) -> tuple[Site, str]:
            site, places = providers.open_site(provider)
            return site, places["$IDP"]

        yield open_site
