"""The middlewares of tenants: each is built once, and none knows of another."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from jwt_signer_mw.caches import open_cache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.observing import Observers
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.tenants.refusing import BROKEN, MISDIRECTED, RETRY, UNAVAILABLE, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.messages import Rejection
    from jwt_signer_mw.tenants.choosing import Asked, Tenants

log = logging.getLogger("jwt_signer_mw.tenants")

MAX_STRANGERS = 1_000  # that are remembered: clients make up as many as they like
LOCKS = 16

M = TypeVar("M")


class Entry(NamedTuple, Generic[M]):
    """A tenant's middleware, until that tick; or the status for its requests."""

    middleware: M | None
    status: int
    fingerprint: str
    until: float


class Book(Generic[M]):
    """Finds and builds middlewares; `build` makes one for a tenant, by its settings and services."""

    def __init__(
        self, tenants: Tenants, services: Services, build: Callable[[str, Settings, Services], M]
    ) -> None:
        """Tenants that are known are built now. Raises `ConfigurationError` with the problems of all."""
        self.tenants = tenants
        self._services = services
        self._build = build
        self._observers = Observers(services.get("observers", ())).of_decisions
        self._ticks = Clock.of(services.get("clock")).ticks
        self._known: OrderedDict[str, Entry[M]] = OrderedDict()
        self._strangers: OrderedDict[str, Entry[M]] = OrderedDict()
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))
        self._shared: dict[object, Any] = {}
        self._sharing = threading.Lock()
        self._open_named()

    def _open_named(self) -> None:
        problems: list[Problem] = []
        for name in self.tenants.named:
            try:
                self._known[name] = self._open(name, self.tenants.settings(name), inf)
            except ConfigurationError as error:
                problems += (one._replace(option=f"{name}.{one.option}") for one in error.problems)
        if problems:
            raise ConfigurationError(problems)

    def find(self, name: str) -> Entry[M] | None:
        """What is at hand for a tenant, without waiting for anything."""
        entry = self._known.get(name) or self._strangers.get(name)
        if entry is None or self._ticks() >= entry.until:
            return None
        if entry.until < inf:
            with suppress(KeyError):  # another thread evicted it just now; the entry is good all the same
                self._known.move_to_end(name)
        return entry

    def open(self, name: str) -> Entry[M]:
        """`find`, or else the tenant is looked up and built. May block."""
        with self._locks[hash(name) % LOCKS]:
            entry = self.find(name)
            return self._look_up(name) if entry is None else entry

    def forget(self, name: str) -> None:
        """Looks the tenant up anew for its next request."""
        for memory in (self._known, self._strangers):
            memory.pop(name, None)

    def middlewares(self) -> list[M]:
        return [entry.middleware for entry in [*self._known.values()] if entry.middleware is not None]

    def refuse(self, status: int, asked: Asked) -> Rejection:
        return refuse(status, asked, self._observers)

    def _look_up(self, name: str) -> Entry[M]:
        old, ticks = self._known.get(name), self._ticks()
        try:
            given = self.tenants.settings(name)
        except Exception:
            log.exception("the settings of tenant %s can't be had", ascii(name))
            return self._keep(name, (old or Entry(None, UNAVAILABLE, "", 0))._replace(until=ticks + RETRY))
        if given is None:
            self._known.pop(name, None)
            return self._keep(name, Entry(None, MISDIRECTED, "", ticks + self.tenants.max_age))
        try:
            return self._keep(name, self._open(name, given, ticks + self.tenants.max_age, old))
        except ConfigurationError as error:
            log.error("the settings of tenant %s can't be used: %s", ascii(name), error)
            self._known.pop(name, None)
            return self._keep(name, Entry(None, BROKEN, "", ticks + RETRY))

    def _open(self, name: str, given: Any, until: float, old: Entry[M] | None = None) -> Entry[M]:
        """The middleware that is there already goes on where the settings are the same."""
        settings = given if isinstance(given, Settings) else Settings.load(given, environ=os.environ)
        if old is not None and old.fingerprint == settings.fingerprint:
            return old._replace(until=until)
        return Entry(
            self._build(name, settings, self._services_of(name, settings)), 0, settings.fingerprint, until
        )

    def _keep(self, name: str, entry: Entry[M]) -> Entry[M]:
        is_known = entry.middleware is not None
        memory, limit = self._known if is_known else self._strangers, MAX_STRANGERS
        if is_known:
            limit = self.tenants.limit
            self._strangers.pop(name, None)
        memory[name] = entry
        memory.move_to_end(name)
        while len(memory) > limit:
            memory.popitem(last=False)
        return entry

    def _services_of(self, name: str, settings: Settings) -> Services:
        """What all tenants share is opened once; each sees its own part of it (`tenant`)."""
        services: Services = {**self._services, "policy": name, "tenant": name}
        url, keys = settings.keyset_store, settings.keyset_encryption_keys or ()
        if services.get("keyset_store") is None and (url is None or _is_url(url)):
            services["keyset_store"] = self._share(
                (url, keys), lambda: open_store(url if url is None else str(url), encryption_keys=keys)
            )
        cache = settings.cache
        if services.get("cache") is None and _is_url(cache) and not str(cache).startswith("memory:"):
            clock, size = Clock.of(services.get("clock")), settings.introspection_cache_size
            services["cache"] = self._share(cache, lambda: open_cache(str(cache), size=size, clock=clock))
        return services

    def _share(self, key: object, opening: Callable[[], Any]) -> Any:
        with self._sharing:
            if key not in self._shared:
                self._shared[key] = opening()
            return self._shared[key]


def _is_url(service: object) -> bool:
    return isinstance(service, str) and "://" in service
