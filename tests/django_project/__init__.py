"""A Django project for tests, with its database in a file of its own."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def start() -> None:
    """Sets Django up in this process and creates the tables, once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__name__}.settings")
    django.setup()
    call_command("migrate", verbosity=0)
