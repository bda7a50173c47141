"""From `settings.JWT_SIGNER` to the settings of every policy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed

from django_jwt_signer.marks import DEFAULT, EXEMPT
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.reporting import find_strangers

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTING = "JWT_SIGNER"
TENANTS = "JWT_SIGNER_TENANTS"
SETTINGS = (SETTING, TENANTS, "AUTH_USER_MODEL")  # that policies are built from
SERVICES = ("transport", "clock")  # keywords of the core's middlewares, but no options


class Configured(NamedTuple):
    """One policy: its settings, and the services that were named with them."""

    settings: Settings
    services: Mapping[str, Any]


def load_policies() -> dict[str, Configured]:
    """By name. What `JWT_SIGNER` leaves unset comes from the environment. Loaded once until it changes.

    Raises `ConfigurationError` with the problems of all policies at once.
    """
    if "policies" not in _loaded:
        _loaded["policies"] = _load(getattr(settings, SETTING, {}))
    return _loaded["policies"]


_loaded: dict[str, dict[str, Configured]] = {}


def _load(given: Any) -> dict[str, Configured]:
    policies: dict[str, Configured] = {}
    problems: list[Problem] = []
    for name, own in _mappings(given, problems):
        try:
            policies[name] = _configured(own)
        except ConfigurationError as error:
            problems += (named(name, problem) for problem in error.problems)
    loaded = {name: configured.settings for name, configured in policies.items()}
    problems += (named(name, problem) for name, problem in find_strangers(loaded))
    if any(problem.level == "error" for problem in problems):
        raise ConfigurationError(problems)
    return policies


def _mappings(given: Any, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    """One mapping is the policy `default`; mappings inside a mapping are policies by name."""
    if not _holds_policies(given):
        yield DEFAULT, given
        return
    if DEFAULT not in given or EXEMPT in given:
        text = f"holds policies: one must be named {DEFAULT!r}, and none may be without a name."
        hint = f"Their names are {', '.join(map(repr, given))}."
        problems.append(Problem("django.E001", "error", SETTING, text, hint))
    yield from given.items()


def _holds_policies(given: Any) -> bool:
    """Some options are mappings as well, so at least one name must be none of an option."""
    return (
        isinstance(given, Mapping)
        and all(isinstance(own, Mapping | Settings) for own in given.values())
        and not given.keys() <= OPTIONS.keys()
    )


def _configured(own: Any) -> Configured:
    """What is neither a mapping nor `Settings` is left to `Settings.load`, which says what is wrong."""
    if not isinstance(own, Mapping):
        return Configured(Settings.load(own, environ=os.environ), {})
    services = {name: own[name] for name in SERVICES if own.get(name) is not None}
    options = {name: value for name, value in own.items() if name not in SERVICES}
    return Configured(Settings.load(options, environ=os.environ), services)


def named(policy: str, problem: Problem) -> Problem:
    """The problem with the policy in front of its option, where there is more than the default one."""
    return problem if policy == DEFAULT else problem._replace(option=f"{policy}.{problem.option}")


def _forget(*, setting: str, **_: Any) -> None:
    if setting in SETTINGS:
        _loaded.clear()


setting_changed.connect(_forget, dispatch_uid="django_jwt_signer.conf")
