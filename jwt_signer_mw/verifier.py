"""For the services behind us: verifies the tokens that we sign.

    verifier = Verifier("https://gateway.example/jwt-signer/jwks/kong", issuer="kong", algorithms=["RS256"])
    claims = verifier.verify(token)

The keys are kept for as long as `Cache-Control` allows and looked up anew for a `kid` that is not among
them, so that a rotation stops no request. Usable by many threads, and after a fork.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from jwt_signer_mw.binding.request import Request, check_request
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.errors import (
    AlgorithmNotAllowed,
    ConfigurationError,
    Problem,
    Refusal,
    TokenMalformed,
    TokenMissing,
    TokenTooLarge,
)
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.flows.remote import Remote
from jwt_signer_mw.flows.stored import StoredKeys
from jwt_signer_mw.flows.verify import printable, verify_by
from jwt_signer_mw.jose import ASYMMETRIC, SYMMETRIC
from jwt_signer_mw.keysets.store import BACKENDS, open_store
from jwt_signer_mw.request.responses import render
from jwt_signer_mw.settings import ClaimRules
from jwt_signer_mw.settings.addresses import KEYSET_SCHEMES, fault_of_url
from jwt_signer_mw.tokens.checks import compile_checks, run_checks
from jwt_signer_mw.tokens.compact import split_compact
from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver
    from jwt_signer_mw.flows.commands import Flow

__all__ = ["Refusal", "Verifier", "render"]

Claims: TypeAlias = dict[str, Any]

MAX_AGE = 300.0  # seconds that keys are used where nobody says for how long
MAX_TOKEN = 16_384  # characters, as `max_token_bytes`


class Options(TypedDict, total=False):
    """What a verifier seldom needs. Times in seconds."""

    max_age: float  # keys are used for so long at most, whatever `Cache-Control` allows; 300
    reload_interval: float  # between two fetches that unknown `kid`s force while the keys are fresh; 30
    timeout: float  # of a fetch; 5
    keyset: str  # the set in a store; kong
    encryption_keys: Sequence[str]  # `keyset_encryption_keys` of that store
    transport: Any  # `drivers.transport.Transport`, or its asynchronous twin
    clock: Callable[[], float] | None  # seconds since the epoch


class Verifier:
    """Checks signature, expiry, not-before, issuer and audience. Fetches nothing before the first token."""

    def __init__(
        self,
        jwks: str,
        *,
        issuer: str | Iterable[str],
        algorithms: str | Iterable[str],
        audience: str | Iterable[str] | None = None,
        leeway: float = 0,
        **options: Unpack[Options],
    ) -> None:
        """`jwks`: a URL, `file:///...`, or the URL of a store as in `keyset_store`. `leeway` in seconds.

        `issuer` and `audience`: exact values, of which one will do; without `audience` any will.
        Raises `ConfigurationError`.
        """
        self._algorithms = _texts("algorithms", algorithms)
        unknown = self._algorithms - ASYMMETRIC - SYMMETRIC
        if unknown:
            raise _refused("algorithms", f"has the unknown {', '.join(sorted(unknown))}.")
        self._checks = compile_checks(_rules(issuer, audience, leeway))
        self._clock = Clock.of(options.get("clock"))
        self._keys = _open_keys(jwks, options, self._clock)
        self._transport = options.get("transport")
        self._driver = BlockingDriver(self._transport or RequestsTransport())
        self._asynchronous: AsynchronousDriver | None = None
        self._opening = threading.Lock()

    def verify(self, token: str, **request: Unpack[Request]) -> Claims:
        """The claims. Raises a `Refusal`, whose `status` is 401, 403, or 503 where there are no keys.

        `request`: the `method`, `path`, `query` or `body` that the token has to be bound to
        (`{token}_upstream_request`).
        """
        return self._driver.run(self._verify(token, request))

    async def averify(self, token: str, **request: Unpack[Request]) -> Claims:
        """`verify` that does not block the event loop. Extra `asgi`."""
        return await self._open_asynchronous().run(self._verify(token, request))

    def verify_header(self, authorization: str | None, **request: Unpack[Request]) -> Claims:
        """`verify` for the value of an `Authorization` header: `Bearer` and a token. None: no header."""
        return self.verify(_read_bearer(authorization), **request)

    async def averify_header(self, authorization: str | None, **request: Unpack[Request]) -> Claims:
        return await self.averify(_read_bearer(authorization), **request)

    def _verify(self, token: str, request: Request) -> Flow[Claims]:
        if len(token) > MAX_TOKEN:
            raise TokenTooLarge(f"{len(token)} characters")
        compact = split_compact(token)
        if compact.alg not in self._algorithms:
            raise AlgorithmNotAllowed(f"alg {printable(compact.alg)}")
        if self._keys.due <= self._clock.ticks():
            self._keys.postpone()
            yield from self._keys.maintain()
        yield from verify_by(compact, self._keys)
        try:
            claims = parse_object(compact.payload)
        except Malformed as problem:
            raise TokenMalformed(f"payload: {problem}") from None
        run_checks(self._checks, claims, self._clock.now())
        check_request(claims, request)
        return claims

    def _open_asynchronous(self) -> AsynchronousDriver:
        """Imported when it is used: blocking services need no extra."""
        with self._opening:
            if self._asynchronous is None:
                from jwt_signer_mw.drivers.async_transport import HttpxTransport
                from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver

                self._asynchronous = AsynchronousDriver(self._transport or HttpxTransport())
            return self._asynchronous


def _rules(issuer: str | Iterable[str], audience: str | Iterable[str] | None, leeway: float) -> ClaimRules:
    """The rules of an incoming token, so that both ends mean the same by them."""
    return ClaimRules(
        name="verifier",
        leeway=leeway,
        verify_notbefore=True,
        optional_claims=(("nbf",),),
        issuers_allowed=tuple(_texts("issuer", issuer)),
        audiences_allowed=None if audience is None else tuple(_texts("audience", audience)),
    )


def _open_keys(jwks: str, options: Options, clock: Clock) -> Remote | StoredKeys:
    scheme = jwks.partition(":")[0].partition("+")[0].lower()
    if scheme in BACKENDS:
        store = open_store(jwks, encryption_keys=options.get("encryption_keys", ()))
        return StoredKeys(options.get("keyset", "kong"), store, clock)
    if fault := fault_of_url(jwks, KEYSET_SCHEMES):
        raise _refused("jwks", fault)
    return Remote(
        Source(jwks, timeout=options.get("timeout", 5.0)),
        clock,
        interval=options.get("reload_interval", 30.0),
        period=options.get("max_age", MAX_AGE),
        heeds_freshness=True,
    )


def _texts(option: str, given: str | Iterable[str]) -> frozenset[str]:
    texts = frozenset((given,) if isinstance(given, str) else given)
    if not texts or "" in texts:
        raise _refused(option, "names nothing: it is never taken for all.")
    return texts


def _refused(option: str, text: str) -> ConfigurationError:
    return ConfigurationError([Problem("verifier.E001", "error", option, text)])


def _read_bearer(authorization: str | None) -> str:
    """Raises `TokenMissing`. Values that a server joined by commas make no token."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenMissing("no Bearer value in the Authorization header")
    return token
