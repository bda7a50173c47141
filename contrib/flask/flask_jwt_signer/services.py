"""Where keys and introspection results live when the settings do not say: in what the application has."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import URL

from jwt_signer_mw.caches.frameworks import FrameworkCache
from jwt_signer_mw.flows.consumers import CalledConsumers
from jwt_signer_mw.keysets.sql import open_beside
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.settings.loading import variable_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Flask

    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.settings import Settings

    ConsumerLoader: TypeAlias = Callable[[str, str], Consumer | Mapping[str, Any] | None]

log = logging.getLogger("jwt_signer_mw.flask")

FILE = "jwt-signer.sqlite3"  # in `app.instance_path`
PREFIX = "jwt-signer:"  # of keys in Flask-Caching


class Stores:
    """The stores of one application. Policies with equal settings share one, and with it their key sets."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._opened: dict[object, KeysetStore] = {}

    def open(self, settings: Settings) -> KeysetStore | None:
        """The store of `keyset_store`, or the application's own; None for one that is no URL, but an object.

        Raises `ConfigurationError`.
        """
        chosen, keys = settings.keyset_store, settings.keyset_encryption_keys or ()
        if chosen is not None and not (isinstance(chosen, str) and "://" in chosen):
            return None
        if (chosen, keys) not in self._opened:
            opened = self._open_own(keys) if chosen is None else open_store(chosen, encryption_keys=keys)
            self._opened[chosen, keys] = opened
        return self._opened[chosen, keys]

    def _open_own(self, keys: Sequence[str]) -> KeysetStore:
        database = self._app.extensions.get("sqlalchemy")
        if database is not None:
            log.debug("key sets are in the database of Flask-SQLAlchemy")
            with self._app.app_context():
                return open_beside(database.engine, keys)
        file = str(Path(self._app.instance_path) / FILE)
        return open_store(URL.create("sqlite", database=file).render_as_string(), encryption_keys=keys)


def found_services(app: Flask) -> dict[str, Any]:
    """Options that are neither set here nor by the environment, from the extensions of the application."""
    cache = _flask_cache(app.extensions.get("cache") or {})
    return {} if cache is None or variable_name("cache") in os.environ else {"cache": cache}


def open_backend(backend: Any) -> FrameworkCache:
    """A cache of Flask-Caching as the shared cache of introspection results."""
    return FrameworkCache(lambda: backend, name="Flask-Caching", prefix=PREFIX)


def _flask_cache(backends: Mapping[Any, Any]) -> FrameworkCache | None:
    """The first cache of Flask-Caching, unless it is the one that keeps nothing (its default)."""
    backend = next(iter(backends.values()), None)
    return None if backend is None or type(backend).__name__ == "NullCache" else open_backend(backend)


class LoadedConsumers:
    """Consumers by the function that an application names, at any time; until then there are none."""

    blocking = True

    def __init__(self) -> None:
        self.loader: ConsumerLoader | None = None

    def find(self, field: str, value: str) -> Consumer | None:
        return None if self.loader is None else CalledConsumers(self.loader).find(field, value)
