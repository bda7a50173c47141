"""The checks of one family of claims, compiled once from its rules.

The same functions serve the tokens and the introspection results of both tokens. They run in the
order of decision 3: every cause of a 401 before every cause of a 403.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import (
    AudienceNotAllowed,
    ClaimMissing,
    IssuerNotAllowed,
    LifetimeTooLong,
    ScopesInsufficient,
    SubjectNotAllowed,
    TokenExpired,
    TokenNotYetValid,
    TokenTooOld,
)
from jwt_signer_mw.tokens.claims import Path, read_claim, read_date, require_registered_types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from jwt_signer_mw.settings import ClaimRules


ISSUED: Path = ("iat",)  # RFC 7519 section 4.1.6; no parameter names another


class Check(NamedTuple):
    """One named check. `run` gets the claims and the time, and raises the refusal when they fail."""

    name: str
    option: str
    run: Callable[[Mapping[str, Any], float], None]


def compile_checks(
    rules: ClaimRules, *, expiry_may_be_absent: bool = False, more: tuple[Check, ...] = ()
) -> tuple[Check, ...]:
    """The checks that the rules ask for, in order. `expiry_may_be_absent` is RFC 7662's exception.

    `more` are others that refuse with 401, after those of times.
    """
    return tuple(_checks(rules, expiry_may_be_absent, more))


def run_checks(checks: tuple[Check, ...], claims: Mapping[str, Any], now: float) -> None:
    for check in checks:
        check.run(claims, now)


def valid_until(rules: ClaimRules, claims: Mapping[str, Any]) -> float:
    """The second from which on the check of the expiry or of the age will fail, or infinity."""
    until = math.inf
    if rules.verify_expiry and (expiry := read_date(claims, rules.expiry_claim)) is not None:
        until = expiry + rules.leeway
    if rules.max_age is not None and (issued := read_date(claims, ISSUED)) is not None:
        until = min(until, issued + rules.max_age + rules.leeway)
    return until


def valid_since(rules: ClaimRules, claims: Mapping[str, Any]) -> float:
    """The second before which the check of not-before or of the issue time fails, or minus infinity."""
    since = -math.inf
    if rules.verify_notbefore and (start := read_date(claims, rules.notbefore_claim)) is not None:
        since = start - rules.leeway
    if _limits_life(rules) and (issued := read_date(claims, ISSUED)) is not None:
        since = max(since, issued - rules.leeway)
    return since


def _checks(rules: ClaimRules, expiry_may_be_absent: bool, more: tuple[Check, ...]) -> Iterator[Check]:
    yield Check("registered claims", "", lambda claims, _now: require_registered_types(claims))
    if rules.verify_expiry:
        yield Check("expiry", rules.option("verify_expiry"), _expiry(rules, expiry_may_be_absent))
    if rules.verify_notbefore:
        yield Check("not before", rules.option("verify_notbefore"), _notbefore(rules))
    yield from (*_checks_of_life(rules), *more)
    if rules.required_claims:
        yield Check("required claims", rules.option("required_claims"), _required(rules))
    if rules.verify_issuer and rules.issuers_allowed is not None:
        yield Check("issuer", rules.option("issuers_allowed"), _issuer(rules))
    if rules.verify_audience and rules.audiences_allowed is not None:
        yield Check("audience", rules.option("audiences_allowed"), _audience(rules))
    if rules.verify_subject and rules.subjects_allowed is not None:
        yield Check("subject", rules.option("subjects_allowed"), _subject(rules))
    if rules.verify_scopes and rules.scopes_required is not None:
        yield Check("scopes", rules.option("scopes_required"), _scopes(rules))


def _checks_of_life(rules: ClaimRules) -> Iterator[Check]:
    if _limits_life(rules):
        yield Check("issue time", rules.option(_limit(rules)), _issued(rules))
    if rules.max_lifetime is not None:
        yield Check("lifetime", rules.option("max_lifetime"), _lifetime(rules, rules.max_lifetime))
    if rules.max_age is not None:
        yield Check("age", rules.option("max_age"), _age(rules, rules.max_age))


def _is_optional(rules: ClaimRules, path: Path) -> bool:
    """Decision 1: a path both required and optional is required."""
    return path in (rules.optional_claims or ()) and path not in (rules.required_claims or ())


def _expiry(rules: ClaimRules, may_be_absent: bool) -> Callable[[Mapping[str, Any], float], None]:
    path, leeway, option = rules.expiry_claim, rules.leeway, rules.option("verify_expiry")
    absent_is_fine = may_be_absent or _is_optional(rules, path)

    def expiry(claims: Mapping[str, Any], now: float) -> None:
        value = read_date(claims, path, option)
        if value is None:
            if not absent_is_fine:
                raise ClaimMissing(f"the claim {'.'.join(path)} is absent", option=option)
        elif now >= value + leeway:
            raise TokenExpired(f"expired {now - value:.0f} s ago", option=option)

    return expiry


def _notbefore(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    path, leeway, option = rules.notbefore_claim, rules.leeway, rules.option("verify_notbefore")
    absent_is_fine = _is_optional(rules, path)

    def notbefore(claims: Mapping[str, Any], now: float) -> None:
        value = read_date(claims, path, option)
        if value is None:
            if not absent_is_fine:
                raise ClaimMissing(f"the claim {'.'.join(path)} is absent", option=option)
        elif now + leeway < value:
            raise TokenNotYetValid(f"valid in {value - now:.0f} s", option=option)

    return notbefore


def _limits_life(rules: ClaimRules) -> bool:
    return rules.max_lifetime is not None or rules.max_age is not None


def _limit(rules: ClaimRules) -> str:
    return "max_age" if rules.max_lifetime is None else "max_lifetime"


def _issued(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    """A token from the future would be younger than it is."""
    leeway, option = rules.leeway, rules.option(_limit(rules))
    absent_is_fine = _is_optional(rules, ISSUED)

    def issued(claims: Mapping[str, Any], now: float) -> None:
        value = read_date(claims, ISSUED, option)
        if value is None:
            if not absent_is_fine:
                raise ClaimMissing("the claim iat is absent", option=option)
        elif now + leeway < value:
            raise TokenNotYetValid(f"issued in {value - now:.0f} s", option=option)

    return issued


def _lifetime(rules: ClaimRules, limit: float) -> Callable[[Mapping[str, Any], float], None]:
    """What never expires lives too long, of introspection results too."""
    path, option = rules.expiry_claim, rules.option("max_lifetime")
    absent_is_fine = _is_optional(rules, path)

    def lifetime(claims: Mapping[str, Any], _now: float) -> None:
        start, end = read_date(claims, ISSUED, option), read_date(claims, path, option)
        if end is None:
            if not absent_is_fine:
                raise ClaimMissing(f"the claim {'.'.join(path)} is absent", option=option)
        elif start is not None and end - start > limit:
            raise LifetimeTooLong(f"issued for {end - start:.0f} s, {limit:g} s are allowed", option=option)

    return lifetime


def _age(rules: ClaimRules, limit: float) -> Callable[[Mapping[str, Any], float], None]:
    leeway, option = rules.leeway, rules.option("max_age")

    def age(claims: Mapping[str, Any], now: float) -> None:
        start = read_date(claims, ISSUED, option)
        if start is not None and now >= start + limit + leeway:
            raise TokenTooOld(f"issued {now - start:.0f} s ago, {limit:g} s are allowed", option=option)

    return age


def _required(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    paths, option = rules.required_claims or (), rules.option("required_claims")

    def required(claims: Mapping[str, Any], _now: float) -> None:
        for path in paths:
            if read_claim(claims, path) is None:
                raise ClaimMissing(f"the claim {'.'.join(path)} is absent", option=option)

    return required


def _issuer(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    path, allowed = rules.issuer_claim, frozenset(rules.issuers_allowed or ())
    absent_is_fine, option = _is_optional(rules, path), rules.option("issuers_allowed")

    def issuer(claims: Mapping[str, Any], _now: float) -> None:
        value = read_claim(claims, path)
        if value is None and absent_is_fine:
            return
        if type(value) is not str or value not in allowed:
            raise IssuerNotAllowed(f"the claim {'.'.join(path)} is not an allowed issuer", option=option)

    return issuer


def _subject(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    path, allowed = rules.subject_claim, frozenset(rules.subjects_allowed or ())
    absent_is_fine, option = _is_optional(rules, path), rules.option("subjects_allowed")

    def subject(claims: Mapping[str, Any], _now: float) -> None:
        value = read_claim(claims, path)
        if value is None and absent_is_fine:
            return
        if type(value) is not str or value not in allowed:
            raise SubjectNotAllowed(f"the claim {'.'.join(path)} is not an allowed subject", option=option)

    return subject


def _audience(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    path, allowed = rules.audience_claim, frozenset(rules.audiences_allowed or ())
    absent_is_fine, option = _is_optional(rules, path), rules.option("audiences_allowed")

    def audience(claims: Mapping[str, Any], _now: float) -> None:
        value = read_claim(claims, path)
        if value is None and absent_is_fine:
            return
        values = [value] if type(value) is str else value
        if type(values) is not list or not all(type(item) is str for item in values):
            raise AudienceNotAllowed(f"the claim {'.'.join(path)} is no audience", option=option)
        if allowed.isdisjoint(values):
            raise AudienceNotAllowed(f"the claim {'.'.join(path)} holds no allowed audience", option=option)

    return audience


def read_scopes(value: object) -> frozenset[str]:
    """RFC 6749 section 3.3: text separated by single spaces, or a list of whole values; else none."""
    if type(value) is str:
        return frozenset(value.split(" "))
    if type(value) is list:
        return frozenset(item for item in value if type(item) is str)
    return frozenset()


def _scopes(rules: ClaimRules) -> Callable[[Mapping[str, Any], float], None]:
    path, option = rules.scopes_claim, rules.option("scopes_required")
    absent_is_fine = _is_optional(rules, path)
    alternatives = tuple(frozenset(words.split()) for words in rules.scopes_required or ())
    enough = (rules.scopes_required or ("",))[0]

    def scopes(claims: Mapping[str, Any], _now: float) -> None:
        value = read_claim(claims, path)
        if value is None and absent_is_fine:
            return
        held = read_scopes(value)
        if not any(words <= held for words in alternatives):
            raise ScopesInsufficient(
                f"the claim {'.'.join(path)} holds no required combination", option=option, scope=enough
            )

    return scopes
