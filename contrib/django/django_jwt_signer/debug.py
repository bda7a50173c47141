"""Error reports without tokens: `DEFAULT_EXCEPTION_REPORTER_FILTER`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.debug import SafeExceptionReporterFilter

from django_jwt_signer.gate import current_gate

if TYPE_CHECKING:
    from django.http import HttpRequest


class TokenFilter(SafeExceptionReporterFilter):
    """Hides the headers that the suite reads and writes, on error pages and in mails to `ADMINS`.

    `DEFAULT_EXCEPTION_REPORTER_FILTER = "django_jwt_signer.debug.TokenFilter"`
    """

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        meta: dict[str, Any] = super().get_safe_request_meta(request)
        managed = current_gate().managed
        return {
            key: self.cleansed_substitute if managed.manages(key) else value for key, value in meta.items()
        }
