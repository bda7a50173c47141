"""The applications that the servers serve; variables say how they are wrapped (see `contenders`)."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.setups import asgi as asgi_setup
from benchmarks.setups import wsgi as wsgi_setup
from benchmarks.tokens import AUDIENCE, ISSUER
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware

JWKS = "BENCHMARK_JWKS"  # the variable with the URL of the provider's key set; none: bare


def _settings() -> dict[str, Any]:
    return {
        "access_token_jwks_uri": os.environ[JWKS],
        "access_token_issuers_allowed": [ISSUER],
        "access_token_audiences_allowed": [AUDIENCE],
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "keyset_store": "memory://",
    }


wsgi: Any = wsgi_setup.application
asgi: Any = asgi_setup.application
if JWKS in os.environ:
    wsgi, asgi = WSGIMiddleware(wsgi, _settings()), ASGIMiddleware(asgi, _settings())
