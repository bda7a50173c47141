"""The orders, the key sets that the services behind verify by, and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("orders/", include("orders.urls")),
    path("jwt-signer/", include("django_jwt_signer.urls")),
    path("admin/", admin.site.urls),
]
