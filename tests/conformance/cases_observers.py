"""Who hears of decisions: observers by their dotted paths, here the one that writes a record of each."""

from __future__ import annotations

from typing import Final

from conformance.case import Case, Logged, Passed, Request, Send
from conformance.cases_paths import EXEMPT, KEYS, PASSED
from conformance.outcomes import TOKEN_EXPIRED, TOKEN_MISSING
from conformance.tokens import token
from conformance.ways import ACCESS

STORY: Final = (
    Send(ACCESS.send(token()), PASSED),
    Send(ACCESS.send(token()), PASSED),
    Send(Request(), TOKEN_MISSING),
    Send(ACCESS.send(token({"exp": 1})), TOKEN_EXPIRED),
    Send(Request(target="/health"), Passed()),
)
REASONS: Final = ("accepted", "accepted", "token_missing", "token_expired", "exempt")

CASES: Final = (
    Case(
        "an observer by its dotted path",
        EXEMPT | {"observers": ["jwt_signer_mw.events:instrument"]},
        (*STORY, Logged(REASONS)),
        KEYS,
        frozenset({"observers"}),
    ),
    Case("no observer", EXEMPT | {"observers": []}, (*STORY, Logged(())), KEYS),
    Case(
        "an observer that measures hears no less",
        EXEMPT | {"observers": ["prometheus", "jwt_signer_mw.events.instrument"]},
        (*STORY, Logged(REASONS)),
        KEYS,
        frozenset({"observers"}),
    ),
)
