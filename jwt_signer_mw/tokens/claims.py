"""Reading claims by path, and editing them before a new token is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

from jwt_signer_mw.errors import ClaimMalformed
from jwt_signer_mw.wire import Malformed, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Claims: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: later dates are milliseconds or an attack
_TEXTS = ("iss", "sub", "jti")  # RFC 7519 sections 4.1.1, 4.1.2 and 4.1.7: StringOrURI, string
DATES = ("exp", "nbf", "iat")  # RFC 7519 section 2: NumericDate


def read_claim(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at the path, or None: a null counts as absent, and so does a path through no object."""
    value: Any = claims
    for name in path:
        if type(value) is not dict:
            return None
        value = value.get(name)
        if value is None:
            return None
    return value


def is_date(value: object) -> TypeGuard[int | float]:
    """A NumericDate: a finite JSON number in a sane range; a bool is none."""
    if type(value) is int or type(value) is float:
        return -LAST_SECOND <= value <= LAST_SECOND  # false for NaN
    return False


def read_date(claims: Mapping[str, Any], path: Path, option: str = "") -> int | float | None:
    """Seconds since the epoch at the path, or None. Raises `ClaimMalformed` for anything else."""
    value = read_claim(claims, path)
    if value is None or is_date(value):
        return value
    raise ClaimMalformed(f"the claim {'.'.join(path)} is not a date", option=option)


def require_registered_types(claims: Mapping[str, Any]) -> None:
    """Registered claims that are there have the type RFC 7519 gives them, else `ClaimMalformed`."""
    for name in DATES:
        value = claims.get(name)
        if value is not None and not is_date(value):
            raise ClaimMalformed(f"the claim {name} is not a date")
    for name in _TEXTS:
        value = claims.get(name)
        if value is not None and type(value) is not str:
            raise ClaimMalformed(f"the claim {name} is not text")


class ClaimEdits(NamedTuple):
    """What happens to the claims of a new token, in this order (decision 9)."""

    add: tuple[tuple[str, Any], ...] = ()
    set: tuple[tuple[str, Any], ...] = ()
    remove: tuple[str, ...] = ()

    def apply(self, claims: Claims, also_set: Iterable[tuple[str, Any]] = ()) -> None:
        for name, value in self.add:
            if claims.get(name) is None:
                claims[name] = value
        for name, value in (*self.set, *also_set):
            claims[name] = value
        for name in self.remove:
            claims.pop(name, None)


def decode_values(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, Any], ...]:
    """A configured value that is JSON is stored decoded, any other as the text that it is."""
    return tuple((name, _decode_value(value)) for name, value in pairs)


def _decode_value(value: str) -> Any:
    try:
        return parse_json(value.encode())
    except Malformed:
        return value
