"""The signature of a JWT against the provider's key set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jwt_signer_mw.errors import AlgorithmNotAllowed, JwksNotConfigured, KeyUnknown, SignatureInvalid
from jwt_signer_mw.jose import ASYMMETRIC, SYMMETRIC, find_signer

if TYPE_CHECKING:
    from jwt_signer_mw.errors import SignatureNotTrusted
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.keys import Remote
    from jwt_signer_mw.jose import KeySet
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.compact import Compact, Encoded


class PublishedKeys(Protocol):
    """Keys that somebody publishes: a `Remote`, or a set in a store. What each method does is said there."""

    @property
    def keys(self) -> KeySet | None: ...

    def load(self) -> Flow[KeySet]: ...

    def reload(self, kid: str | None, seen: KeySet, *, just_loaded: bool = False) -> Flow[bool]: ...


class Verifier:
    """Checks signatures for one token's settings (`verify_{token}_signature`, `{token}_jwks_uri`)."""

    def __init__(self, token: TokenSettings, keys: Remote | None, *, symmetric: bool) -> None:
        self._option = token.keys_option
        self._keys = keys
        self._algorithms = ASYMMETRIC | SYMMETRIC if symmetric else ASYMMETRIC

    def require_key(self, token: Encoded) -> None:
        """Refuses at once what `verify` could only refuse, before anything is decoded or calculated."""
        remote, alg, kid = self.keys_for(token), token.alg, token.kid
        keys, size = remote.keys, len(token.segments[2]) * 3 // 4
        if keys is None or keys.may_verify(alg, kid, size) or remote.may_reload(kid):
            return
        raise _refusal(alg, kid, keys, self._option)

    def verify(self, token: Compact) -> Flow[None] | None:
        """None: a key at hand made the signature. Else a flow that looks for the key elsewhere, and returns
        when it did after all. Both raise refusals."""
        remote = self.keys_for(token)
        keys = remote.keys
        if keys is not None and find_signer(token, keys) is not None:
            return None
        return _search(token, remote, keys, self._option)

    def keys_for(self, token: Compact | Encoded) -> Remote:
        """The set that has to hold the token's key. Raises a refusal where no set can."""
        if self._keys is None:
            raise JwksNotConfigured("no key set to verify with", option=self._option)
        if token.alg not in self._algorithms:
            option = "enable_hs_signatures" if token.alg in SYMMETRIC else self._option
            raise AlgorithmNotAllowed(f"alg {printable(token.alg)}", option=option)
        return self._keys


def verify_by(token: Compact, published: PublishedKeys) -> Flow[None]:
    """Returns when one of the keys made the signature. Reloads them once where none did (decision 18).

    Raises `KeyUnknown`, `SignatureInvalid`, or what tells that there are no keys.
    """
    keys = published.keys
    if keys is None or find_signer(token, keys) is None:
        yield from _search(token, published, keys, "")


def _search(token: Compact, published: PublishedKeys, seen: KeySet | None, option: str) -> Flow[None]:
    """`verify_by` where the keys that were at hand, if any, did not make it."""
    keys = seen
    if keys is None:
        keys = yield from published.load()
        if find_signer(token, keys) is not None:
            return
    if (yield from published.reload(token.kid, keys, just_loaded=seen is None)):
        keys = published.keys or keys
        if find_signer(token, keys) is not None:
            return
    raise _refusal(token.alg, token.kid, keys, option)


def _refusal(alg: str, kid: str | None, keys: KeySet, option: str) -> SignatureNotTrusted:
    if keys.candidates(alg, kid):
        text = f"no key of the set verifies it: alg {alg}, kid {printable(kid)}"
        return SignatureInvalid(text, option=option)
    return KeyUnknown(f"no key for alg {alg}, kid {printable(kid)}", option=option)


def printable(text: str | None) -> str:
    """Client text for a log: escaped, one line, at most 64 characters."""
    return ascii(text if text is None else text[:64])
