"""Settings: declared once, loaded, checked, frozen."""

from __future__ import annotations

from jwt_signer_mw.settings.declared import ClaimRules, KeysetSource, TokenSettings
from jwt_signer_mw.settings.files import load_file
from jwt_signer_mw.settings.introspecting import IntrospectionClient
from jwt_signer_mw.settings.loading import parse_form
from jwt_signer_mw.settings.schema import json_schema
from jwt_signer_mw.settings.services import ClientCertificate
from jwt_signer_mw.settings.settings import Settings, unlogged

__all__ = [
    "ClaimRules",
    "ClientCertificate",
    "IntrospectionClient",
    "KeysetSource",
    "Settings",
    "TokenSettings",
    "json_schema",
    "load_file",
    "parse_form",
    "unlogged",
]
