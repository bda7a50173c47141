"""Settings as people write them in the page: read from text, shown as text."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.demo.playground.fence import (
    CREDENTIALS,
    REFERENCE,
    find_closed,
    find_foreign_urls,
)
from jwt_signer_mw.demo.provider import CLIENT
from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.wire import Malformed, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.demo.scenarios import Scenario
    from jwt_signer_mw.demo.stage import Providers

MAX_TEXT = 20_000  # characters
RELOAD = {"jwks_reload_interval": 1}  # second; as in the demo, so that keys may rotate as often as one likes


def parse_policy(text: str) -> dict[str, Any]:
    """The mapping in a text, JSON if it starts with a brace, else TOML. Raises `ConfigurationError`."""
    is_json = text.lstrip().startswith("{")
    try:
        given = parse_json(text.encode()) if is_json else tomllib.loads(text)
    except (Malformed, tomllib.TOMLDecodeError, UnicodeEncodeError, RecursionError, ValueError) as error:
        place = re.search(r"at line \d+, column \d+|at end of document", str(error))
        what = "JSON" if is_json else "TOML"
        raise unusable(f"The text is not valid {what}{f' ({place[0]})' if place else ''}.") from None
    if not isinstance(given, dict):
        raise unusable("The text must hold a map of options.")
    return given


def load_policy(text: str, providers: Providers, own: Mapping[str, Any]) -> Settings:
    """Settings that keep within the fence, and our `own` beside. Raises `ConfigurationError` with all
    problems at once."""
    given = parse_policy(text)
    closed = list(find_closed(given))
    rest = {name: value for name, value in given.items() if name not in {one.option for one in closed}}
    try:
        settings = Settings.load({**RELOAD, **rest, **own}, environ={CREDENTIALS: credentials(providers)})
    except ConfigurationError as error:
        foreign = find_foreign_urls(rest, providers)
        raise ConfigurationError([*closed, *foreign, *error.problems]) from None
    if found := [*closed, *find_foreign_urls(settings.flat(), providers)]:
        raise ConfigurationError([*found, *settings.warnings])
    return settings


def unusable(text: str) -> ConfigurationError:
    return ConfigurationError([Problem("playground.E004", "error", "", text)])


def credentials(providers: Providers) -> str:
    """What the introspection endpoint of the provider of access tokens asks for."""
    pair = f"{CLIENT}:{providers.access.client_secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def policy_of(scenario: Scenario, providers: Providers) -> dict[str, Any]:
    """The scenario's settings, with a reference in the place of each secret."""
    settings = scenario.settings(providers)
    return {name: REFERENCE if OPTIONS[name].declared.secret else value for name, value in settings.items()}


def as_toml(policy: Mapping[str, Any]) -> str:
    """One option a line. Texts, numbers and lists look the same in JSON."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in policy.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
