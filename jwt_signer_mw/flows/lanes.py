"""The lane of a request: which parts one of its two tokens passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jwt_signer_mw.binding.guard import Guard, guarding
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.introspect import Introspector
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.flows.verify import Verifier
from jwt_signer_mw.request.rewrite import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.keys import Keyring
    from jwt_signer_mw.messages import Incoming
    from jwt_signer_mw.settings import Settings, TokenSettings
    from jwt_signer_mw.tokens.compact import Token


class Lane(NamedTuple):
    """What happens to one of the two tokens."""

    header: str  # that carries it, folded; empty: switched off
    examiner: Examiner
    resigner: Resigner | None  # None: nothing is signed
    upstream: Output | None
    original: Output | None
    names_owner: bool  # the new token does: it has the jti and the subject of the old one
    guard: Guard | None = None  # None: nothing is asked of the request itself
    place: int = -1  # of the header among those that are read
    name: str = ""  # access_token or channel_token

    def read(self, incoming: Incoming) -> Token | None:
        """The token in the request; None when it may be absent and is. Raises a refusal."""
        try:
            credential = self.examiner.read(incoming, self.place)
            return None if credential is None else self.examiner.classify(credential)
        except Refusal as refusal:
            refusal.token = self.name
            raise


class LaneParts(NamedTuple):
    """What makes parts of a lane that may be observed."""

    introspector: Callable[..., Introspector] = Introspector
    resigner: Callable[..., Resigner] = Resigner


PLAIN = LaneParts()
OpenLane: TypeAlias = "Callable[[TokenSettings, Settings, Keyring, SharedCache, Consumers, Clock], Lane]"


def lane_of(
    token: TokenSettings,
    settings: Settings,
    keyring: Keyring,
    cache: SharedCache,
    consumers: Consumers,
    clock: Clock,
    parts: LaneParts = PLAIN,
) -> Lane:
    verifier = Verifier(token, keyring.verification(token), symmetric=settings.enable_hs_signatures)
    introspector = parts.introspector(token, settings, keyring, cache, clock)
    examiner = Examiner(token, verifier, introspector, consumers, clock, settings.max_token_bytes)
    upstream = Output.of(token.upstream_header) if token.signs and token.upstream_header else None
    original = Output.of(token.original_upstream_header) if token.original_upstream_header else None
    resigner = None if upstream is None else parts.resigner(token, settings, keyring.signing(token), clock)
    header = "" if examiner.reader is None else examiner.reader.header
    owner = {"jti", token.claims.subject_claim[0], token.introspection.subject_claim[0]}
    names_owner = resigner is not None and resigner.keeps(owner)
    guard = guarding(token, settings, cache, clock)
    return Lane(header, examiner, resigner, upstream, original, names_owner, guard, name=token.name)


def outputs(token: TokenSettings) -> list[Output]:
    """Every output header that is named, switched on or not: a client's copy never passes."""
    names = (token.upstream_header, token.original_upstream_header)
    return [Output.of(name) for name in names if name]
