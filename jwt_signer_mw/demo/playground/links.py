"""Links to a state of the page: what was changed about a scenario, in the fragment of the URL.

Nothing secret is in a link: no token, no value of a secret option, no header that somebody added, no query.
Addresses of the demo's providers, which are others each time, stand as `{access}` and `{channel}`.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from jwt_signer_mw.demo.playground.fence import REFERENCE
from jwt_signer_mw.demo.playground.policies import as_toml, parse_policy, policy_of
from jwt_signer_mw.demo.playground.requesting import METHODS
from jwt_signer_mw.demo.playground.tokens import KINDS, OPENINGS, Recipe
from jwt_signer_mw.demo.scenarios import SCENARIOS
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.demo.stage import Providers

MAX_FIELDS = 20
METHOD, PATH = "GET", "/orders"
OF_THE_MOMENT = frozenset({"iss", "iat", "exp", "jti"})  # claims that are other ones each time

_JWT = re.compile(r"ey[\w-]+\.[\w-]*\.[\w-]*")
_SCENARIOS = {scenario.name: scenario for scenario in SCENARIOS}


class Link(NamedTuple):
    """The fragment, and the names of what is not in it."""

    fragment: str
    left_out: tuple[str, ...]


class Opening(NamedTuple):
    """What a page starts with; of each token the recipe, and whether it has expired."""

    scenario: str
    method: str
    path: str
    settings: str
    tokens: tuple[tuple[Recipe, bool], ...]


class Scrubber:
    """Keeps out what must not be in a link, and notes its name."""

    def __init__(self, providers: Providers, tokens: list[str]) -> None:
        self._providers = providers
        self._tokens = [token for token in tokens if token]
        self.left_out: list[str] = []

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A name that is unknown may be that of a secret, with a typing error."""
        return {name: self._portable(one) for name, one in given.items() if self._keeps(name, one, _is_open)}

    def claims(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._portable(one) for name, one in given.items() if self._keeps(name, one, _any)}

    def _keeps(self, name: str, value: Any, is_open: Any) -> bool:
        text = json.dumps(value, ensure_ascii=False)
        held = any(token in text for token in self._tokens) or _JWT.search(text)
        if held or not is_open(name, value):
            self.left_out.append(name)
            return False
        return True

    def _portable(self, value: Any) -> Any:
        text = json.dumps(value)
        for one in self._providers:
            text = text.replace(one.origin, f"{{{one.name}}}")
        return json.loads(text)


def _is_open(name: str, value: Any) -> bool:
    declared = OPTIONS[name].declared if name in OPTIONS else None
    return declared is not None and (value == REFERENCE or not (declared.secret or declared.referenceable))


def _any(_: str, __: Any) -> bool:
    return True


def write_link(state: Mapping[str, Any], providers: Providers) -> Link:
    """From what the page says about itself. Raises `Malformed`."""
    name, cards = str(state.get("scenario")), state.get("tokens", [])
    if (
        name not in _SCENARIOS
        or not isinstance(cards, list)
        or not all(isinstance(one, dict) for one in cards)
    ):
        raise Malformed("There is no such scenario.")
    scrubber = Scrubber(providers, [str(card.get("token", "")) for card in cards])
    fields: dict[str, Any] = {"scenario": name}
    method, path = state.get("method"), str(state.get("path", PATH)).partition("?")[0]
    fields |= {"method": method} if method in METHODS and method != METHOD else {}
    fields |= {"path": path} if path != PATH else {}
    fields |= _changed_settings(policy_of(_SCENARIOS[name], providers), state.get("settings"), scrubber)
    for recipe, card in zip(OPENINGS[name], cards, strict=False):
        if told := _changed_token(recipe, card, providers, scrubber):
            fields[recipe.slot] = json.dumps(told, separators=(",", ":"))
    return Link(urlencode(fields), tuple(scrubber.left_out))


def _changed_settings(usual: Mapping[str, Any], text: object, scrubber: Scrubber) -> dict[str, str]:
    try:
        given = parse_policy(str(text))
        new = scrubber.options({name: one for name, one in given.items() if usual.get(name, ...) != one})
    except (ConfigurationError, TypeError):  # a date of TOML is no JSON
        scrubber.left_out.append("settings")
        return {}
    gone = [name for name in usual if name not in given]
    compact = {"separators": (",", ":")}
    fields = {"set": json.dumps(new, **compact) if new else "", "unset": ",".join(gone)}  # type: ignore[arg-type]
    return {name: one for name, one in fields.items() if one}


def _changed_token(
    recipe: Recipe, card: Mapping[str, Any], providers: Providers, scrubber: Scrubber
) -> dict[str, Any]:
    kind, claims = card.get("kind"), card.get("claims")
    claims = claims if isinstance(claims, dict) else {}
    if kind == "raw":
        scrubber.left_out.append(recipe.slot)
        return {}
    expiry = claims.get("exp")
    told: dict[str, Any] = {"kind": kind} if kind in KINDS and kind != recipe.kind else {}
    told |= {"expired": True} if isinstance(expiry, (int, float)) and expiry <= time.time() else {}
    usual = providers.access.claims(**recipe.claims)
    new = {name: one for name, one in claims.items() if name not in OF_THE_MOMENT and usual.get(name) != one}
    gone = [name for name in usual if name not in claims and claims]
    told |= {"claims": kept} if (kept := scrubber.claims(new)) else {}
    return told | ({"without": gone} if gone else {})


def read_link(fragment: str, providers: Providers) -> Opening:
    """Whatever is in it, an opening comes of it: what can't be read is as the scenario has it."""
    try:
        fields = dict(parse_qsl(fragment.removeprefix("#"), max_num_fields=MAX_FIELDS))
    except ValueError:
        fields = {}
    name = fields.get("scenario", "")
    scenario = _SCENARIOS.get(name, SCENARIOS[0])
    policy = policy_of(scenario, providers) | _read_json(fields.get("set", ""), providers)
    policy = {
        option: one for option, one in policy.items() if option not in fields.get("unset", "").split(",")
    }
    method = fields.get("method", METHOD)
    return Opening(
        scenario.name,
        method if method in METHODS else METHOD,
        fields.get("path", PATH),
        as_toml(policy),
        tuple(_read_tokens(OPENINGS[scenario.name], fields, providers)),
    )


def _read_tokens(
    recipes: tuple[Recipe, ...], fields: Mapping[str, str], providers: Providers
) -> Iterator[tuple[Recipe, bool]]:
    for recipe in recipes:
        told = _read_json(fields.get(recipe.slot, ""), providers)
        kind, claims, gone = told.get("kind"), told.get("claims"), told.get("without")
        changes = {**recipe.claims, **(claims if isinstance(claims, dict) else {})}
        yield (
            recipe._replace(
                kind=kind if isinstance(kind, str) and kind in KINDS else recipe.kind,
                claims=changes,
                without=tuple(map(str, gone)) if isinstance(gone, list) else (),
            ),
            told.get("expired") is True,
        )


def _read_json(text: str, providers: Providers) -> dict[str, Any]:
    for one in providers:
        text = text.replace(f"{{{one.name}}}", one.origin)
    try:
        return parse_object(text.encode("utf-8", "replace")) if text else {}
    except Malformed:
        return {}
