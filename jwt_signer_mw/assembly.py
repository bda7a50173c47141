"""From settings and services to a pipeline: the one place where the parts are put together."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from jwt_signer_mw.caches import open_cache
from jwt_signer_mw.caches.tenancy import TenantCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.events import DEFAULT_POLICY
from jwt_signer_mw.explain import Explainer
from jwt_signer_mw.flows.administration import Administration
from jwt_signer_mw.flows.consumers import NO_CONSUMERS, CalledConsumers, ListedConsumers
from jwt_signer_mw.flows.observed import open_keyring, open_pipeline
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.keysets.tenancy import TenantStore
from jwt_signer_mw.observability import NAMED, open_observer
from jwt_signer_mw.observing import Observers
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.reporting import find_strangers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.observing import Observer


class Services(TypedDict, total=False):
    """Keyword arguments of the middlewares that replace a real part."""

    keyset_store: KeysetStore | None
    cache: SharedCache | None
    consumers: Any  # whatever `consumers` of the settings may be, or an object with `find`
    transport: Any  # `drivers.transport.Transport`, or its asynchronous twin
    clock: Callable[[], float] | None  # seconds since the epoch; drives every decision about time
    observers: Sequence[Observer]  # hear every decision, and more if they ask for it
    policy: str  # its name for observers and logs
    tenant: str  # whose part of store and cache it is; none: all of them


class Assembly:
    """The parts of one middleware: `pipeline`, `keyring` with its `keyset_store`, `administration`,
    `explainer`; the `parts` of which pipelines are made; and the `services` that it was given."""

    def __init__(
        self, settings: Settings | Mapping[str, Any] | None = None, **services: Unpack[Services]
    ) -> None:
        """Services left out come from the settings, and these from the environment where they are silent.

        Raises `ConfigurationError`.
        """
        if not isinstance(settings, Settings):
            settings = Settings.load(settings or {}, environ=os.environ)
        self.settings = settings
        self.services = services
        self.clock = Clock.of(services.get("clock"))
        self.transport = services.get("transport")
        store = _service("keyset_store", services.get("keyset_store"), settings.keyset_store)
        cache = _service("cache", services.get("cache"), settings.cache)
        consumers = _service("consumers", services.get("consumers"), settings.consumers)
        if store is None or isinstance(store, str):
            store = open_store(store, encryption_keys=settings.keyset_encryption_keys or ())
        if isinstance(cache, str):
            cache = open_cache(cache, size=settings.introspection_cache_size, clock=self.clock)
        if tenant := services.get("tenant"):
            store, cache = TenantStore(store, tenant), TenantCache(cache, tenant)
        self.keyset_store: KeysetStore = store
        observers = (*map(_observer, settings.observers), *services.get("observers", ()))
        self.observers = Observers(observers, services.get("policy", DEFAULT_POLICY))
        self.keyring = open_keyring(self.observers, settings, store, self.clock)
        self.parts = (settings, self.keyring, cache, open_consumers(consumers), self.clock)
        self.pipeline = open_pipeline(self.observers, *self.parts)
        self.explainer = Explainer(*self.parts)
        self.administration = Administration(
            self.keyring,
            settings,
            self.clock,
            explain=self.explainer.explain,
            purge=self.pipeline.purge,
        )

    def shadow_by(self, other: Assembly | None) -> None:
        """Has another policy judge in the shadow of this one. Raises `LookupError` where it can't."""
        pipeline = None if other is None else other.pipeline
        self.pipeline.shadow_by(pipeline)
        self.explainer.other = pipeline


def link_shadows(assemblies: Mapping[str, Assembly]) -> None:
    """Has policies judge in the shadow of others, by the names in `shadow`. Raises `ConfigurationError`."""
    problems = dict(find_strangers({name: assembly.settings for name, assembly in assemblies.items()}))
    for name, assembly in assemblies.items():
        if name not in problems:
            shadow = assembly.settings.shadow
            other = None if shadow is None or assembly.settings.overlay is not None else assemblies[shadow]
            try:
                assembly.shadow_by(other)
            except LookupError:
                text = f"names {shadow!r}, which reads other headers."
                problems[name] = problem("settings.E092", "shadow", text)
    if problems:
        raise ConfigurationError([*problems.values()])


def open_consumers(consumers: Any) -> Consumers:
    """From a value of `consumers`: a list, a callable, or an object with `find`."""
    if consumers is None:
        return NO_CONSUMERS
    if hasattr(consumers, "find"):
        return consumers  # type: ignore[no-any-return]
    if not callable(consumers):
        return ListedConsumers(consumers)
    function: Any = consumers  # nobody can say what it takes and gives before it is called
    return CalledConsumers(function)


def _observer(setting: Any) -> Observer:
    """From an element of `observers`: an object, one of the suite's own, or a dotted path."""
    if not isinstance(setting, str):
        return setting  # type: ignore[no-any-return]
    if setting in NAMED:
        try:
            return open_observer(setting)
        except ModuleNotFoundError as missing:
            hint = "pip install 'jwt-signer-mw[observability]'"
            text = f"{setting!r} needs the package of {missing.name}."
            raise ConfigurationError([Problem("assembly.E002", "error", "observers", text, hint)]) from None
    found = _imported("observers", setting)
    observer: Any = found() if isinstance(found, type) else found
    if not callable(observer):
        text = f"{setting!r} can't be called with an event."
        raise ConfigurationError([Problem("assembly.E001", "error", "observers", text)])
    return observer  # type: ignore[no-any-return]


def _service(option: str, service: Any, setting: Any) -> Any:
    """The keyword argument, else the setting: an object, a URL, or the dotted path of an object."""
    chosen = setting if service is None else service
    if isinstance(chosen, str) and "://" not in chosen:
        return _imported(option, chosen)
    return chosen


def _imported(option: str, path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        text = f"{path!r} can't be imported: {error}"
        raise ConfigurationError([Problem("assembly.E001", "error", option, text)]) from None
