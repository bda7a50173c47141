"""`django://<alias>` for `cache`: introspection results in Django's cache framework."""

from __future__ import annotations

from django.core.cache import caches

from jwt_signer_mw.caches.frameworks import FrameworkCache

PREFIX = "jwt-signer:introspection:"


def open_alias(alias: str) -> FrameworkCache:
    """One of `CACHES`, as it is when it is asked."""
    return FrameworkCache(lambda: caches[alias], name=f"the cache {alias!r}", prefix=PREFIX)
