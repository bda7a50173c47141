"""New tokens that are good for one request, and audiences of the services behind."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from conformance.case import Answer, BadSettings, Case, Passed, Provider, Refused, Request, Send, case
from conformance.tokens import bearer, token
from conformance.ways import ACCESS, ALL_KEYS, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
TOO_LARGE: Final = Refused(413, None, "body_too_large")
ALL: Final = ["method", "path", "query", "body"]
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks", upstream_request=ALL)


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def said(method: str = "GET", path: str = "/orders", query: str = "", body: bytes = b"") -> dict[str, object]:
    return {"request": {"method": method, "path": path, "query": query, "content-digest": digest(body)}}


def ask(target: str = "/orders", method: str = "GET", body: bytes = b"") -> Request:
    return Request((("Authorization", bearer(GOOD)),), target, method, body=body)


GOOD: Final = token({"request": "of the client's"})


def _requests() -> Iterator[Case]:
    """One token, many requests: each new token is for its own, whatever is remembered."""
    steps = (
        Send(ask(), ACCESS.passed(ACCESS.new(said()))),
        Send(ask(), ACCESS.passed(ACCESS.new(said())), again=True),
        Send(ask("/orders?id=7&x=%2F"), ACCESS.passed(ACCESS.new(said(query="id=7&x=%2F"))), again=False),
        Send(ask("/others"), ACCESS.passed(ACCESS.new(said(path="/others"))), again=False),
        Send(ask("/caf%C3%A9"), ACCESS.passed(ACCESS.new(said(path="/café"))), again=False),
        Send(ask(method="DELETE"), ACCESS.passed(ACCESS.new(said("DELETE"))), again=False),
        Send(ask(method="POST"), ACCESS.passed(ACCESS.new(said("POST"))), again=False),
        Send(ask(method="POST", body=b"1"), ACCESS.passed(ACCESS.new(said("POST", body=b"1"))), again=False),
        Send(ask(method="POST", body=b"2"), ACCESS.passed(ACCESS.new(said("POST", body=b"2"))), again=False),
        Send(ask(method="POST", body=b"2"), ACCESS.passed(ACCESS.new(said("POST", body=b"2"))), again=True),
        Send(ask(), ACCESS.passed(ACCESS.new(said())), again=None),
    )
    yield Case("bound to the request: each has its own token", SETTINGS, steps, KEYS)
    for part, claim in {
        "method": {"method": "GET"},
        "path": {"path": "/orders"},
        "query": {"query": "a"},
        "body": {"content-digest": digest(b"")},
    }.items():
        settings = SETTINGS | {"access_token_upstream_request": [part]}
        passed = ACCESS.passed(ACCESS.new({"request": claim}))
        yield case(f"bound to the {part} alone", settings, ask("/orders?a"), passed, provider=KEYS)
    off = SETTINGS | {"access_token_upstream_request": []}
    kept = ACCESS.passed(ACCESS.new({"request": "of the client's"}))
    yield case("bound to no part of the request", off, ask(), kept, provider=KEYS)


def _lists() -> Iterator[Case]:
    """A list of claims that leave is about the client's."""
    settings = SETTINGS | {
        "keep_access_token_claims": ["sub", "exp"],
        "access_token_upstream_request": ["method"],
    }
    passed = ACCESS.passed(ACCESS.new({"request": {"method": "GET"}}))
    yield case("bound to the method, whatever claims are kept", settings, ask(), passed, provider=KEYS)


def _bodies() -> Iterator[Case]:
    limit = SETTINGS | {"max_bound_body_bytes": 3}
    long = ask(method="POST", body=b"four")
    option = {"max_bound_body_bytes"}
    yield case("a body that is too long to be bound to", limit, long, TOO_LARGE, provider=KEYS, proves=option)
    fits = ACCESS.passed(ACCESS.new(said("POST", body=b"tri")))
    name = "a body of the length that may be"
    yield case(name, limit, ask(method="POST", body=b"tri"), fits, provider=KEYS)
    unbound = limit | {"access_token_upstream_request": ["method"]}
    passed = ACCESS.passed(ACCESS.new({"request": {"method": "POST"}}))
    yield case("a long body that nothing is bound to", unbound, long, passed, provider=KEYS)
    exempt = limit | {"exempt_paths": ["/open"]}
    sent = Request(target="/open", method="POST", body=b"four")
    yield case("a long body for an exempt path", exempt, sent, Passed(), provider=KEYS)


def _sides() -> Iterator[Case]:
    for side in SIDES:
        option = side.name("upstream_request")
        settings = side.settings(jwks_uri="$IDP/jwks", upstream_request=["method", "path"])
        passed = side.passed(side.new({"request": {"method": "GET", "path": "/orders"}}))
        yield case(
            f"{option}: two parts", settings, side.send(token()), passed, provider=KEYS, proves={option}
        )
        yield Case(f"{option}: an unknown part", settings | {option: ["host"]}, bad=_bad(option))
        option = side.name("upstream_audience")
        old = side.send(token({"aud": ["gateway", "else"]}))
        for given, audience in ((["orders"], "orders"), (["orders", "stock"], ["orders", "stock"])):
            settings = side.settings(jwks_uri="$IDP/jwks", upstream_audience=given)
            passed = side.passed(side.new({"aud": audience}))
            yield case(f"{option}: {given}", settings, old, passed, provider=KEYS, proves={option})
        settings = side.settings(jwks_uri="$IDP/jwks", upstream_audience=["orders"])
        settings[side.name("set_claims")] = {"aud": "by hand"}
        passed = side.passed(side.new({"aud": "by hand"}))
        yield case(f"{option}: set_claims has the last word", settings, old, passed, provider=KEYS)


def _bad(option: str) -> BadSettings:
    return BadSettings(frozenset({option}))


CASES: Final[tuple[Case, ...]] = (*_requests(), *_lists(), *_bodies(), *_sides())
