"""The signature of a JWT against the provider's key set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jwt_signer_mw.errors import AlgorithmNotAllowed, JwksNotConfigured, KeyUnknown, SignatureInvalid
from jwt_signer_mw.jose import ASYMMETRIC, SYMMETRIC

if TYPE_CHECKING:
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.keys import Remote
    from jwt_signer_mw.jose import KeySet
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.compact import Compact


class PublishedKeys(Protocol):
    """Keys that somebody publishes: a `Remote`, or a set in a store. What each method does is said there."""

    @property
    def keys(self) -> KeySet | None: ...

    def load(self) -> Flow[KeySet]: ...

    def reload(self, kid: str | None, seen: KeySet, *, just_loaded: bool = False) -> Flow[bool]: ...


class Verifier:
    """Checks signatures for one token's settings (`verify_{token}_signature`, `{token}_jwks_uri`)."""

    def __init__(self, token: TokenSettings, keys: Remote | None, *, symmetric: bool) -> None:
        self._option = f"{token.name}_jwks_uri"
        self._keys = keys
        self._algorithms = ASYMMETRIC | SYMMETRIC if symmetric else ASYMMETRIC

    def verify(self, token: Compact) -> Flow[None]:
        """Returns when the signature is good, else raises a refusal. Reloads the set once (decision 18)."""
        return verify_by(token, self.keys_for(token), option=self._option)

    def keys_for(self, token: Compact) -> Remote:
        """The set that has to hold the token's key. Raises a refusal where no set can."""
        if self._keys is None:
            raise JwksNotConfigured("no key set to verify with", option=self._option)
        if token.alg not in self._algorithms:
            option = "enable_hs_signatures" if token.alg in SYMMETRIC else self._option
            raise AlgorithmNotAllowed(f"alg {printable(token.alg)}", option=option)
        return self._keys


def verify_by(token: Compact, published: PublishedKeys, *, option: str = "") -> Flow[None]:
    """Returns when one of the keys made the signature. Reloads them once where none did (decision 18).

    Raises `KeyUnknown`, `SignatureInvalid`, or what tells that there are no keys.
    """
    keys = published.keys
    just_loaded = keys is None
    if keys is None:
        keys = yield from published.load()
    if is_signed_by(token, keys):
        return
    if (yield from published.reload(token.kid, keys, just_loaded=just_loaded)):
        keys = published.keys or keys
        if is_signed_by(token, keys):
            return
    shown = printable(token.kid)
    if keys.candidates(token.alg, token.kid):
        raise SignatureInvalid(f"no key of the set verifies it: alg {token.alg}, kid {shown}", option=option)
    raise KeyUnknown(f"no key for alg {token.alg}, kid {shown}", option=option)


def is_signed_by(token: Compact, keys: KeySet) -> bool:
    return any(
        key.verify(token.alg, token.signing_input, token.signature)
        for key in keys.candidates(token.alg, token.kid)
    )


def printable(text: str | None) -> str:
    """Client text for a log: escaped, one line, at most 64 characters."""
    return ascii(text if text is None else text[:64])
