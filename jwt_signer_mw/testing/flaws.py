"""What can be wrong with a token, by name. Whatever is not named is as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from jwt_signer_mw.jose import generate_key, load_key, sign_compact
from jwt_signer_mw.testing.demanded import LIFE, overwrite
from jwt_signer_mw.wire import dump_json, encode_base64url

if TYPE_CHECKING:
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.settings import ClaimRules

Flaw: TypeAlias = Literal[
    "expired",
    "early",  # not valid yet
    "wrong_issuer",
    "wrong_audience",
    "forged",  # names the provider's key, and is signed with another; opaque: nobody issued it
    "unsigned",  # alg none
    "unknown_key",  # signed with a key that the provider does not publish
    "revoked",  # opaque only
]
FLAWS: Final[tuple[Flaw, ...]] = get_args(Flaw)
OF_JWTS: Final = frozenset({"unsigned", "unknown_key"})
SOMEBODY_ELSE: Final = "https://somebody-else.invalid"


def spoil(claims: dict[str, Any], rules: ClaimRules, flaw: Flaw | None, now: int) -> None:
    """Makes the claims wrong, if that is where the flaw is. What is off by time is so by more than leeway."""
    late = LIFE + int(rules.leeway)
    match flaw:
        case "expired":
            overwrite(claims, rules.expiry_claim, now - late)
        case "early":
            overwrite(claims, rules.notbefore_claim, now + late)
        case "wrong_issuer":
            overwrite(claims, rules.issuer_claim, SOMEBODY_ELSE)
        case "wrong_audience":
            overwrite(claims, rules.audience_claim, SOMEBODY_ELSE)


def compact(claims: dict[str, Any], key: Key, algorithm: str, flaw: Flaw | None, typ: str = "JWT") -> str:
    """The JWT with these claims, signed with the key, or wrongly, if that is where the flaw is.

    Raises `ValueError` for a flaw that no JWT has.
    """
    if flaw == "revoked":
        raise ValueError("nobody is asked about a JWT, so it can't be revoked: issue an opaque token")
    payload = dump_json(claims)
    if flaw == "unsigned":
        header = encode_base64url(b'{"alg":"none","typ":"JWT"}')
        return f"{header}.{encode_base64url(payload)}."
    if flaw in ("forged", "unknown_key"):
        foreign = generate_key(algorithm)
        kid = key.published_kid if flaw == "forged" else foreign.published_kid
        key = load_key({**foreign.private_jwk(), "kid": kid})
    return sign_compact(payload, key, algorithm, typ=typ)
