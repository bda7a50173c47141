"""What is asked about, and what is told: plain values, nothing secret in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, cast

from jwt_signer_mw.wire import Malformed, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"
Stage: TypeAlias = Literal[
    "request",
    "found",
    "classified",
    "key",
    "fetch",
    "signature",
    "introspection",
    "check",
    "consumer",
    "signing",
    "binding",
    "headers",
    "reported",
]
Mark: TypeAlias = Literal["good", "bad", "open", "note"]
Outcome: TypeAlias = Literal["forwarded", "exempt", "answered", "refused", "undecided"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110 section 5.1
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")


class Circumstances(TypedDict, total=False):
    """What else there is to a request. `at`: seconds since the epoch at which it is judged, instead of
    now. `offline`: nothing is fetched, and what only a provider knows stays open."""

    method: str
    path: str
    host: str
    at: float | None
    offline: bool


class Asked(NamedTuple):
    """One request that is explained, not made."""

    headers: tuple[tuple[str, str], ...]
    method: str = "GET"
    path: str = "/"
    host: str = ""
    at: float | None = None
    offline: bool = False

    def __repr__(self) -> str:
        return f"<Asked {self.method} {self.path}>"  # headers hold tokens

    @classmethod
    def about(cls, headers: Headers, circumstances: Circumstances) -> Asked:
        if isinstance(headers, Mapping):
            headers = cast("Mapping[str, str]", headers).items()
        return cls(tuple(headers), **circumstances)

    @classmethod
    def read(cls, body: bytes) -> Asked:
        """From JSON: `headers` (a map, or a list of pairs), `method`, `path`, `host`, `at`, `offline`.

        Raises `Malformed`.
        """
        given = parse_object(body)
        types: dict[str, type | tuple[type, ...]]
        types = {"method": str, "path": str, "host": str, "at": (int, float), "offline": bool}
        for name, value in given.items():
            if name != "headers" and not (name in types and isinstance(value, types[name])):
                raise Malformed("a member is unknown or of the wrong type")
        headers = given.pop("headers", {})
        pairs = list(headers.items()) if isinstance(headers, dict) else headers
        if not isinstance(pairs, list) or not all(_is_header(pair) for pair in pairs):
            raise Malformed("headers are a map, or a list of pairs, of text")
        return cls(tuple((name, value) for name, value in pairs), **given)


def _is_header(pair: object) -> bool:
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
        return False
    return bool(_NAME.match(pair[0]) and _VALUE.match(pair[1]))


class Step(NamedTuple):
    """One thing that was looked at. `open`: it can't be told offline; `note`: it decided nothing.

    `token` is `access_token`, `channel_token` or empty; `option` is the parameter behind it.
    """

    stage: Stage
    mark: Mark
    text: str
    token: str = ""
    option: str = ""
    milliseconds: float | None = None


class Explanation(NamedTuple):
    """The decision and the way to it. `reason` is the stable code of the first cause.

    `status` is what the client would get, 0 where the application answers. `written` are the names of
    headers that go on.
    """

    outcome: Outcome
    status: int
    reason: str
    option: str
    detail: str
    suggestion: str
    steps: tuple[Step, ...]
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self._asdict(), "steps": [_without_blanks(step) for step in self.steps]}


def _without_blanks(step: Step) -> dict[str, Any]:
    return {name: value for name, value in step._asdict().items() if value not in ("", None)}
