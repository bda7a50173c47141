"""The cache of a web framework as the shared cache: whatever has get, set, add and delete with a timeout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


class FrameworkCache:
    """`find` gives the cache, and is asked each time: it may be replaced meanwhile, as tests do. `name` is
    how a failure calls it, `prefix` stands before our keys in it."""

    blocking = True

    def __init__(self, find: Callable[[], Any], *, name: str, prefix: str) -> None:
        self._find = find
        self._name = name
        self._prefix = prefix

    def get(self, key: str) -> bytes | None:
        value = self._call("get", key)
        return value if isinstance(value, bytes) else None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Whole seconds, rounded down: an entry never outlives its token, and 0 could mean for ever."""
        if seconds >= 1:
            self._call("set", key, value, timeout=int(seconds))

    def delete(self, key: str) -> None:
        self._call("delete", key)

    def claim(self, key: str, seconds: float) -> bool:
        return bool(self._call("add", key, b"", timeout=max(1, math.ceil(seconds))))

    def purge(self, fits: Callable[[bytes], bool]) -> None:
        """Not every one of these can be searched."""

    def _call(self, method: str, key: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(self._find(), method)(self._prefix + key, *arguments, **options)
        except Exception as error:  # noqa: BLE001  every backend has errors of its own
            raise StoreError(f"{self._name} does not answer: {type(error).__name__}") from None
