"""For uvicorn."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "django_project.shop_settings"
application = get_asgi_application()
