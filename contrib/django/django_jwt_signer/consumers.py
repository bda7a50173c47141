"""`django://auth` for `consumers`, and any other model: rows as consumers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db import Error

from jwt_signer_mw.errors import ConsumerNotFound, StoreError
from jwt_signer_mw.messages import Consumer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model

SCHEME = "django://"
USERS = "auth"
ACTIVE = "is_active"


class UnusableModel(ValueError):
    """Names no model, or fields that it does not have; the text goes on after the option's name."""


class ModelConsumers:
    """Finds rows of a model whose `id`, `username` or `custom_id` has exactly the value of a claim.

    `fields` maps these names to fields of the model; by default they are its primary key, its
    `USERNAME_FIELD` (or `username`), and none. A row with `is_active` false is refused, whatever else fits.
    Raises `UnusableModel`.
    """

    blocking = True

    def __init__(self, model: type[Model], fields: Mapping[str, str] | None = None) -> None:
        self.model = model
        self._fields = {**_usual_fields(model), **(fields or {})}
        self._has_active = _has_field(model, ACTIVE)
        unknown = self._fields.keys() - set(Consumer._fields)
        if unknown:
            raise UnusableModel(f"knows id, username and custom_id, not {', '.join(sorted(unknown))}.")
        self._wanted = [*self._fields.values(), *([ACTIVE] if self._has_active else [])]
        try:
            str(self._rows().values(*self._wanted).query)
        except FieldError as error:
            raise UnusableModel(f"can't use {model.__name__}: {error}") from None

    def find(self, field: str, value: str) -> Consumer | None:
        """Raises `ConsumerNotFound` for a row that is inactive or not the only one, `StoreError`."""
        lookup = self._fields.get(field)
        if lookup is None:
            return None
        try:
            rows = list(self._rows().filter(**{lookup: value}).values(*self._wanted)[:2])
        except (ValueError, TypeError, OverflowError, ValidationError):  # "alice" is no primary key
            return None
        except Error as error:
            raise StoreError(f"the database of consumers: {type(error).__name__}") from None
        found = [row for row in rows if str(row[lookup]) == value]  # some databases ignore case
        if not found:
            return None
        if len(found) > 1:
            raise ConsumerNotFound(f"more than one {self.model.__name__} has this {lookup}")
        if self._has_active and not found[0][ACTIVE]:
            raise ConsumerNotFound(f"the {self.model.__name__} is not active")
        return Consumer(**{name: _text(found[0][own]) for name, own in self._fields.items()})

    def _rows(self) -> Any:
        return self.model._default_manager.all()  # noqa: SLF001


def open_consumers(url: str) -> ModelConsumers:
    """`django://auth?custom_id=<field>`, or `django://<app_label>.<Model>?...`. Raises `UnusableModel`."""
    name, _, query = url.removeprefix(SCHEME).partition("?")
    return ModelConsumers(_find_model(name), dict(parse_qsl(query, keep_blank_values=True)))


def _find_model(name: str) -> type[Model]:
    if name == USERS:
        return get_user_model()
    try:
        return apps.get_model(name)
    except (LookupError, ValueError):
        text = f"names no model: {name!r} is neither {USERS!r} nor like 'app_label.Model'."
        raise UnusableModel(text) from None


def _usual_fields(model: type[Model]) -> dict[str, str]:
    username: str = getattr(model, "USERNAME_FIELD", "username")
    return {"id": "pk"} | ({"username": username} if _has_field(model, username) else {})


def _has_field(model: type[Model], name: str) -> bool:
    try:
        model._meta.get_field(name)  # noqa: SLF001
    except FieldDoesNotExist:
        return False
    return True


def _text(value: object) -> str | None:
    return None if value is None else str(value)
