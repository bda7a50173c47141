"""From `app.config` to the settings of every policy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_jwt_signer.marks import DEFAULT, EXEMPT
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.loading import OPTIONS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTS = "JWT_SIGNER_TENANTS"  # the one that maps hosts to policies
SETTINGS = "JWT_SIGNER"  # the key of `app.config` that holds a mapping
ENDPOINTS = ("admin_path", "admin_token")  # options about the key set endpoints


def load_policies(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Settings]:
    """Settings by the name of their policy; `given` are those of the extension object.

    A name is looked for in the policy's own mapping, in a key `JWT_SIGNER_<PARAMETER>`, in `given`, and in
    an environment variable. Raises `ConfigurationError` with the problems of all policies at once.
    """
    shared = {**given, **dict(_keys(config))}
    policies: dict[str, Settings] = {}
    problems: list[Problem] = []
    for name, own in _mappings(config.get(SETTINGS) or {}, problems):
        problems += _misplaced(name, own)
        try:
            policies[name] = Settings.load(_merged(shared, own), environ=os.environ)
        except ConfigurationError as error:
            problems += (_named(name, problem) for problem in error.problems)
    if any(problem.level == "error" for problem in problems):
        raise ConfigurationError(problems)
    return policies


def _keys(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if key.startswith(PREFIX) and key != TENANTS:
            yield key.removeprefix(PREFIX).lower(), value


def _mappings(settings: Any, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    """One mapping is the policy `default`; mappings inside a mapping are policies by name."""
    if not _holds_policies(settings):
        yield DEFAULT, settings
        return
    if DEFAULT not in settings or EXEMPT in settings:
        text = f"holds policies: one must be named {DEFAULT!r}, and none may be without a name."
        hint = f"Their names are {', '.join(map(repr, settings))}."
        problems.append(Problem("flask.E001", "error", SETTINGS, text, hint))
    yield from settings.items()


def _misplaced(policy: str, own: Any) -> Iterator[Problem]:
    """The endpoints serve the sets of all policies, so one rule has to be the rule."""
    for option in ENDPOINTS if policy != DEFAULT and isinstance(own, Mapping) else ():
        if option in own:
            hint = f"Set it for the policy {DEFAULT!r}."
            yield Problem("flask.E003", "error", f"{policy}.{option}", "has no effect in this policy.", hint)


def _holds_policies(settings: Any) -> bool:
    """Some options are mappings as well, so at least one name must be none of an option."""
    return (
        isinstance(settings, Mapping)
        and all(isinstance(own, Mapping | Settings) for own in settings.values())
        and not settings.keys() <= OPTIONS.keys()
    )


def _merged(shared: Mapping[str, Any], own: Any) -> Any:
    """What is neither a mapping nor `Settings` is left to `Settings.load`, which says what is wrong."""
    if isinstance(own, Settings):
        return own
    return {**shared, **own} if isinstance(own, Mapping) else own


def _named(policy: str, problem: Problem) -> Problem:
    return problem if policy == DEFAULT else problem._replace(option=f"{policy}.{problem.option}")
