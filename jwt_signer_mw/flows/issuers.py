"""Several issuers for one token: the issuer that a JWT names chooses whose rules and keys judge it.

What it names is not trusted for anything else: the chosen issuer's keys have to verify the signature over
it, and keys never serve another issuer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.errors import IssuerNotAllowed
from jwt_signer_mw.flows.examine import parse_claims
from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.tokens.compact import Encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.examine import Examined, Examiner
    from jwt_signer_mw.messages import Consumer, Incoming
    from jwt_signer_mw.request.extract import Credential, Reader
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.claims import Claims
    from jwt_signer_mw.tokens.compact import Token


class IssuersExaminer:
    """Examines a token by its issuer's settings. `own` reads it; `opaque` is for those that name none."""

    def __init__(
        self, token: TokenSettings, own: Examiner, opaque: Examiner, issuers: Mapping[str, Examiner]
    ) -> None:
        self.reader: Reader | None = own.reader
        self._path = token.claims.issuer_claim
        self._option = token.option("trusted_issuers")
        self._own = own
        self._opaque = opaque
        self._issuers = issuers
        self._examiners = tuple({own, *issuers.values()})

    def read(self, incoming: Incoming, place: int) -> Credential | None:
        return self._own.read(incoming, place)

    def classify(self, credential: Credential) -> Token:
        """Whose keys it needs is not known yet."""
        return self._own.kind_of(credential)

    def examine(self, token: Token, consumer: Consumer | None) -> Flow[Examined]:
        """Raises `IssuerNotAllowed` before anything is fetched, verified or remembered."""
        if not isinstance(token, Encoded):
            return (yield from self._opaque.examine_opaque(token, consumer))
        compact = token.decode()
        claims = parse_claims(compact)
        examiner = self.choose(claims)
        examiner.admit(token)
        return (yield from examiner.examine_jwt(token, consumer, (compact, claims)))

    def choose(self, claims: Claims) -> Examiner:
        """The examiner of exactly this issuer."""
        issuer = read_claim(claims, self._path)
        examiner = self._issuers.get(issuer) if type(issuer) is str else None
        if examiner is None:
            text = f"the claim {'.'.join(self._path)} is not a trusted issuer"
            raise IssuerNotAllowed(text, option=self._option)
        return examiner

    def forget_flights(self) -> None:
        for examiner in self._examiners:
            examiner.forget_flights()

    def forget(self, text: str) -> Flow[int]:
        """Forgets what any provider said about a token: how many answers. Raises `StoreError`."""
        forgotten = 0
        for examiner in self._examiners:
            forgotten += yield from examiner.forget(text)
        return forgotten
