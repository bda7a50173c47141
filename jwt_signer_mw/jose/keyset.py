"""A set of keys, and the choice of those that a token may be checked with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, final

from jwt_signer_mw.jose.key import Key, load_key
from jwt_signer_mw.jose.pem import is_pem, read_pem
from jwt_signer_mw.wire import Malformed, Repeated, dump_json, encode_base64url, parse_document

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

MAX_KEYS = 10_000  # in one document
MAX_CANDIDATES = 16  # keys tried for a token that names none, or whose key has no name


@final
class KeySet:
    """An immutable set of usable keys, indexed so that its size costs a request nothing.

    `unusable` and `warnings` say what was skipped and what was left out, in texts safe to log.
    `fingerprint` changes whenever what the set can verify changes.
    """

    __slots__ = ("_by_alg", "_by_kid", "_unnamed_by_alg", "fingerprint", "keys", "unusable", "warnings")

    def __init__(
        self, keys: Iterable[Key], unusable: Iterable[str] = (), warnings: Iterable[str] = ()
    ) -> None:
        self.keys = tuple(keys)
        self.unusable = tuple(unusable)
        self.warnings = tuple(warnings)
        self.fingerprint = _fingerprint(self.keys)
        self._by_kid = _group_by_kid(self.keys)
        self._by_alg = _group_by_alg(self.keys)
        self._unnamed_by_alg = _group_by_alg(key for key in self.keys if key.kid is None)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self.keys)} keys, {len(self.unusable)} unusable>"

    def candidates(self, alg: str, kid: str | None) -> tuple[Key, ...]:
        """The keys to check a token with: the one it names, or those of the set that have no name.

        A token without `kid`: all that fit. At most `MAX_CANDIDATES` of either.
        """
        if kid is None:
            return self._by_alg.get(alg, ())
        named = self._by_kid.get(kid)
        if named is None:
            return self._unnamed_by_alg.get(alg, ())
        if len(named) == 1:
            return named if named[0].fits(alg) else ()
        fitting = tuple(key for key in named if key.fits(alg))
        return tuple(key for key in fitting if key.alg == alg) or fitting

    def may_verify(self, alg: str, kid: str | None, size: int) -> bool:
        """Whether any of the candidates makes signatures of `size` bytes."""
        for key in self.candidates(alg, kid):  # noqa: SIM110  every new token passes here, and any() is slow
            if key.signature_size(alg) == size:
                return True
        return False

    def signer(self, alg: str) -> Key | None:
        """The first key that declares this algorithm, else the first that can sign with it."""
        able = [key for key in self.keys if key.can_sign(alg)]
        return next((key for key in able if key.alg == alg), able[0] if able else None)


def load_keyset(
    document: bytes | str | Mapping[str, Any], *, symmetric: bool = False, private: bool = True
) -> KeySet:
    """A key set from a JWKS (RFC 7517 section 5), one bare JWK, a map of certificates by kid, or PEM.

    Keys that can't be used are skipped and listed. Raises `Malformed` when it is none of these.
    `symmetric` and `private` are those of `load_key`.
    """
    if isinstance(document, str):
        document = document.encode(errors="surrogatepass")
    if isinstance(document, bytes) and is_pem(document):
        members: Sequence[object] = read_pem(document)
    else:
        members = _members(parse_document(document) if isinstance(document, bytes) else document)
    if len(members) > MAX_KEYS:
        raise Malformed(f"more than {MAX_KEYS} keys")
    return _build_keyset(members, symmetric=symmetric, private=private)


def load_pem(data: bytes) -> KeySet:
    """The keys of one or more PEM blocks, without `kid` and `alg`. Raises `Malformed` when there is none."""
    return _build_keyset(read_pem(data), symmetric=False, private=True)


def _members(document: object) -> Sequence[object]:
    """What might be keys: JWK objects, and anything else that stands in their place."""
    if not isinstance(document, Mapping):
        raise Malformed("not a key set")
    if "keys" in document:
        keys = document["keys"]
        if not isinstance(keys, list | tuple):
            raise Malformed("keys is not a list")
        return keys
    if "kty" in document:
        return [document]
    blocks = {kid: text.encode("ascii", "replace") for kid, text in document.items() if isinstance(text, str)}
    if document and len(blocks) == len(document) and all(is_pem(block) for block in blocks.values()):
        return [_certificate_jwk(kid, block) for kid, block in blocks.items()]
    raise Malformed("not a key set")


def _certificate_jwk(kid: str, block: bytes) -> object:
    """One entry of a map of certificates, as some providers publish it: `{kid: PEM}`."""
    try:
        first = read_pem(block)[0]
    except Malformed as reason:
        return reason
    return first if isinstance(first, Malformed) else first | {"kid": kid}


def _build_keyset(members: Sequence[object], *, symmetric: bool, private: bool) -> KeySet:
    loaded: list[tuple[int, Key]] = []
    unusable: list[str] = []
    warnings: list[str] = []
    count: Counter[Hashable] = Counter()
    for index, member in enumerate(members):
        try:
            key = _load_member(member, symmetric=symmetric, private=private)
        except Malformed as reason:
            unusable.append(f"keys[{index}]: {reason}")
            count[_claimed_identity(member)] += 1
            continue
        loaded.append((index, key))
        count[_identity(key)] += 1
        if not private and isinstance(member, Mapping) and "d" in member:
            warnings.append(f"keys[{index}]: private members are published; only the public half is kept")
    doubles = [index for index, key in loaded if count[_identity(key)] > 1]
    unusable += [f"keys[{index}]: kid, kty and alg are not unique" for index in doubles]
    return KeySet((key for _, key in loaded if count[_identity(key)] == 1), unusable, warnings)


def _load_member(member: object, *, symmetric: bool, private: bool) -> Key:
    if isinstance(member, Malformed):
        raise member
    if isinstance(member, Repeated):
        raise Malformed("a member name is repeated")
    if not isinstance(member, Mapping):
        raise Malformed("not a JWK object")
    return load_key(member, symmetric=symmetric, private=private)


def _identity(key: Key) -> Hashable:
    """What has to be unique in a set (RFC 7517 section 4.5). A curve implies its algorithm."""
    return (key.kid, key.kty, key.crv or key.alg) if key.kid is not None else key


def _claimed_identity(member: object) -> Hashable:
    """That of a broken key: it leaves doubt about its double. A key for another use leaves none."""
    if not isinstance(member, Mapping) or member.get("use", "sig") != "sig" or "key_ops" in member:
        return None
    kid, kty, which = member.get("kid"), member.get("kty"), member.get("crv", member.get("alg"))
    is_text = isinstance(kid, str) and isinstance(kty, str) and isinstance(which, str | None)
    return (kid, kty, which) if is_text else None


def _fingerprint(keys: Iterable[Key]) -> str:
    usage = [[key.thumbprint, key.kid, key.alg, sorted(key.algorithms)] for key in keys]
    return encode_base64url(sha256(dump_json(usage)).digest())


def _group_by_kid(keys: Iterable[Key]) -> dict[str, tuple[Key, ...]]:
    groups: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        if key.kid is not None:
            groups[key.kid] = (*groups.get(key.kid, ()), key)
    return groups


def _group_by_alg(keys: Iterable[Key]) -> dict[str, tuple[Key, ...]]:
    groups: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        for alg in key.algorithms:
            group = groups.get(alg, ())
            if len(group) < MAX_CANDIDATES:
                groups[alg] = (*group, key)
    return groups
