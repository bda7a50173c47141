"""Every URL leads to a view of another policy than `urls` says."""

from __future__ import annotations

from django.urls import path

from django_project import views

urlpatterns = [
    path("plain", views.partners),
    path("aplain", views.apartners),
    path("exempt", views.plain),
]
