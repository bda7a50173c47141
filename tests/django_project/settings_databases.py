"""The databases of the project of the tests: SQLite files, and PostgreSQL where its server answers."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

POSTGRESQL = os.environ.get("JWT_SIGNER_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
SCHEMA = f"jwt_signer_{uuid.uuid4().hex[:12]}"  # so that two test runs do not meet


def databases(folder: Path) -> dict[str, dict[str, Any]]:
    files = {
        name: {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder / f"{name}.sqlite3",
            "OPTIONS": {"timeout": 0.5 if name == "atomic" else 5},
        }
        for name in ("default", "keys", "atomic")
    }
    return {**files, "postgresql": postgresql()}


def postgresql() -> dict[str, Any]:
    url = urlsplit(POSTGRESQL)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": url.port,
        "OPTIONS": {"options": f"-csearch_path={SCHEMA}", "connect_timeout": 2},
    }
