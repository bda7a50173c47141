"""DPoP (RFC 9449): what a bound token needs, and every proof that is no proof of this request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.case import (
    HOST,
    NOW,
    Answer,
    BadSettings,
    Case,
    Provider,
    Refused,
    Request,
    Send,
    Wait,
)
from conformance.keys import Jwk
from conformance.outcomes import INVALID
from conformance.proofs import Bound, Nonce, Proof, Thumbprint
from conformance.tokens import Joined, bearer, good, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision, Step
    from conformance.ways import Side

PROOF: Final = "invalid_dpop_proof"
MISSING: Final = Refused(401, PROOF, "dpop_proof_missing")
REPEATED: Final = Refused(401, PROOF, "dpop_proof_repeated")
BAD: Final = Refused(401, PROOF, "dpop_proof_invalid")
ANOTHER: Final = Refused(401, PROOF, "dpop_proof_for_another")
OUTDATED: Final = Refused(401, PROOF, "dpop_proof_outdated")
REPLAYED: Final = Refused(401, PROOF, "dpop_proof_replayed")
NO_NONCE: Final = Refused(401, "use_dpop_nonce", "dpop_nonce_required")
WRONG_KEY: Final = Refused(401, INVALID, "dpop_key_mismatch")
AS_BEARER: Final = Refused(401, INVALID, "token_bound_to_key")
NOT_BOUND: Final = Refused(401, INVALID, "token_not_bound")
MALFORMED: Final = Refused(401, INVALID, "token_malformed")

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
BOUND: Final = Bound()
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks", dpop="allowed")
JKT: Final = Thumbprint("p256")
PASSED: Final = ACCESS.passed(ACCESS.new(without=("cnf",)))


def dpop(value: object, *proofs: object, target: str = "/orders", method: str = "GET") -> Request:
    headers = (("Authorization", Joined(("DPoP ", value))), *(("DPoP", proof) for proof in proofs))
    return Request(headers, target, method)


def proof(jti: str = "one", of: object = BOUND, **changes: Any) -> Proof:
    return Proof(of, changes, jti=jti)


def _two(
    name: str,
    request: Request,
    expect: Decision,
    settings: Mapping[str, object] = SETTINGS,
    *,
    proves: set[str] | None = None,
    provider: Provider = KEYS,
) -> Case:
    """The request, after one that filled the cache of verdicts: what is remembered is no way around."""
    first = Send(dpop(BOUND, proof("first")), PASSED)
    return Case(f"DPoP: {name}", settings, (first, Send(request, expect)), provider, frozenset(proves or ()))


def _once(
    name: str, settings: Mapping[str, object], request: Request, expect: Decision, *proves: str
) -> Case:
    steps = (Send(request, expect), Wait(0))
    return Case(f"DPoP: {name}", settings, steps, KEYS, frozenset(proves))


def _good() -> Iterator[Case]:
    yield _two("a second proof", dpop(BOUND, proof("second")), PASSED, proves={"access_token_dpop"})
    yield _two("the scheme in small letters", _scheme("dpop "), PASSED)
    yield _two("with a query, which the proof leaves out", dpop(BOUND, proof(), target="/orders?a=1"), PASSED)
    other = f"HTTP://{HOST.upper()}/x/../%6frders?b=2#c"
    yield _two("another writing of the URI", dpop(BOUND, proof(htu=other)), PASSED)
    yield _two("a clock that is slow, and one that is fast", dpop(BOUND, proof(iat=NOW + 9)), PASSED)
    yield _two("the edge of its time", dpop(BOUND, proof(iat=NOW - 60)), PASSED)
    unbound = ACCESS.passed(ACCESS.new())
    yield _two("a bearer token that nothing binds", Request((("Authorization", bearer(token())),)), unbound)
    ed = Proof(Bound("ed1"), key="ed1", alg="EdDSA")
    yield _once("EdDSA", SETTINGS, dpop(Bound("ed1"), ed), PASSED)


def _scheme(scheme: str) -> Request:
    return Request((("Authorization", Joined((scheme, BOUND))), ("DPoP", proof())))


def _stolen() -> Iterator[Case]:
    yield _two("without a proof", dpop(BOUND), MISSING)
    yield _two("an empty proof", dpop(BOUND, ""), MISSING)
    yield _two("a replay", dpop(BOUND, proof("first")), REPLAYED)
    yield _two("a replay of the jti in another proof", dpop(BOUND, proof("first", iat=NOW - 1)), REPLAYED)
    yield _two("as a bearer token", Request((("Authorization", bearer(BOUND)), ("DPoP", proof()))), AS_BEARER)
    yield _two("as a bearer token without a proof", Request((("Authorization", bearer(BOUND)),)), AS_BEARER)
    yield _two("with the thief's own key", dpop(BOUND, Proof(BOUND, key="p256-thief")), WRONG_KEY)
    swapped = {"jwk": Jwk("p256")}
    forged = Proof(BOUND, header=swapped, key="p256-thief")
    yield _two("with the owner's jwk and the thief's signature", dpop(BOUND, forged), BAD)
    yield _two("for another method", dpop(BOUND, proof(), method="POST"), ANOTHER)
    yield _two("for a method in small letters", dpop(BOUND, proof(htm="get")), ANOTHER)
    yield _two("for another token", dpop(BOUND, proof(of=token())), ANOTHER)
    yield _two("for no token", dpop(BOUND, proof(ath=None)), ANOTHER)
    yield _two("a token that nothing binds", dpop(token(), proof(of=token())), NOT_BOUND)
    yield _two("two proofs", dpop(BOUND, proof("a"), proof("b")), REPEATED)
    yield _two("one proof twice", dpop(BOUND, proof("a"), proof("a")), REPEATED)
    for uri in (
        f"https://{HOST}/orders",
        "http://other.example:8443/orders",
        f"http://{HOST}/orders/",
        f"http://{HOST}/Orders",
        f"http://{HOST}",
        f"http://{HOST}/orders%2F",
        f"http://me@{HOST}/orders",
        "http://api.example/orders",
        "/orders",
        "orders",
        f"http://{HOST}/orders%",
    ):
        yield _two(f"for {uri}", dpop(BOUND, proof(htu=uri)), ANOTHER)


def _malformed() -> Iterator[Case]:
    claims: dict[str, dict[str, Any]] = {
        "no jti": {"jti": None},
        "an empty jti": {"jti": ""},
        "a jti that is no text": {"jti": 1},
        "no htm": {"htm": None},
        "no htu": {"htu": None},
        "no iat": {"iat": None},
        "iat as text": {"iat": str(NOW)},
        "iat as a boolean": {"iat": True},
        "a list as ath": {"ath": ["x"]},
        "a huge claim": {"jti": "x" * 2049},
    }
    for name, changed in claims.items():
        yield _two(name, dpop(BOUND, proof(**changed)), BAD)
    headers: dict[str, dict[str, object]] = {
        "typ JWT": {"typ": "JWT"},
        "no typ": {"typ": None},
        "typ at+jwt": {"typ": "at+jwt"},
        "no jwk": {"jwk": None},
        "a text as jwk": {"jwk": "x"},
        "a private jwk": {"jwk": Jwk("p256", private=True)},
        "crit": {"crit": ["b64"], "b64": True},
        "alg of another family": {"alg": "RS256"},
    }
    for name, header in headers.items():
        yield _two(name, dpop(BOUND, Proof(BOUND, header=header)), BAD)
    secret = Proof(BOUND, header={"jwk": Jwk("oct1")}, key="oct1", alg="HS256")
    yield _two("a symmetric key", dpop(BOUND, secret), BAD)
    yield _two("alg none", dpop(BOUND, Proof(BOUND, header={"alg": "none"})), BAD)
    yield _two("no JWT at all", dpop(BOUND, "proof"), BAD)
    yield _two("the access token as proof", dpop(BOUND, BOUND), BAD)
    yield _two("a huge proof", dpop(BOUND, Joined((proof(), "A" * 9000))), BAD)
    yield _two("a weak key", dpop(BOUND, Proof(BOUND, key="weak1", alg="RS256")), BAD)


def _times() -> Iterator[Case]:
    yield _two("too old", dpop(BOUND, proof(iat=NOW - 61)), OUTDATED)
    yield _two("from tomorrow", dpop(BOUND, proof(iat=NOW + 11)), OUTDATED)
    yield _two("from the year 9999", dpop(BOUND, proof(iat=253402300799)), OUTDATED)
    replay = (Send(dpop(BOUND, proof()), PASSED), Wait(59), Send(dpop(BOUND, proof()), REPLAYED))
    yield Case("DPoP: a replay at the end of its time", SETTINGS, (*replay, Wait(1)), KEYS)
    late = (*replay, Wait(12), Send(dpop(BOUND, proof()), OUTDATED))
    yield Case("DPoP: a replay when it is forgotten, and outdated", SETTINGS, late, KEYS)


def _side_settings(side: Side, **fields: object) -> dict[str, object]:
    return side.settings(jwks_uri="$IDP/jwks", **{"dpop": "required", **fields})


def _side_request(side: Side, **changes: Any) -> Request:
    value = Joined(("DPoP ", BOUND)) if side is ACCESS else BOUND
    return Request(((side.header, value), ("DPoP", proof(**changes))))


def _side_passed(side: Side) -> Decision:
    return side.passed(side.new({"original_cnf": {"jkt": JKT}}, without=("cnf",)))


def _options() -> Iterator[Case]:
    for side in SIDES:
        good = _side_request(side)
        kept = side.passed(side.new({"cnf": {"jkt": JKT}, "original_cnf": {"jkt": JKT}}))
        yield _option(
            side, "dpop", "required", Send(side.send(token()), NOT_BOUND), Send(good, _side_passed(side))
        )
        yield _option(side, "dpop_algorithms", ["EdDSA"], Send(good, BAD), Wait(0))
        other = Send(_side_request(side, nonce="x"), NO_NONCE)
        yield _option(side, "dpop_nonces", True, Send(good, NO_NONCE), other)
        yield _option(side, "upstream_confirmation", "cnf", Send(good, kept), Wait(0))
        old = _side_request(side, iat=NOW - 299)
        yield _option(side, "dpop_max_age", 300, Send(old, _side_passed(side)), Wait(0))


def _option(side: Side, field: str, value: object, *steps: Step) -> Case:
    option = side.name(field)
    return Case(
        f"{option}: {value}", _side_settings(side, **{field: value}), steps, KEYS, frozenset({option})
    )


def _nonces() -> Iterator[Case]:
    sealed = SETTINGS | {"dpop_nonce_secret": "s" * 32, "access_token_dpop_nonces": True}
    name = "a nonce of another process, and a clock that is wrong"
    for nonce, expect, told, proves in (
        (Nonce("s" * 32, NOW - 300), PASSED, name, ["dpop_nonce_secret"]),
        (Nonce("s" * 32, NOW - 301), NO_NONCE, "a nonce that is past", []),
        (Nonce("s" * 32, NOW + 5), NO_NONCE, "a nonce from the future", []),
        (Nonce("t" * 32, NOW), NO_NONCE, "a nonce of somebody else", []),
    ):
        yield _once(told, sealed, dpop(BOUND, proof(nonce=nonce, iat=NOW - 86_400)), expect, *proves)


def _whole_service() -> Iterator[Case]:
    origin = SETTINGS | {"public_origins": ["https://shop.example/api"]}
    public = dpop(BOUND, proof(htu="https://shop.example/api/orders"))
    yield _once("public_origins says what the URI is", origin, public, PASSED, "public_origins")
    yield _once("public_origins, not the host", origin, dpop(BOUND, proof()), ANOTHER, "public_origins")
    steps = (
        Send(dpop(BOUND, proof("a")), PASSED),
        Send(dpop(BOUND, proof("b")), Refused(503, None, "store_unavailable")),
        Wait(72),
        Send(dpop(BOUND, proof("c", iat=NOW + 72)), PASSED),
    )
    option = "dpop_replay_size"
    yield Case(f"{option}: closed when it is full", SETTINGS | {option: 1}, steps, KEYS, frozenset({option}))


def _never() -> Iterator[Case]:
    """As the plugin does: nothing is looked at, and nothing is taken away."""
    never = ACCESS.settings(jwks_uri="$IDP/jwks")
    kept = ACCESS.passed(ACCESS.new({"cnf": {"jkt": JKT}}, without=("original_cnf",)))
    yield _once("never: a bound token is a bearer token", never, ACCESS.send(BOUND), kept)
    yield _once("never: the scheme is unknown", never, dpop(BOUND, proof()), MALFORMED)


def _records() -> Iterator[Case]:
    forged = token({"original_cnf": {"jkt": "made up"}})
    passed = ACCESS.passed(ACCESS.new(without=("original_cnf",)))
    yield _once("a token can't say itself that it was verified", SETTINGS, ACCESS.send(forged), passed)
    yield _once("cnf that is no object", SETTINGS, ACCESS.send(token({"cnf": "x"})), CLAIM)
    yield _once("jkt that is no text", SETTINGS, ACCESS.send(token({"cnf": {"jkt": 1}})), CLAIM)


CLAIM: Final = Refused(401, INVALID, "claim_malformed")


def _introspected() -> Iterator[Case]:
    settings = ACCESS.settings(introspection_endpoint="$IDP/introspect", dpop="allowed")
    answer = Answer({"active": True, **good({"cnf": {"jkt": JKT}})})
    provider = Provider(tokens={OPAQUE: answer})
    passed = ACCESS.passed(ACCESS.new({"original_cnf": {"jkt": JKT}}), source="introspection")
    steps = (
        Send(dpop(OPAQUE, proof("a", OPAQUE)), passed),
        Send(dpop(OPAQUE, proof("a", OPAQUE)), REPLAYED),
        Send(dpop(OPAQUE, proof("b", OPAQUE)), passed, again=None),
        Send(ACCESS.send(OPAQUE), AS_BEARER),
        Send(dpop(OPAQUE), MISSING),
    )
    yield Case("DPoP: an opaque token", settings, steps, provider)
    yield from _inside(settings, passed)


def _inside(settings: dict[str, object], passed: Decision) -> Iterator[Case]:
    inside = settings | {"access_token_introspection_jwt_claim": ["jwt"]}
    answer = Answer({"active": True, **good({"cnf": {"jkt": JKT}}), "jwt": token()})
    provider = Provider(tokens={OPAQUE: answer})
    steps = (Send(ACCESS.send(OPAQUE), AS_BEARER), Send(dpop(OPAQUE, proof("a", OPAQUE)), passed))
    yield Case("DPoP: cnf beside a JWT in the answer", inside, steps, provider)


def _bad_settings() -> Iterator[Case]:
    for name, settings, option in (
        (
            "two tokens",
            {"access_token_dpop": "allowed", "channel_token_dpop": "allowed"},
            "channel_token_dpop",
        ),
        (
            "Basic",
            {"access_token_dpop": "allowed", "access_token_request_header": "authorization:basic"},
            "access_token_dpop",
        ),
        (
            "the header of the proof",
            {"access_token_dpop": "allowed", "access_token_request_header": "DPoP"},
            "access_token_request_header",
        ),
        ("an origin that is none", {"public_origins": ["api.example"]}, "public_origins"),
        (
            "a symmetric algorithm",
            {"access_token_dpop_algorithms": ["HS256"]},
            "access_token_dpop_algorithms",
        ),
    ):
        whole = ACCESS.settings(jwks_uri="$IDP/jwks") | settings
        yield Case(f"DPoP can't have {name}", whole, bad=BadSettings(frozenset({option})))


CASES: Final[tuple[Case, ...]] = (
    *_good(),
    *_stolen(),
    *_malformed(),
    *_times(),
    *_options(),
    *_nonces(),
    *_whole_service(),
    *_never(),
    *_records(),
    *_introspected(),
    *_bad_settings(),
)
