"""The vocabulary of the conformance table: what a case configures, sends and expects.

Everything here is a frozen value without behaviour of an adapter, so that the same table runs through
every one of them. Texts may name places that exist only when a case is played: `$IDP` (the case's own
provider), `$TLS` (the same over https), `$DEAD` (host and port where nobody listens), `$DIR` (a directory).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW: Final = 1_800_000_000  # seconds since the epoch at which every case starts
HOST: Final = "api.example:8443"
ISSUER: Final = "https://issuer.example"

Headers: TypeAlias = tuple[tuple[str, object], ...]  # a value may hold a `Token`, see tokens.py


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends. `target` is percent-encoded and may hold a query; repeated headers stay pairs."""

    headers: Headers = ()
    target: str = "/orders"
    method: str = "GET"
    host: str = HOST
    body: bytes = b""


# What the provider answers ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `body` is bytes or anything that `tokens.render` makes JSON of; `delay` in seconds.

    `basic`, `certificate` (a common name) and `assertion` (the key that signed one, RFC 7523) are demanded
    of the client, who gets a 401 otherwise.
    """

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang_up: bool = False
    basic: str | None = None
    certificate: str | None = None
    assertion: str | None = None


Route: TypeAlias = "Answer | tuple[Answer, ...]"  # several answers are given in turn, the last for ever


@dataclass(frozen=True, slots=True)
class Provider:
    """`routes` by path. `tokens` is what `/introspect` says about each token; others are inactive."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    tokens: Mapping[Any, Route] = field(default_factory=dict)


# What is expected ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """The application is not called. `error` is RFC 6750's, `code` the suite's own reason in its log.

    Codes that depend on the server's interface stand side by side, separated by `|`.
    """

    status: int
    error: str | None
    code: str
    realm: str = "api.example"
    metadata: str | None = None  # the URL that the challenge names
    scope: str | None = None  # None: whatever it says


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token signed by us. `claims` and `header` are held by it, `without` are not; `exactly` is all."""

    claims: Mapping[str, object] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    exactly: Mapping[str, object] | None = None
    alg: str = "RS256"
    keyset: str = "kong"
    key: str | None = None  # a named test key verifies it, not the set that the middleware publishes
    kid: str | None = None  # None: an RFC 7638 thumbprint
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What the identity says about one token: `claims` are held by it."""

    source: str = "jwt"
    claims: Mapping[str, object] = field(default_factory=dict)
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Passed:
    """The application is called once and sees exactly these headers, `Host` aside."""

    headers: Mapping[str, object] = field(default_factory=dict)  # text, a `Token` or a `NewToken`
    access: Verified | None = None
    channel: Verified | None = None
    consumer: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The middleware answers in the application's place, to whoever asks. `document` is all of the JSON."""

    document: object = None  # None: there is no content
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True, slots=True)
class BadSettings:
    """The middleware can't be built: these options have problems."""

    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What `middleware.admin` answers. `counts` is the length of lists in the document, by member."""

    status: int
    media_type: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    challenged: bool = False


Decision: TypeAlias = "Refused | Passed | Shown"


# What happens, in order ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """One request. `calls` are the provider's counts by path since the case began.

    `again`: whether the first new token is the very one of the request before (a cached verdict) or not.
    """

    request: Request
    expect: Decision
    calls: Mapping[str, int] | None = None
    again: bool | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The clock moves on; nobody sleeps."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Provide:
    """The provider changes its mind: these routes and tokens replace their namesakes."""

    provider: Provider


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to `middleware.admin`."""

    request: Request
    expect: Answered


@dataclass(frozen=True, slots=True)
class Heard:
    """The last call of `path` had this form, exactly, and held these headers (names in lower case)."""

    path: str
    form: Mapping[str, object] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)  # None: must be absent


@dataclass(frozen=True, slots=True)
class Publish:
    """Somebody behind us fetches the published set now, and keeps it."""

    keyset: str = "kong"


@dataclass(frozen=True, slots=True)
class Verifies:
    """Whether the new token of the n-th request that passed verifies now, or with the set kept before."""

    nth: int
    expect: bool = True
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """Whether the new tokens of two requests that passed were signed with one key."""

    first: int
    second: int
    same: bool


@dataclass(frozen=True, slots=True)
class Logged:
    """The reasons in the instrumentation records of the case so far (decision 37)."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoggedField:
    """What a field has in these records, the instrumentation or the refusals; None: it is absent."""

    name: str
    values: tuple[object, ...]
    logger: str = "jwt_signer_mw.instrumentation"


@dataclass(frozen=True, slots=True)
class Reported:
    """The would-be refusals in the log of the case so far, as `by` and `reason`."""

    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reopen:
    """The middleware is closed and built anew, with these settings changed; or it can't be, see `bad`."""

    settings: Mapping[str, object] = field(default_factory=dict)
    bad: BadSettings | None = None


Step: TypeAlias = (
    Send | Wait | Provide | Ask | Heard | Publish | Verifies | Keys | Logged | LoggedField | Reported | Reopen
)


@dataclass(frozen=True, slots=True)
class Case:
    """One named story. `proves` names the options without whose effect it would end otherwise."""

    name: str
    settings: Mapping[str, object]
    steps: tuple[Step, ...] = ()
    provider: Provider = Provider()
    proves: frozenset[str] = frozenset()
    files: Mapping[str, object] = field(default_factory=dict)  # below $DIR; rendered like a body
    services: Mapping[str, object] = field(default_factory=dict)
    bad: BadSettings | None = None
    own_store: bool = False  # else the signing keys are shared by all cases


def case(
    name: str,
    settings: Mapping[str, object],
    request: Request,
    expect: Decision,
    *,
    proves: set[str] | frozenset[str] = frozenset(),
    provider: Provider | None = None,
    files: Mapping[str, object] | None = None,
    services: Mapping[str, object] | None = None,
    then: tuple[Step, ...] = (),
) -> Case:
    """The short form: one request and its decision, and what else is to be seen afterwards."""
    return Case(
        name,
        settings,
        (Send(request, expect), *then),
        provider or Provider(),
        frozenset(proves),
        files or {},
        services or {},
    )
