"""Lanes whose parts note what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.explain.parts import (
    TracedConsumers,
    TracedExaminer,
    TracedGuard,
    TracedIntrospector,
    TracedResigner,
    TracedVerifier,
)
from jwt_signer_mw.explain.trace import shown
from jwt_signer_mw.flows.issuers import IssuersExaminer
from jwt_signer_mw.flows.lanes import Parts
from jwt_signer_mw.tokens.claims import read_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.binding.guard import Guard
    from jwt_signer_mw.explain.trace import Trace
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.examine import Examined, Examiner
    from jwt_signer_mw.flows.introspect import Introspector
    from jwt_signer_mw.flows.resign import Resigner
    from jwt_signer_mw.flows.verify import Verifier
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.request.extract import Credential
    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.claims import Claims
    from jwt_signer_mw.tokens.compact import Token


class TracedIssuersExaminer(IssuersExaminer):
    def __init__(self, trace: Trace, token: TokenSettings, own: Examiner, *arguments: Any) -> None:
        super().__init__(token, own, *arguments)
        assert isinstance(own, TracedExaminer)  # noqa: S101  `TracedParts` makes no others
        self._trace = trace
        self._teller = own

    def classify(self, credential: Credential) -> Token:
        return credential.token

    def examine(self, token: Token, consumer: Consumer | None) -> Flow[Examined]:
        return (yield from super().examine(self._teller.tell(str(token)), consumer))

    def choose(self, claims: Claims) -> Examiner:
        trace = self._trace
        trace.claims = claims
        examiner = super().choose(claims)
        issuer = read_claim(claims, self._path)
        trace.add("good", f"by the rules and keys of {shown(issuer)}", stage="key", option=self._option)
        return examiner


class TracedParts(Parts):
    """Makes the parts that note what they do."""

    def __init__(self, trace: Trace, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._trace = trace
        self.consumers: TracedConsumers = TracedConsumers(trace, self.consumers)

    def examiner_of_issuers(
        self, token: TokenSettings, own: Examiner, opaque: Examiner, issuers: Mapping[str, Examiner]
    ) -> IssuersExaminer:
        return TracedIssuersExaminer(self._trace, token, own, opaque, issuers)

    def examiner_by(self, token: TokenSettings) -> Examiner:
        return TracedExaminer(self._trace, *self.examining(token))

    def verifier(self, token: TokenSettings) -> Verifier:
        symmetric = self.settings.enable_hs_signatures
        return TracedVerifier(self._trace, token, self.keyring.verification(token), symmetric=symmetric)

    def introspector_at(self, token: TokenSettings) -> Introspector:
        return TracedIntrospector(self._trace, token, *self.introspection)

    def resigner(self, token: TokenSettings) -> Resigner:
        return TracedResigner(self._trace, token, self.settings, self.keyring.signing(token), self.clock)

    def guard(self, token: TokenSettings) -> Guard | None:
        plain = super().guard(token)
        return plain and TracedGuard(self._trace, token, self.settings, self.cache, self.clock)
