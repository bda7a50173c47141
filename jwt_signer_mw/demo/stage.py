"""The stage: two identity providers, the gateway and the upstream application, each on its own port."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.demo.gateway import ADMIN, Gateway
from jwt_signer_mw.demo.provider import IdentityProvider
from jwt_signer_mw.demo.serving import serving
from jwt_signer_mw.demo.upstream import UpstreamApplication
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

KEYSET = "kong"
RELOAD_INTERVAL = 1  # second; short, so that keys can be rotated by hand as often as one likes


class Providers(NamedTuple):
    """Who says who sent a request, and who says which way it came."""

    access: IdentityProvider
    channel: IdentityProvider


class Stage(NamedTuple):
    """Everything that runs. `admin_token_file` holds the secret of the key set endpoints."""

    providers: Providers
    gateway: Gateway
    gateway_origin: str
    upstream: UpstreamApplication
    upstream_origin: str
    admin_token_file: Path

    @property
    def jwks_url(self) -> str:
        return f"{self.gateway_origin}/{ADMIN}/jwks/{KEYSET}"


@contextmanager
def open_stage(policies: Mapping[str, Callable[[Providers], Mapping[str, Any]]]) -> Iterator[Stage]:
    """Starts everything, and stops it when the context closes. Writes to a temporary directory only."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="jwt-signer-demo-")))
        providers = Providers(
            stack.enter_context(IdentityProvider("access").served()),
            stack.enter_context(IdentityProvider("channel").served()),
        )
        upstream = UpstreamApplication()
        stack.callback(upstream.close)
        upstream_origin = stack.enter_context(serving(upstream))
        admin_token_file = directory / "admin-token"
        admin_token_file.touch(mode=0o600)
        admin_token_file.write_text(secrets.token_urlsafe(32))
        shared = {"admin_token": f"{{file://{admin_token_file}}}", "jwks_reload_interval": RELOAD_INTERVAL}
        transport = RequestsTransport()
        stack.callback(transport.close)
        gateway = Gateway(
            {name: Settings.load({**own(providers), **shared}) for name, own in policies.items()},
            upstream_origin,
            keyset_store=open_store(f"sqlite:///{directory / 'keysets.sqlite3'}"),
            transport=transport,
        )
        gateway_origin = stack.enter_context(serving(gateway))
        stage = Stage(providers, gateway, gateway_origin, upstream, upstream_origin, admin_token_file)
        upstream.jwks_uri = stage.jwks_url
        yield stage
