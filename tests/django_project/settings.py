"""Settings of the project of the tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from django_project.settings_databases import databases

FOLDER = Path(tempfile.mkdtemp(prefix="jwt-signer-django-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

SECRET_KEY = "of a project that holds nothing"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "django_project.urls"
DATABASES = databases(FOLDER)
CACHES = {
    name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
    for name in ("default", "tokens")
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_jwt_signer",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django_jwt_signer.middleware.JWTSignerMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
SILENCED_SYSTEM_CHECKS = ["jwt_signer.E510"]  # one view has a policy that is not there
JWT_SIGNER = {"keyset_store": "memory://", "channel_token_optional": True}
