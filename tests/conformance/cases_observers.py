"""Who hears of decisions: observers by their dotted paths, here the one that writes a record of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from conformance.case import BadSettings, Case, Logged, LoggedField, Passed, Request, Send
from conformance.cases_paths import EXEMPT, KEYS, PASSED, SETTINGS
from conformance.outcomes import TOKEN_EXPIRED, TOKEN_MISSING
from conformance.tokens import token
from conformance.ways import ACCESS

if TYPE_CHECKING:
    from collections.abc import Iterator

STORY: Final = (
    Send(ACCESS.send(token()), PASSED),
    Send(ACCESS.send(token()), PASSED),
    Send(Request(), TOKEN_MISSING),
    Send(ACCESS.send(token({"exp": 1})), TOKEN_EXPIRED),
    Send(Request(target="/health"), Passed()),
)
REASONS: Final = ("accepted", "accepted", "token_missing", "token_expired", "exempt")

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


def identified(value: str) -> Request:
    sent = ACCESS.send(token())
    return replace(sent, headers=(*sent.headers, ("X-Request-ID", value)))


def carried(value: str) -> Passed:
    return ACCESS.passed({**ACCESS.new(), "X-Request-ID": value})


def _request_ids() -> Iterator[Case]:
    """On either road, in refusals and in what instrumentation tells; never what is no id."""
    settings = SETTINGS | {"enable_instrumentation": True, "request_id_header": "X-Request-ID"}
    late = ACCESS.send(token({"exp": 1}))
    expired = replace(late, headers=(*late.headers, ("x-request-id", "r-3")))
    yield Case(
        "a request id in every record",
        settings,
        (
            Send(identified("r-1"), carried("r-1")),
            Send(identified("r-2"), carried("r-2")),
            Send(expired, TOKEN_EXPIRED),
            Send(Request(), TOKEN_MISSING),
            LoggedField("request_id", ("r-1", "r-2", "r-3", None)),
            LoggedField("request_id", ("r-3", None), "jwt_signer_mw.decisions"),
        ),
        KEYS,
        frozenset({"request_id_header"}),
    )
    unfit = ("x" * 129, "two words", 'quo"te', "<b>", "a,b", "é", "%0a")
    missing = tuple(Send(Request(headers=(("X-Request-ID", value),)), TOKEN_MISSING) for value in unfit)
    nothing = LoggedField("request_id", (None,) * len(unfit))
    yield Case("what is no request id is not logged", settings, (*missing, nothing), KEYS)
    off = SETTINGS | {"enable_instrumentation": True}
    yield Case(
        "no request id by default",
        off,
        (Send(identified("r-1"), carried("r-1")), LoggedField("request_id", (None,))),
        KEYS,
    )
    parents = (f"00-{TRACE}-00f067aa0ba902b7-01", "r-1")
    yield Case(
        "the id of a trace",
        settings | {"request_id_header": "traceparent"},
        (
            *(Send(Request(headers=(("traceparent", parent),)), TOKEN_MISSING) for parent in parents),
            LoggedField("request_id", (TRACE, None)),
        ),
        KEYS,
        frozenset({"request_id_header"}),
    )
    yield Case(
        "a request id that may be a token",
        SETTINGS | {"request_id_header": "Authorization"},
        bad=BadSettings(frozenset({"request_id_header"})),
    )


CASES: Final = (
    *_request_ids(),
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
