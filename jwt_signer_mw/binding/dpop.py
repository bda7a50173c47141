"""DPoP at a resource (RFC 9449 sections 4.3, 7 and 9): a token that is bound to a key comes with a proof."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from jwt_signer_mw.binding import nonces
from jwt_signer_mw.binding.proofs import read_proof, token_hash
from jwt_signer_mw.binding.refusals import (
    KeyMismatch,
    NonceRequired,
    ProofForAnother,
    ProofInvalid,
    ProofMissing,
    ProofOutdated,
    ProofRepeated,
    ProofReplayed,
    TokenBoundToKey,
    TokenNotBound,
)
from jwt_signer_mw.binding.replays import open_replays
from jwt_signer_mw.binding.uris import Origins

if TYPE_CHECKING:
    from jwt_signer_mw.binding.bond import Bond
    from jwt_signer_mw.binding.presented import Presented
    from jwt_signer_mw.binding.proofs import Proof
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.messages import Incoming
    from jwt_signer_mw.settings import Settings, TokenSettings

HEADER = "dpop"
AHEAD = 10.0  # seconds that a client's clock may be fast


class Dpop:
    """Checks the proofs of one token (`{token}_dpop` and what belongs to it)."""

    def __init__(self, token: TokenSettings, settings: Settings, cache: SharedCache, clock: Clock) -> None:
        rules = token.binding
        self._token = token
        self._option = rules.option("dpop")
        self._algorithms_option = rules.option("dpop_algorithms")
        self._algorithms = frozenset(rules.dpop_algorithms)
        self._required = rules.dpop == "required"
        self._max_age = rules.dpop_max_age
        self._now = clock.now
        self._origins = Origins(settings.public_origins or ())
        self.nonces = nonces.Nonces(settings.dpop_nonce_secret, clock) if rules.dpop_nonces else None
        life = (nonces.LIFE if rules.dpop_nonces else self._max_age) + AHEAD + 1
        self._replays = open_replays(cache, settings.dpop_replay_size, life, clock)
        self._scope = f"{settings.fingerprint} {token.name}"

    def check(self, incoming: Incoming, presented: Presented, bond: Bond) -> Flow[None]:
        """Returns when the sender has the token's key, or when nothing binds the token and nothing has to."""
        scheme = presented.carrier.partition(" ")[0].lower()
        if bond.key is None:
            if self._required or scheme == HEADER:
                raise TokenNotBound("the token has no cnf.jkt", option=self._option)
            return
        if scheme == "bearer":
            raise TokenBoundToKey("it came with the scheme Bearer", option=self._option)
        proof = self._read(incoming, presented.places[HEADER])
        self._check_request(proof, incoming, presented.token)
        if not hmac.compare_digest(proof.thumbprint.encode(), bond.key.encode()):
            raise KeyMismatch("the key of the proof is not that of cnf.jkt", option=self._option)
        self._check_time(proof)
        key = hashlib.sha256(f"{self._scope} {proof.thumbprint} {proof.jti}".encode()).hexdigest()
        if not (yield from self._replays.is_first(key)):
            raise ProofReplayed("its jti was seen before", option=self._option)

    def _read(self, incoming: Incoming, place: int) -> Proof:
        if place in incoming.repeated:
            raise ProofRepeated("several DPoP headers", option=self._option)
        value = incoming.values[place]
        if not value:
            raise ProofMissing("no DPoP header", option=self._option)
        if "," in value:  # a WSGI server joined them
            raise ProofRepeated("several values in the DPoP header", option=self._option)
        return read_proof(value, self._algorithms, self._algorithms_option)

    def _check_request(self, proof: Proof, incoming: Incoming, token: str) -> None:
        delivery = incoming.delivery
        if delivery is None:
            raise ProofInvalid("this adapter does not tell how the request came in", option=self._option)
        if proof.htm != incoming.method:
            raise ProofForAnother("htm is another method", option=self._option)
        if not self._origins.fits(proof.htu, delivery.scheme, incoming.host, delivery.path):
            raise ProofForAnother("htu is another URI than public_origins and path make", option=self._option)
        if proof.ath is None or not hmac.compare_digest(proof.ath.encode(), token_hash(token).encode()):
            raise ProofForAnother("ath is not the hash of the token", option=self._option)

    def _check_time(self, proof: Proof) -> None:
        """With nonces, theirs is the time that counts, and a client's clock may be off (section 4.3)."""
        if self.nonces is not None:
            if proof.nonce is None or not self.nonces.is_good(proof.nonce):
                option = self._token.binding.option("dpop_nonces")
                raise NonceRequired("no nonce of ours, or one that is past", option=option)
            return
        age = self._now() - proof.iat
        if not -AHEAD <= age <= self._max_age:
            option = self._token.binding.option("dpop_max_age")
            raise ProofOutdated(f"iat is {age:.0f} s ago", option=option)
