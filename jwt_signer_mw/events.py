"""What the suite tells the outside: its events, declared once, and the loggers."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from jwt_signer_mw.messages import Identity

log = logging.getLogger("jwt_signer_mw")
decisions = logging.getLogger("jwt_signer_mw.decisions")
instrumentation = logging.getLogger("jwt_signer_mw.instrumentation")

_LEVELS = {500: logging.ERROR, 503: logging.WARNING}
_CLASSES = {1: "success", 2: "success", 3: "redirect", 4: "client_error"}

DEFAULT_POLICY: Final = "default"  # the name of the one policy of a middleware that is given none

ACCEPTED = "accepted"
EXEMPT = "exempt"
METADATA = "resource_metadata"  # of the resource were shown (RFC 9728)


class WouldRefuse(NamedTuple):
    """A refusal that was not carried out. `by`: `report_only`, or `shadow` for a second policy.

    `reason` is the code of the refusal; "undecided" where keys or answers were not at hand, "shadow_failed"
    where the shadow itself went wrong; both have the status 0.
    """

    by: str
    reason: str
    status: int
    token: str = ""
    option: str = ""
    detail: str = ""


class Decided(NamedTuple):
    """One decision. `reason` is stable: "accepted", "exempt", "resource_metadata" or a refusal's
    code.

    `option` is the parameter that decided, `detail` is for people; neither holds client secrets.
    `token` is the one that was refused, `access_token` or `channel_token`, where one of them was.
    """

    status: int  # of the refusal; 0 when the request goes on
    reason: str
    method: str
    path: str
    option: str = ""
    detail: str = ""
    remembered: bool = False
    identity: Identity | None = None
    policy: str = DEFAULT_POLICY
    token: str = ""
    request_id: str = ""  # of the header `request_id_header`
    would_refuse: tuple[WouldRefuse, ...] = ()  # of an accepted request

    @property
    def outcome(self) -> str:
        if self.reason == METADATA:
            return "answered"
        return "refused" if self.status else "forwarded"


class Judged(NamedTuple):
    """How long a decision took that was not remembered."""

    policy: str
    outcome: str  # as in `Decided`
    seconds: float


class Exchanged(NamedTuple):
    """One HTTP exchange with a provider is over. `status` 0: no answer came, and `failure` says why."""

    purpose: str  # jwks, introspection or what else the exchange is for
    server: str  # host, and port if the URL has one
    seconds: float
    status: int = 0
    failure: str = ""

    @property
    def outcome(self) -> str:
        """`success`, `redirect`, `client_error`, `server_error` or `no_answer`."""
        return _CLASSES.get(self.status // 100, "server_error") if self.status else "no_answer"


class Recalled(NamedTuple):
    """The answer about an opaque token was looked for in the cache of introspection results."""

    policy: str
    token: str
    found: bool


class Signed(NamedTuple):
    """A token was signed; `seconds` of the signature alone."""

    policy: str
    token: str
    algorithm: str
    seconds: float


class KeysFetched(NamedTuple):
    """A key set was fetched from its URL or file, or could not be. Times in seconds since the epoch."""

    keyset: str  # its URL without user, query and fragment
    loaded: bool
    keys: int  # in memory now
    at: float
    due_at: float | None  # when it has to be fetched again; None: never by the clock


class KeysHeld(NamedTuple):
    """A key set of our own has a new state in memory. Times in seconds since the epoch."""

    keyset: str
    version: int  # counts the changes of the set
    rotated_at: float
    rotation_due_at: float | None  # None: never by the clock


Event: TypeAlias = Decided | Judged | Exchanged | Recalled | Signed | KeysFetched | KeysHeld
EVENTS: Final = (Decided, Judged, Exchanged, Recalled, Signed, KeysFetched, KeysHeld)


def log_refusal(event: Decided) -> None:
    """One line per refusal, level INFO (ERROR and WARNING for 500 and 503)."""
    if refusal_is_logged(event.status):
        decisions.log(_level(event.status), "%s", _line(event), extra={"jwt_signer": _fields(event)})


def report(event: Decided) -> None:
    """One line, at level INFO, per rule that would have refused what was accepted."""
    for found in event.would_refuse:
        fields = {name: value for name, value in found._asdict().items() if value}
        fields = {"outcome": "would_refuse", **fields, "policy": event.policy, **_request(event)}
        if event.request_id:
            fields["request_id"] = event.request_id
        decisions.info("%s", _json(fields), extra={"jwt_signer": fields})


def refusal_is_logged(status: int) -> bool:
    return decisions.isEnabledFor(_LEVELS.get(status, logging.INFO))


def _level(status: int) -> int:
    return _LEVELS.get(status, logging.INFO)


def instrument(event: Decided) -> None:
    """`enable_instrumentation`: one record per decision at level CRITICAL (decision 37)."""
    instrumentation.critical("%s", _line(event), extra={"jwt_signer": _fields(event)})


def _fields(event: Decided) -> dict[str, object]:
    fields: dict[str, object] = {
        "outcome": event.outcome,
        "status": event.status,
        "reason": event.reason,
        "policy": event.policy,
        "token": event.token,
        "request_id": event.request_id,
        **_request(event),
        "option": event.option,
        "detail": event.detail,
        "would_refuse": ",".join(found.reason for found in event.would_refuse),
    }
    identity = event.identity
    if identity is not None:
        if identity.access_token is not None:
            fields["access_token"] = identity.access_token.source
        if identity.channel_token is not None:
            fields["channel_token"] = identity.channel_token.source
        if identity.consumer is not None:
            fields["consumer"] = identity.consumer.id or identity.consumer.username
    return {name: value for name, value in fields.items() if value not in ("", False)}


def _request(event: Decided) -> dict[str, object]:
    return {"method": event.method[:32], "path": event.path[:256], "remembered": event.remembered}


def _line(event: Decided) -> str:
    return _json(_fields(event))


def _json(fields: dict[str, object]) -> str:
    """Visible ASCII: one line, whatever a client put into its path."""
    return json.dumps(fields, separators=(",", ":")).replace("\x7f", "\\u007f")
