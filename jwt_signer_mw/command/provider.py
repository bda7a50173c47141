"""`jwt-signer provider`: the demo's identity provider alone, for tutorials and for trying settings."""

from __future__ import annotations

import base64
import signal
from typing import TYPE_CHECKING

from jwt_signer_mw.command import USAGE, lacks

if TYPE_CHECKING:
    import argparse

    from jwt_signer_mw.demo.provider import IdentityProvider

NEEDED = {"jwt": "PyJWT", "werkzeug": "Werkzeug"}  # modules and their packages
PORT = 9000

TOLD = """\
An identity provider to try things with: whoever on this machine asks gets a token.

issuer         {origin}
key set        {jwks_uri}
introspection  {introspection}
               with Authorization: {authorization}
a token        curl -s {origin}/token
               for bob, who may write:     curl -s "{origin}/token?sub=bob&scope=write"
               opaque, forged, expired:    ?kind=opaque  ?kind=forged  ?exp=1
a new key      curl -s -X POST {origin}/rotate

It runs until you press Ctrl-C."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=PORT, help=f"of the loopback interface ({PORT})")
    parser.add_argument("--secret", metavar="TEXT", help="of the client `gateway`, which may introspect")


def run(arguments: argparse.Namespace) -> int:
    """2: a package is missing. Raises `OSError` for a port that is taken."""
    if lacks("the provider", NEEDED, "demo"):
        return USAGE
    from jwt_signer_mw.demo.provider import IdentityProvider
    from jwt_signer_mw.demo.running import wait_for_interrupt

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops as cleanly as Ctrl-C does
    provider = IdentityProvider("provider")
    provider.client_secret = arguments.secret or provider.client_secret
    with provider.served(arguments.port):
        print(told(provider), flush=True)
        wait_for_interrupt()
    return 0


def told(provider: IdentityProvider) -> str:
    """What there is, as commands to copy; the secret is good for nothing else."""
    from jwt_signer_mw.demo.provider import CLIENT

    credentials = base64.b64encode(f"{CLIENT}:{provider.client_secret}".encode()).decode()
    return TOLD.format(
        origin=provider.origin,
        jwks_uri=provider.jwks_uri,
        introspection=provider.introspection_endpoint,
        authorization=f"Basic {credentials}",
    )
