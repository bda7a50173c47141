# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
"""A real identity provider, django-oauth-toolkit, as one Django module.

It runs in a virtual environment of its own. `python toolkit_app.py` makes the database,
`gunicorn toolkit_app:application` serves. Both read two environment variables: TOOLKIT_ISSUER (a URL
that ends in /o) and TOOLKIT_FOLDER, which holds signing.pem, and previous.pem after a rotation.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

ISSUER = os.environ["TOOLKIT_ISSUER"]
FOLDER = Path(os.environ["TOOLKIT_FOLDER"])
LIFETIME = 300  # of access tokens, in seconds
APPS = ["auth", "contenttypes", "sessions"]

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "toolkit.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[*(f"django.contrib.{name}" for name in APPS), "oauth2_provider"],
    LOGGING={
        "version": 1,
        "handlers": {"stderr": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    },
    MIGRATION_MODULES=dict.fromkeys([*APPS, "oauth2_provider"]),  # tables straight from the models: faster
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": LIFETIME,
        "ACCESS_TOKEN_GENERATOR": "toolkit_app.make_access_token",
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": ISSUER,
        "OIDC_RSA_PRIVATE_KEY": (FOLDER / "signing.pem").read_text(),
        "OIDC_RSA_PRIVATE_KEYS_INACTIVE": [pem.read_text() for pem in FOLDER.glob("previous.pem")],
        "SCOPES": {name: name for name in ("openid", "read", "write", "coffee", "tea", "introspection")},
    },
    ROOT_URLCONF="toolkit_app",
    SECRET_KEY="only for tests",
    USE_TZ=True,
)
django.setup()

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
application = get_wsgi_application()


def make_access_token(request: Any, refresh_token: bool = False) -> str:
    """Opaque, or an RFC 9068 JWT where the resource ends in /jwt: the toolkit itself has no such tokens."""
    from oauthlib.common import generate_token

    wants_jwt = request.resource.endswith("/jwt") and not refresh_token
    return sign_access_token(request) if wants_jwt else str(generate_token())


def sign_access_token(request: Any) -> str:
    """An RFC 9068 access token; further claims come in the header X-Extra-Claims, as base64 of JSON."""
    from jwcrypto import jwk, jwt

    key = jwk.JWK.from_pem(settings.OAUTH2_PROVIDER["OIDC_RSA_PRIVATE_KEY"].encode())
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": request.client_id,
        "aud": [request.resource],
        "client_id": request.client_id,
        "scope": " ".join(request.scopes),
        "iat": now,
        "exp": now + LIFETIME,
        "jti": str(uuid.uuid4()),
        **json.loads(base64.b64decode(request.headers.get("HTTP_X_EXTRA_CLAIMS", "e30="))),
    }
    token = jwt.JWT(header={"alg": "RS256", "typ": "at+jwt", "kid": key.thumbprint()}, claims=claims)
    token.make_signed_token(key)
    return str(token.serialize())


def prepare() -> None:
    """Make the tables and the two clients. Unhashed secrets: a hashed one costs 0.6 s per introspection."""
    from oauth2_provider.models import get_application_model

    call_command("migrate", run_syncdb=True, verbosity=0)
    application_model = get_application_model()
    for name in ("service", "middleware"):
        application_model.objects.create(
            client_id=name,
            client_secret=f"{name}-secret",
            hash_client_secret=False,
            client_type=application_model.CLIENT_CONFIDENTIAL,
            authorization_grant_type=application_model.GRANT_CLIENT_CREDENTIALS,
            algorithm=application_model.RS256_ALGORITHM,
        )


if __name__ == "__main__":
    prepare()
