"""Which kinds of JWT are accepted: by `typ`, and by what a profile demands of the claims.

A provider signs more than access tokens with one key: ID tokens, logout tokens, security events, answers
about tokens. A JWT of one kind must not pass for another (RFC 8725 sections 2.8, 3.11 and 3.12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.errors import ClaimMalformed, ClaimMissing, TypNotAllowed
from jwt_signer_mw.tokens.checks import Check
from jwt_signer_mw.tokens.claims import DATES, read_claim
from jwt_signer_mw.tokens.compact import bare_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from jwt_signer_mw.settings import TokenSettings

UNTYPED = "JWT"  # RFC 7519 section 5.1: what a JWT that says no more would say


class Profile(NamedTuple):
    """Types that a JWT of this kind has, and claims that have to be there."""

    typ: str
    source: str
    required: tuple[str, ...]


PROFILES = {
    "at+jwt": Profile(  # sections 2.1 and 2.2
        "at+jwt", "RFC 9068", ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
    )
}


class TypeCheck:
    """`{token}_typ_allowed` and `{token}_profile`, as far as a JWT's header tells."""

    def __init__(self, token: TokenSettings) -> None:
        typing = token.typing
        self._rules = [
            (typing.option(field), frozenset(map(bare_type, allowed)))
            for field, allowed in (
                ("typ_allowed", typing.typ_allowed),
                ("profile", None if typing.profile is None else (PROFILES[typing.profile].typ,)),
            )
            if allowed is not None
        ]

    def check(self, header: Mapping[str, Any]) -> None:
        """Raises `TypNotAllowed`. The type of `typ` is known to be text."""
        for option, allowed in self._rules:
            typ = header.get("typ", UNTYPED)
            if bare_type(typ) not in allowed:
                raise TypNotAllowed(f"typ {typ[:64]!a} is not allowed", option=option)


def profile_checks(token: TokenSettings) -> tuple[Check, ...]:
    """What the profile demands of a JWT's claims."""
    if token.typing.profile is None:
        return ()
    option = token.typing.option("profile")
    return (Check("profile", option, _claims_of(PROFILES[token.typing.profile], option)),)


def _claims_of(profile: Profile, option: str) -> Callable[[Mapping[str, Any], float], None]:
    """All are text, but for dates, which are checked elsewhere, and for `aud`, which may be a list."""

    def claims_of(claims: Mapping[str, Any], _now: float) -> None:
        for name in profile.required:
            value = read_claim(claims, (name,))
            if value is None:
                raise ClaimMissing(
                    f"the claim {name} is absent, which {profile.source} demands", option=option
                )
            if name not in DATES and not _is_text(value, may_be_list=name == "aud"):
                raise ClaimMalformed(f"{name} is not what {profile.source} says", option=option)

    return claims_of


def _is_text(value: object, *, may_be_list: bool) -> bool:
    texts = value if may_be_list and type(value) is list else [value]
    return bool(texts) and all(type(text) is str and text for text in texts)
