"""JWT middleware for WSGI and ASGI: verify or introspect two tokens, sign new ones."""

from __future__ import annotations

from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.messages import Identity
from jwt_signer_mw.settings import Settings

__all__ = ["ConfigurationError", "Identity", "Settings", "__version__"]

__version__ = "1.0.0"
