"""The views of the tests, the key set endpoints and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from django_jwt_signer.decorators import jwt_signer_exempt
from django_project import views

urlpatterns = [
    path("plain", views.plain),
    path("aplain", views.aplain),
    path("exempt", views.exempt),
    path("exempt-here", jwt_signer_exempt(views.plain)),
    path("partners", views.partners),
    path("apartners", views.apartners),
    path("unknown-policy", views.unknown_policy),
    path("scoped", views.scoped),
    path("ascoped", views.ascoped),
    path("exempt-but-scoped", views.exempt_but_scoped),
    path("class", views.ClassBased.as_view()),
    path("aclass", views.AsyncClassBased.as_view()),
    path("stream", views.stream),
    path("astream", views.astream),
    path("upload", views.upload),
    path("jwt-signer/", include("django_jwt_signer.urls")),
    path("admin/", admin.site.urls),
]
