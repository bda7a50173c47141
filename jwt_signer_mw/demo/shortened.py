"""Tokens as they may be shown: shortened, so that nobody can use what stands in a terminal or a log."""

from __future__ import annotations

import base64
import json
from typing import Any

HEAD, TAIL = 8, 4  # characters that are shown


def shorten(token: str) -> str:
    """`eyJhbGci…Xk2Q`; a JWT shows the end of its signature, which is what differs."""
    return token if len(token) <= HEAD + TAIL else f"{token[:HEAD]}…{token[-TAIL:]}"


def described(value: str) -> str:
    """A header's value with its token shortened and its scheme left."""
    scheme, space, token = value.rpartition(" ")
    return f"{scheme}{space}{shorten(token)}"


def peek(token: str, part: int = 1) -> dict[str, Any]:
    """Header (0) or claims (1) of a JWT, unverified; of anything else nothing."""
    try:
        segment = token.split(".")[part]
        content = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, IndexError):
        return {}
    return content if isinstance(content, dict) else {}
