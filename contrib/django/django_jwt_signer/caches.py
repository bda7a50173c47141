"""`django://<alias>` for `cache`: introspection results in Django's cache framework."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django.core.cache import caches

from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "jwt-signer:introspection:"


class FrameworkCache:
    """One of `CACHES`. It may be replaced at any time, as tests do: it is looked up for every call."""

    blocking = True

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def get(self, key: str) -> bytes | None:
        value = self._call("get", PREFIX + key)
        return value if isinstance(value, bytes) else None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Whole seconds, rounded down: an entry never outlives its token."""
        if seconds >= 1:
            self._call("set", PREFIX + key, value, timeout=int(seconds))

    def delete(self, key: str) -> None:
        self._call("delete", PREFIX + key)

    def claim(self, key: str, seconds: float) -> bool:
        return bool(self._call("add", PREFIX + key, b"", timeout=max(1, math.ceil(seconds))))

    def purge(self, _fits: Callable[[bytes], bool]) -> None:
        """Django's caches can't be searched."""

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(caches[self._alias], method)(*arguments, **options)
        except Exception as error:  # noqa: BLE001  every backend has errors of its own
            raise StoreError(f"the cache {self._alias!r} does not answer: {type(error).__name__}") from None
