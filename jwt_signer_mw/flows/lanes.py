"""The lane of a request: which parts one of its two tokens passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from jwt_signer_mw.binding.guard import Guard, guarding
from jwt_signer_mw.flows.consumers import tolerant
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.found import FoundIntrospector
from jwt_signer_mw.flows.introspect import Introspector
from jwt_signer_mw.flows.issuers import IssuersExaminer
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.flows.verify import Verifier
from jwt_signer_mw.request.rewrite import Output
from jwt_signer_mw.settings.issuers import by_issuer, endpoint_of, subject_paths
from jwt_signer_mw.settings.reporting import enforced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.found import AnyIntrospector
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.messages import Incoming
    from jwt_signer_mw.settings import Settings, TokenSettings
    from jwt_signer_mw.tokens.compact import Token

    AnyExaminer: TypeAlias = Examiner | IssuersExaminer


class Lane(NamedTuple):
    """What happens to one of the two tokens."""

    header: str  # that carries it, folded; empty: switched off
    examiner: AnyExaminer
    resigner: Resigner | None  # None: nothing is signed
    upstream: Output | None
    original: Output | None
    names_owner: bool  # the new token does: it has the jti and the subject of the old one
    guard: Guard | None = None  # None: nothing is asked of the request itself
    place: int = -1  # of the header among those that are read
    name: str = ""  # access_token or channel_token

    def read(self, incoming: Incoming) -> Token | None:
        """The token in the request; None when it may be absent and is. Raises a refusal."""
        credential = self.examiner.read(incoming, self.place)
        return None if credential is None else self.examiner.classify(credential)


class Parts:
    """Makes the parts of lanes. Who wants others in their place overrides what makes them."""

    def __init__(
        self, settings: Settings, keyring: Keyring, cache: SharedCache, consumers: Consumers, clock: Clock
    ) -> None:
        self.settings = settings
        self.keyring = keyring
        self.cache = cache
        self.consumers = consumers
        self.clock = clock
        self.introspection = (settings, keyring, cache, clock)

    def lane(self, token: TokenSettings) -> Lane:
        examiner = self.examiner(token)
        upstream = Output.of(token.upstream_header) if token.signs and token.upstream_header else None
        original = Output.of(token.original_upstream_header) if token.original_upstream_header else None
        resigner = None if upstream is None else self.resigner(token)
        header = "" if examiner.reader is None else examiner.reader.header
        subjects = {path[0] for path in subject_paths(token)}
        names_owner = resigner is not None and resigner.keeps({"jti", *subjects})
        guard = self.guard(token)
        return Lane(header, examiner, resigner, upstream, original, names_owner, guard, name=token.name)

    def examiner(self, token: TokenSettings) -> AnyExaminer:
        """For all that a token may be judged by."""
        own = self.examiner_by(token)
        if not token.trusted_issuers:
            return own
        issuers = {issuer: self.examiner_by(one) for issuer, one in by_issuer(token).items()}
        opaque = issuers.get(endpoint_of(token) or "", own)
        return self.examiner_of_issuers(token, own, opaque, issuers)

    def examiner_of_issuers(
        self, token: TokenSettings, own: Examiner, opaque: Examiner, issuers: Mapping[str, Examiner]
    ) -> IssuersExaminer:
        return IssuersExaminer(token, own, opaque, issuers)

    def examiner_by(self, token: TokenSettings) -> Examiner:
        """By exactly these settings."""
        return Examiner(*self.examining(token))

    def examining(self, token: TokenSettings) -> tuple[Any, ...]:
        """What an examiner is made of: without the checks that only report, which are left to a shadow."""
        parts = (self.verifier(token), self.introspector(token), tolerant(self.consumers, token), self.clock)
        return (enforced(token), *parts, self.settings.max_token_bytes)

    def verifier(self, token: TokenSettings) -> Verifier:
        symmetric = self.settings.enable_hs_signatures
        return Verifier(token, self.keyring.verification(token), symmetric=symmetric)

    def introspector(self, token: TokenSettings) -> AnyIntrospector:
        """For the endpoint that is set, or that the provider's metadata name."""
        if not token.finds_endpoint or not token.enable_introspection:
            return self.introspector_at(token)
        return FoundIntrospector(token, self.keyring.discovery(token), self.introspector_at)

    def introspector_at(self, token: TokenSettings) -> Introspector:
        return Introspector(token, *self.introspection)

    def resigner(self, token: TokenSettings) -> Resigner:
        return Resigner(token, self.settings, self.keyring.signing(token), self.clock)

    def guard(self, token: TokenSettings) -> Guard | None:
        return guarding(token, self.settings, self.cache, self.clock)


def outputs(token: TokenSettings) -> list[Output]:
    """Every output header that is named, switched on or not: a client's copy never passes."""
    names = (token.upstream_header, token.original_upstream_header)
    return [Output.of(name) for name in names if name]
