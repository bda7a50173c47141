"""The example project with policies of the tests, one URL for each, and the admin's own language."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples" / "django"))

from shop.settings import *  # type: ignore[import-not-found]  # noqa: F403  # pyright: ignore[reportMissingImports]

ROOT_URLCONF = "django_project.shop_urls"
JWT_SIGNER = json.loads(os.environ.get("SHOP_POLICIES", '{"default": {}}'))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
