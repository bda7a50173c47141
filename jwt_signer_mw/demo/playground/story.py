"""What became of a request, as JSON for the page: steps by station, headers and claims side by side."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.demo.narration import narrate
from jwt_signer_mw.demo.shortened import described, peek
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.request.rewrite import Output
from jwt_signer_mw.settings.loading import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jwt_signer_mw.demo.playground.fence import Fetched
    from jwt_signer_mw.demo.playground.gateway import Passage
    from jwt_signer_mw.demo.trial import Headers, Trial
    from jwt_signer_mw.explain import Explanation, Step
    from jwt_signer_mw.settings import Settings, TokenSettings

STATIONS = {  # on the way of a request, and what the picture calls them
    "client": "Client",
    "extract": "Extract",
    "verify": "Verify",
    "checks": "Checks",
    "consumer": "Consumer",
    "resign": "Re-sign",
    "rewrite": "Rewrite",
    "upstream": "Upstream",
}
STATION_OF = {
    **dict.fromkeys(("request", "found", "classified"), "extract"),
    **dict.fromkeys(("key", "fetch", "signature", "introspection"), "verify"),
    **dict.fromkeys(("check", "binding", "reported"), "checks"),
    "consumer": "consumer",
    "signing": "resign",
    "headers": "rewrite",
}
_OF_THE_CONNECTION = {"host", "accept-encoding", "user-agent", "content-length", "connection"}
_TELLING = ("www-authenticate", "retry-after")
MAX_VALUE = 200  # characters of a claim or a header that are shown

Json = dict[str, Any]


def tell(trial: Trial, passage: Passage, fetched: tuple[Fetched, ...], settings: Settings) -> Json:
    """No secret is in it, and no token is whole."""
    explanation = passage.explanation
    return {
        "outcome": explanation.outcome,
        "status": trial.status,
        "reason": passage.decision.reason,
        "remembered": passage.decision.remembered,
        "detail": explanation.detail,
        "hint": explanation.suggestion,
        "option": _option(explanation.option, settings),
        "refused_at": _refusing_station(explanation),
        "steps": list(_steps(trial, explanation, fetched, settings)),
        "headers": _headers(trial.sent, passage),
        "tokens": [*_tokens(trial, passage, settings)],
        "answer": {name: trial.answered[name] for name in _TELLING if name in trial.answered},
    }


def _option(name: str, settings: Settings) -> Json | None:
    """The parameter that decided, with its value and what it is for."""
    if name not in OPTIONS:
        return {"name": name, "value": "", "help": ""} if name else None
    value = settings.flat(redact=True)[name]
    return {"name": name, "value": _shown(value), "help": OPTIONS[name].declared.help}


def _refusing_station(explanation: Explanation) -> str:
    return STATION_OF[explanation.steps[-1].stage] if explanation.outcome == "refused" else ""


def _steps(
    trial: Trial, explanation: Explanation, fetched: tuple[Fetched, ...], settings: Settings
) -> Iterator[Json]:
    lines = list(narrate(trial, settings))
    yield from (
        _line(line.text, "client", "note", aside=line.aside) for line in lines if line.who == "client"
    )
    asked = iter(fetched)
    for step in explanation.steps:
        call = next(asked, None) if step.stage == "fetch" else None
        yield _step(step, call)
    for line in lines:
        if line.who == "upstream":
            mark = "bad" if line.text.startswith("refused") else "good"
            yield _line(line.text, "upstream", mark, aside=line.aside)
    yield _line(f"{trial.status} {HTTPStatus(trial.status).phrase}", "client", "note", "answer")
    yield from (_line(line.text, "client", "note", "answer") for line in lines if line.who == "answer")


def _step(step: Step, call: Fetched | None) -> Json:
    told = {name: value for name, value in step._asdict().items() if value not in {"", None}}
    return {**told, "station": STATION_OF[step.stage], **({"call": call._asdict()} if call else {})}


def _line(text: str, station: str, mark: str, stage: str = "", *, aside: bool = False) -> Json:
    return {"station": station, "stage": stage or station, "mark": mark, "text": text, "aside": aside}


def _headers(sent: Headers, passage: Passage) -> Json:
    """Before and after; `fate` is kept, removed, written."""
    if passage.forwarded is None:
        return {"before": [_header(name, value, "kept") for name, value in sent], "after": None}
    taken = {fold(name) for name in passage.explanation.removed}
    written = {fold(name): name for name in passage.explanation.written}
    return {
        "before": [
            _header(name, value, "removed" if fold(name) in taken else "kept") for name, value in sent
        ],
        "after": [
            _header(written.get(fold(name), name), value, "written" if fold(name) in written else "kept")
            for name, value in passage.forwarded
            if fold(name) not in _OF_THE_CONNECTION
        ],
    }


def _header(name: str, value: str, fate: str) -> Json:
    return {"name": name, "value": _cut(described(value)), "fate": fate}


def _tokens(trial: Trial, passage: Passage, settings: Settings) -> Iterator[Json]:
    """For each token that the client sent: what it said, and what the new one says."""
    identity = passage.decision.identity
    for token in (settings.access_token, settings.channel_token):
        text = _sent(token, trial.sent)
        if text is None:
            continue
        known = getattr(identity, token.name, None)
        after = _seen(token, trial.seen) if passage.forwarded is not None else None
        before = peek(text) if known is None else known.claims
        yield {
            "slot": token.name,
            "opaque": not peek(text, 0),
            "introspected": known is not None and known.source == "introspection",
            "before": {"header": _members(peek(text, 0)), "is_known": bool(before)},
            "after": after and {"header": _members(after.get("header", {})), "verified": after["verified"]},
            "problem": (after or {}).get("problem", ""),
            "claims": list(_compared(before, (after or {}).get("claims"))),
        }


def _sent(token: TokenSettings, headers: Headers) -> str | None:
    wanted = fold((token.request_header or "").partition(":")[0])
    return next((value.rpartition(" ")[2] for name, value in headers if fold(name) == wanted), None)


def _seen(token: TokenSettings, seen: Mapping[str, Any]) -> Json | None:
    """What the upstream application says about the new token."""
    if not token.signs or token.upstream_header is None:
        return None
    wanted = fold(Output.of(token.upstream_header).name)
    return next((said for name, said in seen.items() if fold(name) == wanted), None)


def _compared(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Iterator[Json]:
    """One row per claim: same, changed, added or removed; only `before` where there is no new token."""
    for name in dict.fromkeys((*before, *(after or ()))):
        row = {"name": name, "before": _shown_at(before, name), "after": _shown_at(after or {}, name)}
        yield {**row, "change": "only" if after is None else _change(name, before, after)}


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if name not in before:
        return "added"
    if name not in after:
        return "removed"
    return "same" if before[name] == after[name] else "changed"


def _members(header: Mapping[str, Any]) -> list[Json]:
    return [{"name": name, "value": _shown(value)} for name, value in header.items()]


def _shown_at(claims: Mapping[str, Any], name: str) -> str | None:
    return _shown(claims[name]) if name in claims else None


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def problems(found: Iterable[Any]) -> list[Json]:
    return [one._asdict() for one in found]
