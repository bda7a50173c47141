"""One view of each kind."""

from __future__ import annotations

from django.urls import path

from orders import views

urlpatterns = [
    path("", views.list_orders),
    path("async/", views.alist_orders),
    path("new/", views.NewOrder.as_view()),
    path("partners/", views.list_partners_orders),
    path("health/", views.health),
]
