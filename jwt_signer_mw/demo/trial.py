"""One request of a scenario: sent over a socket, seen from all sides, and held against what was expected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import requests

from jwt_signer_mw.events import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.demo.provider import Call
    from jwt_signer_mw.demo.stage import Stage
    from jwt_signer_mw.events import Decided

HTTP_SECONDS = 10.0
OK = 200
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What the client sent, what the gateway asked and decided, what came back; `faults` should be empty."""

    title: str
    method: str
    path: str
    sent: Headers = field(repr=False)
    status: int
    answered: Mapping[str, str]
    document: Any
    calls: tuple[tuple[str, Call], ...]
    decision: Decided | None
    faults: tuple[str, ...]

    @classmethod
    def of(cls, method: str, path: str, sent: Headers, answer: requests.Response, decision: Decided) -> Trial:
        """A request that somebody else sent, with no expectations."""
        return cls(
            title="",
            method=method,
            path=path,
            sent=sent,
            status=answer.status_code,
            answered={name.lower(): value for name, value in answer.headers.items()},
            document=_document(answer),
            calls=(),
            decision=decision,
            faults=(),
        )

    @property
    def seen(self) -> Mapping[str, Any]:
        """The tokens that the upstream application saw, by header; none if nothing came through."""
        return self._part("tokens")

    @property
    def came_through(self) -> tuple[str, ...]:
        """Names of the headers that the upstream application saw, as far as they are of interest."""
        return (*self.seen, *self._part("headers"))

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.document.get(name) if isinstance(self.document, dict) else None
        return part if isinstance(part, dict) else {}

    def claims(self, header: str = "Authorization") -> dict[str, Any]:
        """Claims that the upstream application verified in this header."""
        claims: dict[str, Any] = self.seen.get(header, {}).get("claims", {})
        return claims

    def kid(self, header: str = "Authorization") -> str:
        return str(self.seen.get(header, {}).get("header", {}).get("kid", ""))


class Visitor:
    """A client of one policy of the gateway; it sends one request at a time."""

    def __init__(self, stage: Stage, policy: str) -> None:
        self._stage = stage
        self._path = f"/{policy}/orders"

    def visit(
        self,
        title: str,
        headers: Mapping[str, str],
        reason: str = ACCEPTED,
        *,
        status: int = OK,
        claims: Mapping[str, Mapping[str, Any]] | None = None,
        absent: tuple[str, ...] = (),
        calls: int | None = None,
    ) -> Trial:
        """What is expected: the upstream application verifies exactly these `claims` (by header), the
        headers `absent` do not reach it, and the providers get so many `calls`.
        """
        trial = self.send(title, "GET", self._stage.gateway_origin + self._path, headers)
        found = trial.decision.reason if trial.decision else "nothing decided"
        faults = [*_differs("status", trial.status, status), *_differs("reason", found, reason)]
        if calls is not None:
            faults += _differs("calls to providers", len(trial.calls), calls)
        for header, expected in (claims or {}).items():
            faults += _differs(f"{header} verified", trial.seen.get(header, {}).get("verified"), True)
            faults += _different_claims(trial.claims(header), expected)
        faults += [f"{name} came through" for name in absent if name in trial.came_through]
        return replace(trial, faults=tuple(faults))

    def rotate_our_keys(self, title: str) -> Trial:
        """`POST /jwt-signer/jwks/<name>/rotate` with the admin token."""
        secret = self._stage.admin_token_file.read_text()
        headers = {"Authorization": f"Bearer {secret}"}
        trial = self.send(title, "POST", f"{self._stage.jwks_url}/rotate", headers)
        faults = _differs("status", trial.status, OK)
        return replace(trial, sent=(("Authorization", "Bearer <admin token>"),), faults=tuple(faults))

    def verify_again(self, title: str, kids: set[str]) -> Trial:
        """The upstream application verifies, with fresh keys, all tokens that it accepted so far."""
        trial = self.send(title, "GET", f"{self._stage.upstream_origin}/again", {})
        document = trial.document if isinstance(trial.document, dict) else {}
        faults = _differs("all verified", document.get("verified"), True)
        faults += [f"nothing is signed with {kid!r}" for kid in kids - set(document.get("kids", ()))]
        return replace(trial, faults=tuple(faults))

    def send(self, title: str, method: str, url: str, headers: Mapping[str, str]) -> Trial:
        stage = self._stage
        stage.gateway.take_heard()
        for provider in stage.providers:
            provider.take_calls()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, headers=dict(headers), timeout=HTTP_SECONDS)
        heard = stage.gateway.take_heard()
        return Trial(
            title=title,
            method=method,
            path=url.removeprefix(stage.gateway_origin),
            sent=tuple(headers.items()),
            status=answer.status_code,
            answered={name.lower(): value for name, value in answer.headers.items()},
            document=_document(answer),
            calls=tuple((one.name, call) for one in stage.providers for call in one.take_calls()),
            decision=heard[-1].event if heard else None,
            faults=(),
        )


def _document(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _differs(what: str, found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{what}: {found!r}, expected {wanted!r}"]


def _different_claims(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys((*wanted, *found))
    return [fault for name in names for fault in _differs(f"claim {name}", found.get(name), wanted.get(name))]
