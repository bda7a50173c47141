"""What is checked for every request with a bound token, after the verdict on the token itself.

A verdict may be remembered, a proof never is: it says that this request comes from the token's owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from jwt_signer_mw.binding.bond import CERTIFICATE, KEY, RECORD, Bond, read_bond, record
from jwt_signer_mw.binding.bond import CLAIM as CONFIRMATION
from jwt_signer_mw.binding.challenge import Challenger
from jwt_signer_mw.binding.dpop import HEADER, Dpop
from jwt_signer_mw.binding.mtls import Mtls
from jwt_signer_mw.binding.presented import Presented
from jwt_signer_mw.binding.request import CLAIM, describe, name_with
from jwt_signer_mw.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.messages import Incoming, Rejection
    from jwt_signer_mw.settings import Settings, TokenSettings
    from jwt_signer_mw.settings.bindings import TokenBindings

Values: TypeAlias = "tuple[str | None, ...]"


class Guard:
    """Guards one token by what its settings ask of bound ones."""

    def __init__(self, token: TokenSettings, settings: Settings, cache: SharedCache, clock: Clock) -> None:
        self.rules = token.binding
        self.name = token.name
        self.dpop = Dpop(token, settings, cache, clock) if self.rules.dpop != "never" else None
        self.mtls = Mtls(token, settings) if self.rules.mtls != "never" else None
        self._moves = self.rules.upstream_confirmation != "cnf"

    def bond(self, examined: Examined) -> Bond:
        """What the token is bound to, as far as it is asked for. Raises `ClaimMalformed`."""
        if self.dpop is None and self.mtls is None:
            return Bond()
        return read_bond(examined.claims.get("cnf"), examined.asserted_cnf)

    def said(self, incoming: Incoming) -> dict[str, str]:
        """What the new token says of the request. Raises `BodyTooLarge`."""
        parts = self.rules.upstream_request
        return describe(incoming, parts, self.rules.option("upstream_request")) if parts else {}

    def recorded(self, examined: Examined, bond: Bond, said: dict[str, str]) -> Examined:
        """The token as it is signed anew: with what `check` verifies before the new token leaves."""
        claims = {**examined.claims, CLAIM: said} if said else examined.claims
        if self.dpop is None and self.mtls is None:
            return examined._replace(claims=claims)
        verified: dict[str, str] = {}
        if self.dpop is not None and bond.key is not None:
            verified[KEY] = bond.key
        if self.mtls is not None and bond.certificate is not None:
            verified[CERTIFICATE] = bond.certificate
        return examined._replace(claims=record(claims, verified, moves=self._moves))

    def check(self, incoming: Incoming, presented: Presented, bond: Bond) -> Flow[None]:
        """Returns when the request comes from the owner of the token, else raises a refusal."""
        if self.mtls is not None:
            self.mtls.check(incoming, presented, bond)
        if self.dpop is not None:
            yield from self.dpop.check(incoming, presented, bond)


class Guards:
    """Those of a policy, for the places of its tokens; false where there is none."""

    def __init__(self, guards: Sequence[Guard | None], carriers: Sequence[str]) -> None:
        """`carriers`: the headers with the tokens, one each, folded."""
        self._guards = tuple(guards)
        needed = tuple(dict.fromkeys(filter(None, carriers)))
        self._carriers = len(needed)
        self.reads = tuple(dict.fromkeys((*needed, *_headers_read(guards))))
        self._places = {header: place for place, header in enumerate(self.reads)}
        self._carried = [self._places.get(header, -1) for header in carriers]
        self._challengers = [
            Challenger(guard.rules, guard.dpop.nonces) for guard in guards if guard and guard.dpop
        ]

    def __bool__(self) -> bool:
        return any(guard is not None for guard in self._guards)

    @property
    def bind_bodies(self) -> bool:
        return any(guard is not None and "body" in guard.rules.upstream_request for guard in self._guards)

    def carriers(self, values: Values) -> Values:
        """Those of the values that are read that hold tokens: a verdict is remembered by them."""
        return values[: self._carriers]

    def bonds(self, passed: Sequence[Examined | None]) -> tuple[Bond | None, ...]:
        """Of tokens that passed, where something is asked of bound ones. Raises `ClaimMalformed`."""
        rows = zip(self._guards, passed, strict=True)
        return tuple(None if guard is None or one is None else guard.bond(one) for guard, one in rows)

    def name(self, name: bytes, incoming: Incoming) -> bytes:
        """`name`, made longer by what new tokens say of this request. Raises `BodyTooLarge`."""
        for guard in self._guards:
            if guard is not None and guard.rules.upstream_request:
                name = name_with(name, guard.said(incoming))
        return name

    def recorded(
        self, passed: Sequence[Examined | None], bonds: Sequence[Bond | None], incoming: Incoming
    ) -> list[Examined | None]:
        """The tokens as they are signed anew. Raises `BodyTooLarge`."""
        rows = zip(self._guards, passed, bonds, strict=True)
        return [
            one
            if guard is None or one is None or bond is None
            else guard.recorded(one, bond, guard.said(incoming))
            for guard, one, bond in rows
        ]

    def check(self, incoming: Incoming, tokens: Sequence[Any], bonds: Sequence[Bond | None]) -> Flow[None]:
        """Returns when this request comes from whom the tokens were issued to, else raises a refusal."""
        for guard, token, place, bond in zip(self._guards, tokens, self._carried, bonds, strict=True):
            if guard is not None and bond is not None:
                text = token if isinstance(token, str) else token.text
                presented = Presented(incoming.values[place] or "", text, self._places)
                try:
                    yield from guard.check(incoming, presented, bond)
                except Refusal as refusal:
                    refusal.token = guard.name
                    raise

    def dress(self, rejection: Rejection, refusal: Refusal) -> Rejection:
        """The rejection, with the challenges of what binds."""
        for challenger in self._challengers:
            rejection = challenger.dress(rejection, refusal)
        return rejection


def written_claims(rules: TokenBindings) -> tuple[str, ...]:
    """What tells of bonds that were verified, and of the request: no list of claims leaves it out."""
    checked: tuple[str, ...] = ()
    if rules.dpop != "never" or rules.mtls != "never":
        checked = (RECORD, CONFIRMATION) if rules.upstream_confirmation == CONFIRMATION else (RECORD,)
    return (*checked, CLAIM) if rules.upstream_request else checked


def guarding(token: TokenSettings, settings: Settings, cache: SharedCache, clock: Clock) -> Guard | None:
    """None where nothing binds the token: then nothing of this costs anything."""
    return Guard(token, settings, cache, clock) if token.request_header and token.binding.is_on else None


def _headers_read(guards: Iterable[Guard | None]) -> Iterator[str]:
    """Folded names of the headers that guards look at."""
    for guard in guards:
        if guard is not None and guard.dpop is not None:
            yield HEADER
        if guard is not None and guard.mtls is not None and guard.mtls.header:
            yield guard.mtls.header
