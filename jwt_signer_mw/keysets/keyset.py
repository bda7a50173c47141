"""A key set of our own, as it is stored: keys, their life, its JSON. Times are seconds since the epoch.

Every key has an interval in which it signs, `signing_since` to `signing_until`; for one algorithm these
intervals follow one another, so at any moment one key signs. `lifecycle` moves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jwt_signer_mw.wire import Malformed, dump_json, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable

Jwk: TypeAlias = Mapping[str, str]
Generation: TypeAlias = Literal["next", "current", "previous"]
GENERATIONS: tuple[Generation, ...] = ("current", "next", "previous")  # as published: what signs comes first

# Of the JSON. A later version of the suite may add members, which this one keeps as they are. What an
# earlier one can't live with gets a new number, and is refused by it rather than half read.
FORMAT = 1
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_PUBLIC_ATTRIBUTES = ("kty", "kid", "use", "alg")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key. It may sign from `ready_at` on: then no fresh copy of the document is without it.

    `signing_until` may lie ahead: the key signs until its successor is ready.
    `more`: members that a later version of the suite wrote.
    """

    jwk: Jwk = field(repr=False, hash=False)  # private
    generation: Generation
    published_at: float
    ready_at: float
    signing_since: float | None = None
    signing_until: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def kid(self) -> str:
        return self.jwk["kid"]

    @property
    def alg(self) -> str:
        return self.jwk["alg"]


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A named set. `version` grows by one with every change, `id` says which set of that name it is.

    `longest_life` is the longest that a token signed with this set lived, in seconds, rounded up.
    `more`: members that a later version of the suite wrote.
    """

    id: str
    name: str
    version: int
    created_at: float
    updated_at: float
    rotated_at: float
    longest_life: float
    keys: tuple[StoredKey, ...]
    more: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(key.alg for key in self.keys)

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(key.kid for key in self.keys)

    def generation(self, *generations: Generation) -> tuple[StoredKey, ...]:
        return tuple(key for name in generations for key in self.keys if key.generation == name)

    def find(self, kid: str) -> StoredKey:
        """Raises `LookupError`."""
        for key in self.keys:
            if key.kid == kid:
                return key
        raise LookupError(f"there is no key {kid!r} in the set {self.name!r}")

    def signing_key(self, alg: str, now: float) -> StoredKey | None:
        """The one key that signs with this algorithm at this moment (decision 14)."""
        current = next((key for key in self.generation("current") if key.alg == alg), None)
        if current is None or current.signing_since is None or current.signing_since <= now:
            return current
        before = [key for key in self.generation("previous") if key.alg == alg and _signs(key, now)]
        return max(before, key=lambda key: key.signing_until or 0.0, default=current)

    def needed_until(self, key: StoredKey) -> float | None:
        """When the last token signed with this key is gone; None while that is not known yet."""
        return None if key.signing_until is None else key.signing_until + self.longest_life


def _signs(key: StoredKey, now: float) -> bool:
    return key.signing_until is not None and now < key.signing_until


# What the world may see ----------------------------------------------------------------------------


def public_jwk(jwk: Jwk) -> dict[str, str] | None:
    """The public half, by a list of what is public; None for an oct key, which has none (decision 16)."""
    members = _PUBLIC_MEMBERS.get(jwk["kty"])
    if members is None:
        return None
    return {name: jwk[name] for name in (*_PUBLIC_ATTRIBUTES, *members) if name in jwk}


def public_document(stored: StoredSet) -> dict[str, list[dict[str, str]]]:
    """Decision 16: all generations under `keys`, the previous ones once more under `previous`."""
    return {
        "keys": _public(stored.generation(*GENERATIONS)),
        "previous": _public(stored.generation("previous")),
    }


def _public(keys: Iterable[StoredKey]) -> list[dict[str, str]]:
    return [shown for key in keys if (shown := public_jwk(key.jwk)) is not None]


# JSON ----------------------------------------------------------------------------------------------

_SET_MEMBERS: dict[str, type] = {
    "id": str,
    "name": str,
    "version": int,
    "created_at": float,
    "updated_at": float,
    "rotated_at": float,
    "longest_life": float,
}
_KEY_TIMES = ("published_at", "ready_at")
_KEY_TIMES_TO_COME = ("signing_since", "signing_until")  # null until they are known


def to_json(stored: StoredSet) -> bytes:
    """The whole set, private halves included."""
    document: dict[str, Any] = {**stored.more, "format": FORMAT}
    document |= {name: getattr(stored, name) for name in _SET_MEMBERS}
    return dump_json(document | {"keys": list(map(_plain_key, stored.keys))})


def from_json(data: bytes) -> StoredSet:
    """Takes what `to_json` wrote, here or in a later version. Raises `Malformed` with a safe text."""
    document = parse_object(data)
    if document.get("format") != FORMAT:
        raise Malformed("a key set in a format that this version does not know")
    more = _other_members(document, {"format", "keys", *_SET_MEMBERS})
    members = {name: _typed(document[name], wanted) for name, wanted in _SET_MEMBERS.items()}
    keys = tuple(map(_read_key, _typed(document["keys"], list)))
    if len({key.kid for key in keys}) != len(keys):
        raise Malformed("a key set with two keys of one kid")
    return StoredSet(**members, keys=keys, more=more)


def _plain_key(key: StoredKey) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in (*_KEY_TIMES, *_KEY_TIMES_TO_COME)}
    return {**key.more, "generation": key.generation, **times, "jwk": dict(key.jwk)}


def _read_key(value: object) -> StoredKey:
    key = _typed(value, dict)
    more = _other_members(key, {"generation", "jwk", *_KEY_TIMES, *_KEY_TIMES_TO_COME})
    if key["generation"] not in GENERATIONS:
        raise Malformed("a stored key of an unknown generation")
    times: dict[str, Any] = {name: _typed(key[name], float) for name in _KEY_TIMES}
    times |= {name: None if key[name] is None else _typed(key[name], float) for name in _KEY_TIMES_TO_COME}
    return StoredKey(_read_jwk(key["jwk"]), key["generation"], **times, more=more)


def _read_jwk(value: object) -> Jwk:
    jwk = _typed(value, dict)
    if not {"kty", "kid", "alg"} <= jwk.keys():
        raise Malformed("a stored key without kty, kid or alg")
    return {name: _typed(member, str) for name, member in jwk.items()}


def _other_members(value: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """What a later version wrote beside the members that are wanted."""
    if not value.keys() >= wanted:
        raise Malformed("a stored key set that lacks a member")
    return {name: value[name] for name in value.keys() - wanted}


def _typed(value: object, wanted: type) -> Any:
    """A number of either kind will do for a time; a boolean is no number."""
    accepted = (int, float) if wanted is float else wanted
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise Malformed("a stored key set with a member of a wrong type")
    return value
