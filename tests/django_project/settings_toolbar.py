"""The project of the tests with the debug toolbar on every page."""

from __future__ import annotations

from django_project.settings import *  # noqa: F403
from django_project.settings import INSTALLED_APPS as APPS
from django_project.settings import MIDDLEWARE as MIDDLEWARES

DEBUG = True
STATIC_URL = "static/"
ROOT_URLCONF = "django_project.urls_toolbar"
INSTALLED_APPS = [*APPS, "django.contrib.staticfiles", "debug_toolbar"]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *MIDDLEWARES]
DEBUG_TOOLBAR_PANELS = ["django_jwt_signer.panels.JWTSignerPanel"]
DEBUG_TOOLBAR_CONFIG = {
    "RENDER_PANELS": True,  # into the page itself
    "IS_RUNNING_TESTS": False,
    "SHOW_TOOLBAR_CALLBACK": "django_project.urls_toolbar.show_toolbar",
}
JWT_SIGNER = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
    "exempt_paths": ["/open/*", "/__debug__/*", "/static/*"],
    "keyset_store": "memory://",
}
