"""Whom a new token hides: pairwise subjects (OpenID Connect Core section 8.1)."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, Final

from conformance.case import ISSUER, Answer, Case, NewToken, Passed, Provider, Request, Send, Verified
from conformance.cases_caches import KEYS
from conformance.cases_shaping import SECRET, SECTOR, label_of, story
from conformance.tokens import bearer, good, segment, token
from conformance.ways import ALL_KEYS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator


def pseudonym(subject: object, *, sector: str = SECTOR, issuer: object = ISSUER, secret: str = SECRET) -> str:
    """Told a second time: HMAC-SHA-256 over a JSON list."""
    message = json.dumps([sector, issuer, subject], separators=(",", ":"), ensure_ascii=False).encode()
    return segment(hmac.new(secret.encode(), message, hashlib.sha256).digest())


def _pairwise() -> Iterator[Case]:
    on: dict[str, Any] = {"subject_pairwise_secret": SECRET, "subject_pairwise_sector": SECTOR}
    both = ("subject_pairwise_secret", "subject_pairwise_sector")
    for side in SIDES:
        hidden = pseudonym("alice")
        yield story(
            side, "a hidden subject", {"sub": hidden}, without=("original_sub",), proves=both[:1], **on
        )
        yield story(
            side,
            "a subject for another sector",
            {"sub": pseudonym("alice", sector="https://stock.example")},
            proves=both[1:],
            **{**on, "subject_pairwise_sector": "https://stock.example"},
        )
        yield story(
            side,
            "the subject of another issuer",
            {"sub": pseudonym("alice", issuer="https://other.example")},
            claims={"iss": "https://other.example"},
            **on,
        )
        yield story(
            side,
            "a subject elsewhere, and what a client says of it",
            {"sub": hidden, "user": {"id": pseudonym(7), "name": "A"}},
            claims={"user": {"id": 7, "name": "A"}, "original_sub": "alice"},
            without=("original_sub",),
            proves=both[:1],
            subject_claim=["user", "id"],
            **on,
        )
        yield story(
            side,
            "a subject that is no name",
            {"sub": hidden, "user": {"name": "A"}},
            claims={"user": {"id": ["alice"], "name": "A"}},
            subject_claim=["user", "id"],
            **on,
        )
        yield story(
            side,
            "a subject for the audience of the new token",
            {"sub": pseudonym("alice", sector="orders"), "aud": "orders"},
            proves=both[:1],
            subject_pairwise_secret=SECRET,
            upstream_audience=["orders"],
        )
        yield story(
            side,
            "a subject for a sector with several audiences",
            {"sub": hidden, "aud": ["orders", "stock"]},
            proves=both,
            upstream_audience=["orders", "stock"],
            **on,
        )
        yield story(side, "no subject", {"iss": "kong"}, claims={"sub": None}, **on)
        yield Case(
            f"{label_of(side)}: the hidden subject of an opaque token",
            side.settings(introspection_endpoint="$IDP/introspect", **on),
            (
                Send(
                    side.send(OPAQUE),
                    side.passed(side.new({"sub": hidden}), source="introspection", claims={"sub": "alice"}),
                ),
            ),
            Provider({"/jwks": Answer(ALL_KEYS)}, {OPAQUE: Answer({"active": True, **good()})}),
            side.names(*both[:1]),
        )
    yield Case(
        "two tokens of one subject are hidden for two sectors",
        {
            "access_token_jwks_uri": "$IDP/jwks",
            "access_token_subject_pairwise_secret": SECRET,
            "access_token_subject_pairwise_sector": SECTOR,
            "channel_token_jwks_uri": "$IDP/jwks",
            "channel_token_request_header": "X-Channel",
            "channel_token_upstream_header": "X-Channel-Upstream",
            "channel_token_subject_pairwise_secret": SECRET,
            "channel_token_subject_pairwise_sector": "https://other.example",
        },
        (
            Send(
                Request((("Authorization", bearer(token())), ("X-Channel", token()))),
                Passed(
                    {
                        "Authorization": NewToken({"sub": pseudonym("alice")}, scheme="Bearer "),
                        "X-Channel-Upstream": NewToken(
                            {"sub": pseudonym("alice", sector="https://other.example")}
                        ),
                    },
                    Verified(claims={"sub": "alice"}),
                    Verified(claims={"sub": "alice"}),
                ),
            ),
        ),
        KEYS,
    )


CASES: Final = tuple(_pairwise())
