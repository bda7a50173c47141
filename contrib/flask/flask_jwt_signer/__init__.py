"""JWT signer for Flask: an extension that only translates. The core is `jwt_signer_mw`."""

from __future__ import annotations

from flask_jwt_signer.extension import JWTSigner
from flask_jwt_signer.proxies import current_consumer, current_identity
from flask_jwt_signer.refusals import (
    BodyTooLong,
    RequestRefused,
    SignerError,
    SignerUnavailable,
    TokenForbidden,
    TokenUnauthorized,
)
from flask_jwt_signer.signals import keyset_rotated, token_accepted, token_refused

__all__ = [
    "BodyTooLong",
    "JWTSigner",
    "RequestRefused",
    "SignerError",
    "SignerUnavailable",
    "TokenForbidden",
    "TokenUnauthorized",
    "current_consumer",
    "current_identity",
    "keyset_rotated",
    "token_accepted",
    "token_refused",
]
