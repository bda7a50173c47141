"""The services that a policy names: what the project has (`django://...`), objects and dotted paths."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.conf import settings as project
from django.db.models import Model
from django.utils.module_loading import import_string

from django_jwt_signer.caches import open_alias
from django_jwt_signer.consumers import ModelConsumers, UnusableModel, open_consumers
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.keysets.sealing import Sealing
from jwt_signer_mw.keysets.store import open_store

if TYPE_CHECKING:
    from django_jwt_signer.conf import Configured
    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.settings import Settings

SCHEME = "django://"
APP = "django_jwt_signer"
MODEL_HINT = "Write django://auth?custom_id=<field>, or django://<app_label>.<Model>?username=<field>."


def open_services(configured: Configured) -> Services:
    """Keyword arguments for `Assembly`. Connects to nothing yet. Raises `ConfigurationError`."""
    options = configured.settings
    opened: dict[str, Any] = {name: _imported(name, value) for name, value in configured.services.items()}
    opened["keyset_store"] = open_keyset_store(options)
    cache = _imported("cache", options.cache)
    opened["cache"] = _open_cache(cache) if _is_own(cache) else cache
    opened["consumers"] = _open_consumers(_imported("consumers", options.consumers))
    return cast("Services", {name: value for name, value in opened.items() if value is not None})


def open_keyset_store(settings: Settings) -> KeysetStore:
    """A store of the suite is opened once per process: what is in memory survives a change of settings.

    Raises `ConfigurationError`.
    """
    from django_jwt_signer.stores import TellingStore

    chosen = _imported("keyset_store", settings.keyset_store)
    encryption_keys = settings.keyset_encryption_keys or ()
    if chosen is None or _is_own(chosen):
        return TellingStore(_model_store(chosen, encryption_keys))
    return TellingStore(_open_url(chosen, encryption_keys) if isinstance(chosen, str) else chosen)


@lru_cache(maxsize=16)
def _open_url(url: str, encryption_keys: tuple[str, ...]) -> KeysetStore:
    return open_store(url, encryption_keys=encryption_keys)


def _model_store(url: str | None, encryption_keys: tuple[str, ...]) -> KeysetStore:
    if not apps.is_installed(APP):
        text = "is the project's database, but the table is not in the project."
        raise refused("django.E006", "keyset_store", text, f"Add {APP!r} to INSTALLED_APPS and migrate.")
    from django_jwt_signer.stores import ModelStore

    alias = None if url is None else url.removeprefix(SCHEME)
    if alias is not None and alias not in project.DATABASES:
        text = f"names {alias!r}, which is none of DATABASES."
        raise refused("django.E002", "keyset_store", text, f"There are {', '.join(project.DATABASES)}.")
    return ModelStore(alias, Sealing(encryption_keys))


def _open_cache(url: str) -> SharedCache:
    alias = url.removeprefix(SCHEME)
    if alias not in project.CACHES:
        text = f"names {alias!r}, which is none of CACHES."
        raise refused("django.E003", "cache", text, f"There are {', '.join(project.CACHES)}.")
    return open_alias(alias)


def _open_consumers(chosen: Any) -> Any:
    try:
        if _is_own(chosen):
            return open_consumers(chosen)
        if isinstance(chosen, type) and issubclass(chosen, Model):
            return ModelConsumers(chosen)
    except UnusableModel as error:
        raise refused("django.E004", "consumers", str(error), MODEL_HINT) from None
    return chosen


def _is_own(chosen: Any) -> bool:
    return isinstance(chosen, str) and chosen.startswith(SCHEME)


def _imported(option: str, chosen: Any) -> Any:
    """The object behind a dotted path; anything else as it is."""
    if not isinstance(chosen, str) or "://" in chosen:
        return chosen
    try:
        return import_string(chosen.replace(":", "."))
    except ImportError as error:
        raise refused("django.E005", option, f"can't be imported: {error}") from None


def refused(problem: str, option: str, text: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(problem, "error", option, text, hint)])
