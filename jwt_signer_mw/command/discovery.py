"""Discovery for the command line: the middleware's own, run once."""

from __future__ import annotations

from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.discovery import Issuer, Metadata, read_metadata

TIMEOUT = 10.0  # seconds per document


def discover(issuer: str) -> Metadata:
    """Asks all well-known places. Raises `LookupError` for none, or one that names another issuer."""
    transport = RequestsTransport()
    try:
        return BlockingDriver(transport).run(read_metadata(Issuer(issuer, timeout=TIMEOUT)))
    except TransportError as problem:
        raise LookupError(problem.detail) from None
    finally:
        transport.close()
