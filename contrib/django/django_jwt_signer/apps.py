"""The application `django_jwt_signer`, with the label `jwt_signer`."""

from __future__ import annotations

from django.apps import AppConfig


class JWTSignerConfig(AppConfig):
    name = "django_jwt_signer"
    label = "jwt_signer"
    verbose_name = "JWT signer"

    def ready(self) -> None:
        from django_jwt_signer import checks  # noqa: F401  importing registers them
