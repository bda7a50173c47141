"""The parts of a pipeline that note what they do.

They stand in for the plain ones in a pipeline of their own, so the plain ones carry no trace of this.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.binding.guard import Guard
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.explain.trace import Undecided, shown
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.introspect import Introspected, Introspector
from jwt_signer_mw.flows.resign import Resigned, Resigner
from jwt_signer_mw.flows.verify import Verifier, printable
from jwt_signer_mw.jose import find_signer
from jwt_signer_mw.request.extract import Credential
from jwt_signer_mw.tokens.checks import ISSUED
from jwt_signer_mw.tokens.claims import read_claim
from jwt_signer_mw.tokens.compact import Encoded, read_compact, split_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.binding.bond import Bond
    from jwt_signer_mw.binding.presented import Presented
    from jwt_signer_mw.caches import SharedCache
    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.explain.trace import Trace
    from jwt_signer_mw.flows.answers import Answer
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.consumers import Consumers
    from jwt_signer_mw.flows.examine import Examined
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.messages import Consumer, Incoming
    from jwt_signer_mw.settings import ClaimRules, Settings, TokenSettings
    from jwt_signer_mw.tokens.checks import Check
    from jwt_signer_mw.tokens.claims import Claims
    from jwt_signer_mw.tokens.compact import Compact, Token
    from jwt_signer_mw.tokens.templates import Sources

UNSIGNED = "(a new token)"  # in place of one that is not made
_CLAIMS = {
    "expiry": "expiry_claim",
    "not before": "notbefore_claim",
    "issuer": "issuer_claim",
    "audience": "audience_claim",
    "subject": "subject_claim",
    "scopes": "scopes_claim",
}
_OF_ISSUE = frozenset({"issue time", "lifetime", "age"})


class TracedVerifier(Verifier):
    def __init__(self, trace: Trace, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._trace = trace

    def require_key(self, token: Encoded) -> None:
        """`verify` tells more, and in its place."""

    def verify(self, token: Compact) -> Flow[None]:
        trace = self._trace
        trace.stage, trace.compact = "signature", token
        remote = self.keys_for(token)
        where, keys = remote.source.place, remote.keys
        if keys is not None:
            trace.add("note", f"{where} is in memory, with {len(keys.keys)} keys", stage="key")
        if trace.offline and not remote.source.is_file:
            if keys is None:
                text = f"not checked: the keys of {where} are not in memory"
                trace.add("open", text, option=self._option)
                return
            if find_signer(token, keys) is None:
                raise Undecided("no key in memory verifies it, and none is fetched", option=self._option)
        else:
            try:
                if (search := super().verify(token)) is not None:
                    yield from search
            except Refusal as refusal:
                refusal.option = refusal.option or self._option  # a key set that can't be loaded
                raise
            finally:
                trace.keys = remote.keys
        trace.add("good", f"{token.alg}, by a key of {where}", option=self._option)
        trace.stage = "check"


class TracedIntrospector(Introspector):
    def __init__(self, trace: Trace, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._trace = trace

    def introspect(self, token: str) -> Flow[Introspected]:
        trace = self._trace
        trace.stage = "introspection"
        before = len(trace.steps)
        answer = yield from super().introspect(token)
        how = "asked" if len(trace.steps) > before else "remembered"
        names = ", ".join(printable(name)[1:-1] for name in list(answer.claims)[:20])
        trace.add("good", f"the token is active ({how}); members: {names}", option=self._option)
        return answer

    def _serve_old(self, answer: Answer) -> Answer:
        option = self._token.outages.option("introspection_max_stale")
        self._trace.add("note", "an old answer serves, as the provider can't be asked", option=option)
        return super()._serve_old(answer)

    def _ask(self, token: str, key: str) -> Flow[Answer]:
        if self._trace.offline:
            raise Undecided("only the provider knows this token", option=self._option)
        return (yield from super()._ask(token, key))


class TracedConsumers:
    def __init__(self, trace: Trace, consumers: Consumers) -> None:
        self._trace = trace
        self._consumers = consumers
        self.blocking = consumers.blocking
        self.optional = getattr(consumers, "optional", False)

    def find(self, field: str, value: str) -> Consumer | None:
        self._trace.stage = "consumer"
        found = self._consumers.find(field, value)
        result = "nobody" if found is None else shown(found.username or found.id or found.custom_id)
        self._trace.add("note" if found is None else "good", f"{field} {shown(value)}: {result}")
        return found


class TracedExaminer(Examiner):
    def __init__(self, trace: Trace, token: TokenSettings, *arguments: Any) -> None:
        super().__init__(token, *arguments)
        self._trace = trace
        self._checks = traced(trace, self._checks, token.claims)
        self._checks_without_expiry = traced(trace, self._checks_without_expiry, token.claims)
        self._introspection_checks = traced(trace, self._introspection_checks, token.introspection)

    def read(self, incoming: Incoming, place: int) -> Credential | None:
        trace = self._trace
        trace.stage, trace.token = "found", self._token.name
        try:
            credential = super().read(incoming, place)
        except Refusal as refusal:
            trace.arose(refusal)
            raise
        option = f"{self._token.name}_request_header"
        if credential is not None:
            text = f"a token of {len(credential.token)} characters in {self._token.request_header}"
            trace.add("good", text, option=option)
        elif self.reader is None:
            trace.add("note", "not in use: no header is set for it", option=option)
        else:
            text = f"none in {self._token.request_header}, and none is needed"
            trace.add("note", text, option=f"{self._token.name}_optional")
        return credential

    def classify(self, credential: Credential) -> Token:
        """Left to `examine`, so that what is told stands in the order of the two tokens."""
        return credential.token

    def examine(self, token: Token, consumer: Consumer | None) -> Flow[Examined]:
        known = self.tell(str(token))
        if isinstance(known, Encoded):
            self.admit(known)
        return (yield from super().examine(known, consumer))

    def tell(self, text: str) -> Token:
        """Notes which kind of token it is. Raises a refusal for what is none."""
        trace = self._trace
        trace.stage, trace.token = "classified", self._token.name
        trace.compact, trace.claims = None, {}
        with suppress(Refusal):  # which comes up again, in its place
            self._tell_kind(read_compact(text))
        return self.kind_of(Credential(text, split_segments(text)))

    def examine_jwt(
        self, encoded: Encoded, consumer: Consumer | None, read: tuple[Compact, Claims] | None = None
    ) -> Flow[Examined]:
        self._trace.judged = self._token
        self.admit(encoded)
        return (yield from super().examine_jwt(encoded, consumer, read))

    def examine_opaque(self, text: str, consumer: Consumer | None) -> Flow[Examined]:
        self._trace.judged = self._token
        return (yield from super().examine_opaque(text, consumer))

    def _tell_kind(self, token: Compact | None) -> None:
        trace = self._trace
        trace.compact = token
        trace.add("good", "an opaque token" if token is None else f"a JWT: {_header(token)}")
        if token is not None and not self._token.verify_signature:
            option = f"verify_{self._token.name}_signature"
            trace.add("note", "not checked: it is switched off", stage="signature", option=option)
        trace.stage = "check"


class TracedGuard(Guard):
    """It remembers a proof only where the request is a real one: whoever asks why a request is refused may
    still send it."""

    def __init__(
        self, trace: Trace, token: TokenSettings, settings: Settings, cache: SharedCache, clock: Clock
    ) -> None:
        super().__init__(token, settings, cache if trace.signs else MemoryCache(1, clock), clock)
        self._trace = trace
        self._name = token.name

    def check(self, incoming: Incoming, presented: Presented, bond: Bond) -> Flow[None]:
        trace = self._trace
        trace.stage, trace.token = "binding", self._name
        yield from super().check(incoming, presented, bond)
        if bond == (None, None):
            trace.add("note", "the token is bound to nothing", option=self.rules.option("dpop"))
        if self.mtls is not None and bond.certificate is not None:
            text = "the connection is of the token's certificate"
            trace.add("good", text, option=self.rules.option("mtls"))
        if self.dpop is not None and bond.key is not None:
            text = "the proof is by the token's key, for this request"
            text += ", and was not used before" if trace.signs else "; whether it was used before is not told"
            trace.add("good", text, option=self.rules.option("dpop"))


class TracedResigner(Resigner):
    def __init__(self, trace: Trace, token: TokenSettings, *arguments: Any) -> None:
        super().__init__(token, *arguments)
        self._trace = trace
        self._name = token.name
        self._keyset = token.keyset.uri
        self._templates = {name for name, _ in token.shape.claim_templates}

    def resign(self, examined: Examined, sources: Sources) -> Flow[Resigned]:
        """What nobody asked for with a request of their own is not made: then it is all but the signature."""
        trace, began = self._trace, self._trace.ticks()
        trace.stage, trace.token = "signing", self._name
        claims, until = self._new_claims(examined, sources)
        who = f"by {self._keyset!r} with {self._algorithm}"
        if self._keys.key is not None or not trace.offline:
            key = self._keys.key or (yield from self._ready())
            who += f", kid {printable(key.kid or key.thumbprint)}"
        changed = sorted(name for name in claims if examined.claims.get(name) != claims[name])
        gone = sorted(examined.claims.keys() - claims.keys())
        told = f"{who}; sets {', '.join(changed)}" + (f"; leaves out {', '.join(gone)}" if gone else "")
        made = (yield from super().resign(examined, sources)) if trace.signs else Resigned(UNSIGNED, until)
        took = trace.ticks() - began if trace.signs else None
        trace.add("good", told, option=f"{self._name}_signing", took=took)
        for name in sorted(self._templates - dict(self._shaping.values(sources)).keys()):
            trace.add("note", f"the template of {name} has no value", option=f"{self._name}_claim_templates")
        return made

    def _ready(self) -> Flow[Key]:
        try:
            return (yield from self._keys.ready())
        except Refusal as refusal:
            refusal.option = refusal.option or f"{self._name}_keyset"
            raise


def traced(trace: Trace, checks: tuple[Check, ...], rules: ClaimRules) -> tuple[Check, ...]:
    return tuple(check._replace(run=partial(_run, trace, check, rules)) for check in checks)


def _run(trace: Trace, check: Check, rules: ClaimRules, claims: Mapping[str, Any], now: float) -> None:
    trace.stage, trace.claims = "check", claims
    check.run(claims, now)
    field = _CLAIMS.get(check.name)
    path = ISSUED if check.name in _OF_ISSUE else () if field is None else getattr(rules, field)
    value = f": {shown(read_claim(claims, path))}" if path else ""
    trace.add("good", f"{check.name}{value}", option=check.option)


def _header(token: Compact) -> str:
    members = {"alg": token.alg, "kid": token.kid, "typ": token.header.get("typ")}
    return ", ".join(f"{name} {printable(value)}" for name, value in members.items() if value is not None)
