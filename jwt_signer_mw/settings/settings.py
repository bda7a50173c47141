"""`Settings`: everything that can be set, loaded, checked and frozen."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Self, cast

from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.declared import Parameters
from jwt_signer_mw.settings.declaring import build
from jwt_signer_mw.settings.kinds import describe
from jwt_signer_mw.settings.loading import OPTIONS, read_values
from jwt_signer_mw.settings.redaction import shown
from jwt_signer_mw.settings.reporting import may_differ, overlay_of
from jwt_signer_mw.settings.rules import check

log = logging.getLogger("jwt_signer_mw.settings")

_HELD = {name: (option, attrgetter(".".join(option.path))) for name, option in OPTIONS.items()}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(Parameters):
    """All parameters and options, checked; `warnings` are the weak ones among them.

    `fingerprint` is a SHA-256 over all values, secrets included: a change of policy changes it.
    """

    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    fingerprint: str = field(default="", init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _fingerprint(self.flat()))

    @classmethod
    def load(
        cls,
        mapping: Mapping[str, Any] | Settings | None = None,
        environ: Mapping[str, str] | None = None,
        **keywords: Any,
    ) -> Settings:
        """Settings from flat names; keywords win over the mapping, which wins over the environment.

        Settings are returned as they are. Raises `ConfigurationError` with all problems at once;
        without an error, warnings are logged.
        """
        if isinstance(mapping, Settings) and not keywords:
            return mapping
        vault = os.environ if environ is None else environ
        values, problems = read_values({**_given(mapping), **keywords}, environ or {}, vault)
        return cls._checked(values, problems)

    @classmethod
    def _checked(cls, values: Mapping[str, Any], problems: list[Problem]) -> Self:
        settings = cast("Self", build(cls, "", values, {}))
        unread = {found.option for found in problems}  # these hold their defaults meanwhile
        problems += (found for found in check(settings) if found.option not in unread)
        if not any(found.level == "error" for found in problems):
            problems += _problems_of_shadow(settings)
        if any(found.level == "error" for found in problems):
            raise ConfigurationError(problems)
        for found in problems:
            log.warning("%s %s: %s %s", found.id, found.option, found.text, found.hint)
        object.__setattr__(settings, "warnings", tuple(problems))
        return settings

    @property
    def overlay(self) -> dict[str, object] | None:
        """What `shadow` lays over these settings; None where it names a policy, or nothing."""
        return overlay_of(self.shadow)

    def overlaid(self) -> Settings | None:
        """These with the `shadow` laid over them; None where there is none. Raises `ConfigurationError`."""
        overlay = self.overlay
        if overlay is None:
            return None
        problems = [
            problem("settings.E091", f"shadow.{name}", "can't be another in a shadow.")
            for name in overlay
            if name in OPTIONS and not may_differ(OPTIONS[name])
        ]
        values, unread = read_values({**self.flat(), **overlay, "shadow": None}, {}, {})
        overlaid = cast("Settings", build(Settings, "", values, {}))
        known = {(found.id, found.option) for found in check(self)}
        found = [*unread, *(one for one in check(overlaid) if (one.id, one.option) not in known)]
        problems += (one._replace(option=f"shadow.{one.option}") for one in found if one.level == "error")
        if problems:
            raise ConfigurationError(problems)
        return overlaid

    def flat(self, *, redact: bool = False) -> dict[str, Any]:
        """Every flat name with its value, plain: `Settings.load` takes it back, secrets included."""
        values = {name: option.plain(read(self)) for name, (option, read) in _HELD.items()}
        if redact:
            return {name: shown(OPTIONS[name], value) for name, value in values.items()}
        return values

    def __repr__(self) -> str:
        given = ", ".join(
            f"{name}={value!r}"
            for name, value in self.flat(redact=True).items()
            if value != OPTIONS[name].plain(OPTIONS[name].default)
        )
        return f"Settings({given})"


@contextmanager
def unlogged() -> Iterator[None]:
    """Warnings about settings that are loaded meanwhile do not go to the log."""
    log.addFilter(_refuse_all)
    try:
        yield
    finally:
        log.removeFilter(_refuse_all)


def _refuse_all(_record: logging.LogRecord) -> bool:
    return False


def _problems_of_shadow(settings: Settings) -> tuple[Problem, ...]:
    try:
        settings.overlaid()
    except ConfigurationError as error:
        return error.problems
    return ()


def _given(mapping: object) -> Mapping[str, Any]:
    if isinstance(mapping, Settings):
        return mapping.flat()
    if not isinstance(mapping, Mapping | None):
        text = f"Settings must be a mapping, not {describe(mapping)}."
        raise ConfigurationError([problem("settings.E002", "", text)])
    return mapping or {}


def _fingerprint(flat: Mapping[str, Any]) -> str:
    canonical = json.dumps(flat, sort_keys=True, default=_type_name)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _type_name(service: object) -> str:
    return f"{type(service).__module__}.{type(service).__qualname__}"
