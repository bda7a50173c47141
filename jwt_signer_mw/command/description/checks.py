"""What is checked of a set of claims, in plain words and in the order in which it happens (decision 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwt_signer_mw.settings import ClaimRules

MAX_NAMED = 5  # elements of a list; more make a sentence unreadable


def describe_checks(rules: ClaimRules, *, expiry_may_be_absent: bool = False) -> Iterator[str]:
    """One phrase per check, with the status of its refusal."""
    if rules.verify_expiry:
        path = rules.expiry_claim
        absent = _excuse(rules, path, excused=expiry_may_be_absent)
        yield f"`{spell_path(path)}` lies ahead{absent}{_leeway(rules)} (else 401)"
    if rules.verify_notbefore:
        path = rules.notbefore_claim
        yield f"`{spell_path(path)}` lies behind{_excuse(rules, path)}{_leeway(rules)} (else 401)"
    if rules.max_lifetime is not None:
        path = rules.expiry_claim
        yield f"`{spell_path(path)}` is at most {rules.max_lifetime:g} seconds after `iat` (else 401)"
    if rules.max_age is not None:
        yield f"`iat` is less than {rules.max_age:g} seconds ago{_leeway(rules)} (else 401)"
    if rules.required_claims:
        yield f"{_and(f'`{spell_path(path)}`' for path in rules.required_claims)} present (else 401)"
    if rules.verify_issuer and rules.issuers_allowed:
        yield _listed(rules, rules.issuer_claim, rules.issuers_allowed, 401)
    if rules.verify_audience and rules.audiences_allowed:
        yield _listed(rules, rules.audience_claim, rules.audiences_allowed, 403)
    if rules.verify_subject and rules.subjects_allowed:
        yield _listed(rules, rules.subject_claim, rules.subjects_allowed, 403)
    if rules.verify_scopes and rules.scopes_required:
        path = rules.scopes_claim
        choices = " or ".join(_and(map(repr, words.split())) for words in rules.scopes_required)
        yield f"`{spell_path(path)}` holds {choices}{_excuse(rules, path)} (else 403)"


def _listed(rules: ClaimRules, path: tuple[str, ...], allowed: tuple[str, ...], status: int) -> str:
    wanted = repr(allowed[0]) if len(allowed) == 1 else f"one of {spell(map(repr, allowed))}"
    return f"`{spell_path(path)}` is {wanted}{_excuse(rules, path)} (else {status})"


def _excuse(rules: ClaimRules, path: tuple[str, ...], *, excused: bool = False) -> str:
    """Decision 1: a path both required and optional is required."""
    excused = (excused or path in (rules.optional_claims or ())) and path not in (rules.required_claims or ())
    return " or is absent" if excused else ""


def _leeway(rules: ClaimRules) -> str:
    return f", give or take {rules.leeway:g} seconds" if rules.leeway else ""


def _and(parts: Iterable[str]) -> str:
    return " and ".join(parts)


def spell(values: Iterable[str]) -> str:
    """`a, b, c`; of a long list the beginning and how many more there are."""
    every = list(values)
    more = f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else ""
    return ", ".join(every[:MAX_NAMED]) + more


def spell_path(path: tuple[str, ...]) -> str:
    return ".".join(path)
