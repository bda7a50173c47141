"""`path("jwt-signer/", include("django_jwt_signer.urls"))`: the key set endpoints."""

from __future__ import annotations

from django.urls import path

from django_jwt_signer.views import endpoint

app_name = "jwt_signer"
urlpatterns = [
    path("purge", endpoint, name="purge"),
    path("jwks", endpoint, name="key-sets"),
    path("jwks/", endpoint),
    path("jwks/<path:name>", endpoint, name="key-set"),
]
