"""What may be shown of a value: no secret, and of a service's URL no password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.issuers import IssuerMap

if TYPE_CHECKING:
    from jwt_signer_mw.settings.declaring import Option

HIDDEN = "***"

# Up to the last @, since a password that should be percent-encoded may hold any character.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>.*@)?(?P<rest>[^?#]*)(?P<query>[?#].*)?")


def shown(option: Option, value: object) -> object:
    """The plain value as it may be shown; of an object only the name of its type."""
    if not isinstance(value, (str, list, dict, bool, int, float, type(None))):
        return f"<{type(value).__name__}>"
    kind = option.declared.kind
    if isinstance(kind, IssuerMap) and isinstance(value, dict):
        inside = kind.options()
        return {
            issuer: {name: shown(inside[name], one) for name, one in given.items()}
            for issuer, given in value.items()
        }
    if not option.declared.secret or value is None:
        return value
    if isinstance(value, list):
        return [HIDDEN] * len(value)
    return redact_url(str(value))


def redact_url(value: str) -> str:
    """A URL without user, password and query; text that is none is hidden as a whole."""
    url = _URL.fullmatch(value)
    if url is None:
        return HIDDEN
    user = f"{HIDDEN}@" if url["user"] else ""
    return url["scheme"] + user + url["rest"] + (f"?{HIDDEN}" if url["query"] else "")
