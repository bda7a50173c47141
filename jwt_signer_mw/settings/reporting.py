"""What is reported and not refused: checks that only report, and a second policy in the shadow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.declaring import Option, Part, parameter
from jwt_signer_mw.settings.kinds import MAX_ELEMENTS, Plain, Schema, Text, TextList, read_json, wrong_type
from jwt_signer_mw.settings.options import SINCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import TokenSettings
    from jwt_signer_mw.settings.families import ClaimRules

# The checks that may only report, and how `ClaimRules` leave each out. All are about claims of a token that
# is genuine, unexpired and meant for this door. What is not here refuses always: a missing, repeated,
# malformed or over-long token, its type, its algorithm, signature and keys, claims of the wrong JSON type,
# expiry, introspection, and the binding of a token to its sender.
REPORTABLE: Final[Mapping[str, Mapping[str, object]]] = {
    "issuer": {"verify_issuer": False},
    "audience": {"verify_audience": False},
    "subject": {"verify_subject": False},
    "scopes": {"verify_scopes": False},
    "required_claims": {"required_claims": None},
    "not_before": {"verify_notbefore": False},
    "lifetime": {"max_lifetime": None, "max_age": None},
    "consumer": {},  # mapped where there is one: see `flows.consumers.OptionalConsumers`
}
WANTED = "a map of settings, or the name of a policy"

# Of a token, what a shadow may judge otherwise: claims, and what kind of token is taken. The rest would need
# keys, connections or signatures of its own.
_PARTS = ("claims", "introspection", "typing")
_SWITCHES = ("optional", "enable_introspection", "trust_introspection")
_OF_BOTH = ("enable_hs_signatures", "max_token_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting(Part):
    """Which checks of a token only report."""

    report_only: tuple[str, ...] = parameter(
        "{}_report_only",
        TextList(Text(tuple(REPORTABLE)), may_be_empty=True, unique=True),
        (),
        "Checks of claims that let pass what they would refuse, and report it.",
        since=SINCE,
        null="default",
    )


@dataclass(frozen=True)
class Shadow(Plain):
    """Settings that are laid over the policy, held as JSON text, or the name of another policy."""

    def read(self, value: object) -> str:
        if isinstance(value, str) and not value.lstrip().startswith("{"):
            return Text().read(value)
        value = read_json(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping) or not value or len(value) > MAX_ELEMENTS:
            raise wrong_type(WANTED, value)
        try:
            return json.dumps(dict(value), allow_nan=False)
        except (TypeError, ValueError):
            raise wrong_type(WANTED, value) from None

    def plain(self, value: Any) -> object:
        overlay = overlay_of(value)
        return value if overlay is None else overlay

    def schema(self) -> Schema:
        return {"anyOf": [Text().schema(), {"type": "object", "minProperties": 1}]}


def overlay_of(shadow: str | None) -> dict[str, object] | None:
    """The settings that are laid over the policy; None where there are none, or a policy is named."""
    if shadow is None or not shadow.startswith("{"):
        return None
    overlay: dict[str, object] = json.loads(shadow)
    return overlay


def find_strangers(policies: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    """Shadows that name no other policy of these `Settings`, each with the name of its own."""
    for name, settings in policies.items():
        shadow = settings.shadow
        if shadow is not None and settings.overlay is None and (shadow == name or shadow not in policies):
            yield (
                name,
                problem("settings.E092", "shadow", f"names {shadow!r}, which is no other policy here."),
            )


def may_differ(option: Option) -> bool:
    """Whether a shadow that is laid over a policy may have its own value for this option."""
    if option.path[0] not in ("access_token", "channel_token"):
        return option.name in _OF_BOTH
    part = option.path[1]
    return part in (_PARTS if len(option.path) > 2 else _SWITCHES)


def enforced(token: TokenSettings) -> TokenSettings:
    """The token's settings without the checks that only report."""
    names = token.reporting.report_only
    if token.elsewhere:  # of one trusted issuer, which is never another
        names = tuple(name for name in names if name != "issuer")
    if not names:
        return token
    return dataclasses.replace(
        token, claims=_lenient(token.claims, names), introspection=_lenient(token.introspection, names)
    )


def _lenient(rules: ClaimRules, names: tuple[str, ...]) -> ClaimRules:
    changes: dict[str, Any] = {}
    for name in names:
        changes |= REPORTABLE[name]
    return dataclasses.replace(rules, **changes)
