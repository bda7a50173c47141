"""Mutual TLS (RFC 8705): a bound token needs its certificate, told by a proxy that is trusted for it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from conformance.case import Answer, BadSettings, Case, Provider, Refused, Request, Send, Wait, case
from conformance.outcomes import INVALID
from conformance.proofs import Bound, Proof, Thumbprint
from conformance.tokens import Joined, good, segment, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Decision

MISSING: Final = Refused(401, INVALID, "client_certificate_missing")
UNREADABLE: Final = Refused(401, INVALID, "client_certificate_invalid")
MISMATCH: Final = Refused(401, INVALID, "client_certificate_mismatch")
NOT_ONE: Final = Refused(401, INVALID, "client_certificate_invalid|client_certificate_mismatch")
NOT_BOUND: Final = Refused(401, INVALID, "token_not_bound")
CLAIM: Final = Refused(401, INVALID, "claim_malformed")

# Nobody but TLS reads what is in a certificate, so any bytes are one here.
OURS: Final = b"the certificate of alice"
THEIRS: Final = b"the certificate of mallory"
KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})


def thumbprint(certificate: bytes) -> str:
    return segment(hashlib.sha256(certificate).digest())


def base64_of(certificate: bytes) -> str:
    return base64.b64encode(certificate).decode()


def rfc9440(certificate: bytes) -> str:
    return f":{base64_of(certificate)}:"


def pem(certificate: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64_of(certificate)}\n-----END CERTIFICATE-----\n"


def xfcc(certificate: bytes) -> str:
    return f"Hash={hashlib.sha256(certificate).hexdigest()}"


CNF: Final = {"x5t#S256": thumbprint(OURS)}
BOUND: Final = token({"cnf": CNF})
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks", mtls="allowed") | {
    "client_certificate_header": "Client-Cert"
}
PASSED: Final = ACCESS.passed(ACCESS.new({"original_cnf": CNF}, without=("cnf",)))


def _case(
    name: str,
    value: str | None,
    expect: Decision,
    *,
    form: str | None = None,
    header: str = "Client-Cert",
    proves: str = "access_token_mtls",
    more: tuple[tuple[str, object], ...] = (),
    settings: Mapping[str, object] = SETTINGS,
) -> Case:
    sent = () if value is None else ((header, value),)
    chosen = {} if form is None else {"client_certificate_format": form}
    request = ACCESS.send(BOUND, *sent, *more)
    kept = frozenset({proves} if expect is PASSED else ())
    return Case(
        f"mutual TLS: {name}", {**settings, **chosen}, case("", {}, request, expect).steps, KEYS, kept
    )


def _believed() -> Iterator[Case]:
    yield _case("RFC 9440", rfc9440(OURS), PASSED)
    yield _case("the header is named otherwise", rfc9440(OURS), PASSED, proves="client_certificate_header")
    yield _case("the header in another spelling", rfc9440(OURS), PASSED, header="client-CERT")
    for name, value in {
        "nginx": quote(pem(OURS), safe=""),
        "folded": pem(OURS).replace("\n", " ").strip(),
        "Traefik, HAProxy": base64_of(OURS),
    }.items():
        yield _case(f"PEM of {name}", value, PASSED, form="pem", proves="client_certificate_format")
    envoy = f'By=spiffe://a/b;{xfcc(OURS)};Subject="CN=a \\"quoted\\", name";URI=spiffe://c/d'
    yield _case("an element of Envoy", envoy, PASSED, form="xfcc")
    with_certificate = f'{xfcc(OURS)};Cert="{quote(pem(OURS), safe="")}"'
    yield _case("an element of Envoy with its certificate", with_certificate, PASSED, form="xfcc")


def _not_believed() -> Iterator[Case]:
    yield _case("no certificate", None, MISSING)
    yield _case("an empty header", "", MISSING)
    yield _case("another certificate", rfc9440(THEIRS), MISMATCH)
    yield _case("another certificate from Envoy", xfcc(THEIRS), MISMATCH, form="xfcc")
    yield _case("a header that nobody named", rfc9440(OURS), MISSING, header="X-Client-Cert")
    for spelling in ("Client-Cert", "Client_Cert"):  # a thief adds the owner's; servers join, or drop one
        for form, write in {"rfc9440": rfc9440, "pem": base64_of, "xfcc": xfcc}.items():
            added = ((spelling, write(OURS)),)
            yield _case(f"{form}, another as {spelling}", write(THEIRS), NOT_ONE, form=form, more=added)
    for form, values in {
        "rfc9440": (":", "::", base64_of(OURS), rfc9440(OURS) + ";a=b", ":%41:", ":AAA:", ":=:"),
        "pem": ("x!", quote(pem(OURS) + pem(THEIRS)), rfc9440(OURS), "-----BEGIN CERTIFICATE-----", "%"),
        "xfcc": (
            "Hash=",
            f"{xfcc(OURS)},{xfcc(THEIRS)}",
            f"{xfcc(THEIRS)};{xfcc(OURS)}",
            f'By="{xfcc(OURS)}"',
            f'By="x;{xfcc(OURS)}',
            f"{xfcc(OURS)} ",
            "Hash=" + "0" * 63,
            rfc9440(OURS),
        ),
    }.items():
        for value in values:
            if value.strip() == value:
                yield _case(f"{form}: {value[:90]!r}", value, UNREADABLE, form=form)
    yield _case("a huge header", ":" + "A" * 70_000 + ":", UNREADABLE)


def _demands() -> Iterator[Case]:
    proxy = {"client_certificate_header": "Client-Cert"}
    shown = ("Client-Cert", rfc9440(OURS))
    for side in SIDES:
        option = side.name("mtls")
        settings = side.settings(jwks_uri="$IDP/jwks", mtls="required") | proxy
        unbound = side.send(token(), shown)
        yield case(f"{option}: required", settings, unbound, NOT_BOUND, provider=KEYS, proves={option})
        passed = side.passed(side.new({"original_cnf": CNF}, without=("cnf",)))
        name = f"{option}: required, and there"
        yield case(name, settings, side.send(BOUND, shown), passed, provider=KEYS, proves={option})
    unbound = ACCESS.send(token(), shown)
    yield case("mutual TLS: allowed", SETTINGS, unbound, ACCESS.passed(ACCESS.new()), provider=KEYS)
    never = ACCESS.settings(jwks_uri="$IDP/jwks")
    kept = ACCESS.passed(ACCESS.new({"cnf": CNF}))
    yield case("mutual TLS: never", never, ACCESS.send(BOUND), kept, provider=KEYS)
    wrong = ACCESS.send(token({"cnf": {"x5t#S256": ["x"]}}), shown)
    yield case("mutual TLS: cnf of a wrong type", SETTINGS, wrong, CLAIM, provider=KEYS)


def _with_dpop() -> Iterator[Case]:
    """A token that is bound twice has to prove both."""
    settings = SETTINGS | {"access_token_dpop": "allowed"}
    both = {"jkt": Thumbprint("p256"), **CNF}
    bound = Bound(claims={"cnf": {"jkt": str(Thumbprint("p256")), **CNF}})
    headers = (("DPoP", Proof(bound)), ("Client-Cert", rfc9440(OURS)))
    passed = ACCESS.passed(ACCESS.new({"original_cnf": both}, without=("cnf",)))
    for name, sent, expect in (
        ("a proof and a certificate", headers, passed),
        ("a proof alone", headers[:1], MISSING),
        ("a certificate alone", headers[1:], Refused(401, "invalid_dpop_proof", "dpop_proof_missing")),
    ):
        request = Request((("Authorization", Joined(("DPoP ", bound))), *sent))
        yield Case(f"bound twice: {name}", settings, (Send(request, expect), Wait(0)), KEYS)


def _introspected() -> Iterator[Case]:
    settings = SETTINGS | {
        "access_token_jwks_uri": None,
        "access_token_introspection_endpoint": "$IDP/introspect",
    }
    provider = Provider(tokens={OPAQUE: Answer({"active": True, **good({"cnf": CNF})})})
    passed = ACCESS.passed(ACCESS.new({"original_cnf": CNF}, without=("cnf",)), source="introspection")
    shown = ACCESS.send(OPAQUE, ("Client-Cert", rfc9440(OURS)))
    yield case("mutual TLS: an opaque token", settings, shown, passed, provider=provider)
    name = "mutual TLS: an opaque token that was stolen"
    yield case(name, settings, ACCESS.send(OPAQUE), MISSING, provider=provider)


def _bad_settings() -> Iterator[Case]:
    option = "client_certificate_header"
    settings = SETTINGS | {"original_access_token_upstream_header": "X-New"}
    for header in ("Authorization", "DPoP", "X-New", "Client Cert", "Host", "X-Consumer-ID", "A:B"):
        bad = BadSettings(frozenset({option}))
        yield Case(f"{option} can't be {header}", settings | {option: header}, bad=bad)


CASES: Final[tuple[Case, ...]] = (
    *_believed(),
    *_not_believed(),
    *_demands(),
    *_with_dpop(),
    *_introspected(),
    *_bad_settings(),
)
