"""Watches everything that is logged during a whole run for tokens, secrets and private keys.

Tokens and keys have forms that nothing else has, so each record is searched for these forms, and for the
secrets that tests configure. A finding fails the test during which it was logged.
"""

from __future__ import annotations

import logging
import re
from typing import Final

TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
PRIVATE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|[\"'](?:d|dp|dq|qi|k)[\"']: ?[\"'][A-Za-z0-9_-]{20,}"
)
SECRETS: Final = (
    "an-opaque-token-of-alice",  # conformance.ways.OPAQUE
    "service-secret",
    "middleware-secret",
    "reader-secret",
    "c2VjcmV0OnMzY3IzdA==",
    "s3cr3t-",
)
OURS: Final = ("jwt_signer_mw", "django_jwt_signer", "flask_jwt_signer")


class Watch(logging.Handler):
    """On the root logger. Knows the records of our own loggers whole, with what is attached to them."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.findings: list[str] = []
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(OURS):
            return
        self.seen += 1
        text = f"{record.getMessage()} {getattr(record, 'jwt_signer', '')} {record.exc_text or ''}"
        if record.exc_info and record.exc_info[1] is not None:
            text += repr(record.exc_info[1])
        if TOKEN.search(text) or PRIVATE.search(text) or any(secret in text for secret in SECRETS):
            self.findings.append(f"{record.name} {record.levelname} at {record.pathname}:{record.lineno}")

    def take(self) -> list[str]:
        found, self.findings = self.findings, []
        return found
