"""Settings of the shop. What differs between machines comes from the environment:

JWT_SIGNER_ACCESS_TOKEN_JWKS_URI and every other JWT_SIGNER_<PARAMETER>, DATABASE_URL, SECRET_KEY, STOCK_URL.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

FOLDER = Path(__file__).resolve().parent.parent


def database(url: str) -> dict[str, Any]:
    """`sqlite:///path` or `postgresql://user:password@host:port/name`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path[1:]}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
    }


SECRET_KEY = os.environ.get("SECRET_KEY", "for the desk of a developer only")
DEBUG = os.environ.get("DEBUG") == "true"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
STATIC_URL = "static/"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database(os.environ.get("DATABASE_URL", f"sqlite:///{FOLDER / 'shop.sqlite3'}"))}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_jwt_signer",
    "orders",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django_jwt_signer.middleware.JWTSignerMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_EXCEPTION_REPORTER_FILTER = "django_jwt_signer.debug.TokenFilter"

# Where the provider is comes from the environment, for both policies.
EVERYWHERE: dict[str, Any] = {
    "exempt_paths": ["/admin/*", "/static/*"],  # people log in there by a password
}
JWT_SIGNER = {
    "default": EVERYWHERE,
    "partners": {**EVERYWHERE, "access_token_scopes_required": ["partner"]},
}

# The service behind, which trusts what the shop signs. Without it the shop shows what it would have sent.
STOCK_URL = os.environ.get("STOCK_URL", "")
STOCK_HEADERS = ("Authorization", os.environ.get("JWT_SIGNER_CHANNEL_TOKEN_UPSTREAM_HEADER", "X-Channel"))
