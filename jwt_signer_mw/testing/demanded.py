"""What settings demand of claims, filled in where a test does not say otherwise."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.tokens.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.settings import ClaimRules
    from jwt_signer_mw.settings.explicit_typing import ExplicitTyping
    from jwt_signer_mw.tokens.claims import Path

LIFE = 300  # seconds that a token is good for


def filled(rules: ClaimRules, claims: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Claims that pass the rules, unless a given one does not; null is given, too."""
    full = deepcopy(dict(claims))
    for path, value in _demanded(rules, now):
        fill(full, path, value)
    return full


def fill_profile(claims: dict[str, Any], typing: ExplicitTyping, now: int) -> str:
    """Fills in what a profile demands. The `typ` that goes with it."""
    if typing.profile is None:
        return typing.typ_allowed[0] if typing.typ_allowed else "JWT"
    profile = PROFILES[typing.profile]
    for name in profile.required:
        fill(claims, (name,), now if name == "iat" else name)
    return profile.typ


def fill(claims: dict[str, Any], path: Path, value: Any) -> None:
    """Sets a claim that is not there; what is there, null included, stays as it is."""
    *parents, name = path
    place: Any = claims
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place.setdefault(name, value)


def overwrite(claims: dict[str, Any], path: Path, value: Any) -> None:
    """Sets a claim, whatever is there."""
    *parents, name = path
    place = claims
    for parent in parents:
        if not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    place[name] = value


def _demanded(rules: ClaimRules, now: int) -> Iterator[tuple[Path, Any]]:
    if rules.max_lifetime is not None or rules.max_age is not None:
        yield ("iat",), now
    if rules.verify_expiry or rules.max_lifetime is not None:
        yield rules.expiry_claim, now + min(LIFE, rules.max_lifetime or LIFE)
    if rules.verify_notbefore:
        yield rules.notbefore_claim, now
    for switch, path, values in (
        (rules.verify_issuer, rules.issuer_claim, rules.issuers_allowed),
        (rules.verify_audience, rules.audience_claim, rules.audiences_allowed),
        (rules.verify_subject, rules.subject_claim, rules.subjects_allowed),
        (rules.verify_scopes, rules.scopes_claim, rules.scopes_required),
    ):
        if switch and values:
            yield path, values[0]
    for path in rules.required_claims or ():
        yield path, "required"
