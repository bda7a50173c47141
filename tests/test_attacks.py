"""The open token attack cases, through WSGI and ASGI, with caches cold and warm.

Each case runs by the invariants of the catalogue: a refused request never reaches the application,
never ends in a 5xx, shows nothing of the token, and leaves the good token of POS-01 accepted.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Outcome, Plain
from conformance.asgi import ASGIAdapter
from conformance.wsgi import WSGIAdapter
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.keysets.memory import MemoryStore
from parts import CORPORA, require_corpora

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.adapter import Adapter, Runner
    from jwt_signer_mw.flows.commands import Exchange, Reply

# Section 0 of the behaviour speaks here, not the catalogue: audience and subject are 403.
# The profile also requires `aud`, so that its absence (CLM-27) and a null (CLM-37) stay a 401.
FORBIDDEN = {*(f"CLM-{n}" for n in (*range(28, 37), 42, 61, 62))}
# The same section: a claim that is checked and absent is a 401. This token has no `nbf`, which is checked.
UNAUTHORIZED = {"JSN-12"}
SECONDS = 1.0  # an answer takes no longer


def cases() -> list[dict[str, Any]]:
    if not CORPORA.is_dir():
        return []
    found: list[dict[str, Any]] = json.loads((CORPORA / "attacks.public.json").read_text())["cases"]
    return found


@pytest.fixture(scope="module")
def tokens() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((require_corpora() / "attacks.tokens.public.json").read_text())
    return loaded


class NoNetwork:
    """A transport that must not be asked: what a token says never leads outside."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, exchange: Exchange) -> Reply:
        self.asked.append(exchange.url)
        raise TransportError("no network")


class Setting:
    """The catalogue's reference profile with one case's changes."""

    def __init__(self, adapter: Adapter, folder: Path, tokens: dict[str, Any], env: dict[str, Any]) -> None:
        env = dict(env)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(tokens["jwks"][env.pop("jwks", "main")]))
        clock = env.pop("clock", None)
        env.pop("typ_allowed", None)  # the types it leaves out are refused always
        settings: dict[str, Any] = {
            "access_token_jwks_uri": keys.as_uri(),
            "access_token_issuers_allowed": ["https://issuer.example"],
            "access_token_audiences_allowed": ["api://orders"],
            "access_token_scopes_required": ["orders.read"],
            "access_token_required_claims": [["exp"], ["iss"], ["aud"]],
            "access_token_signing_algorithm": "ES256",
            "verify_access_token_notbefore": True,
            "channel_token_optional": True,
        }
        self.transport = NoNetwork()
        services = {"transport": self.transport, "keyset_store": STORE, "clock": clock and (lambda: clock)}
        self.runner: Runner = adapter.open(settings | dict(translate(env)), services)

    def send(self, token: str) -> Outcome:
        request = Plain("GET", "/orders", "api.example", (("Authorization", f"Bearer {token}"),))
        return self.runner.send(request)


STORE = MemoryStore()  # one for all: a key pair is made once


def translate(env: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The catalogue's names for settings, in the suite's."""
    for name, value in env.items():
        match name:
            case "consumers":
                yield name, [{"id": str(n), "username": user} for n, user in enumerate(value)]
            case "consumer_claim":
                yield "access_token_consumer_claim", [value]
            case "required_claims":
                yield "access_token_required_claims", [[claim] for claim in value]
            case "subjects_allowed" | "scopes_claim":
                yield f"access_token_{name}", value
            case _:
                yield name, value


def statuses(case: dict[str, Any]) -> set[int]:
    if case["expect"]["outcome"] == "accept":
        return {200}
    if case["id"] in FORBIDDEN:
        return {403}
    if case["id"] in UNAUTHORIZED:
        return {401}
    refused: set[int] = set(case["expect"]["status"] or (401, 403))
    return refused if case["expect"]["outcome"] == "reject" else refused | {200}


def judge(setting: Setting, case: dict[str, Any], token: str) -> None:
    start = time.monotonic()
    outcome = setting.send(token)
    assert time.monotonic() - start < SECONDS
    assert outcome.status in statuses(case), case["title"]
    assert len(outcome.seen) == (outcome.status == 200)
    assert setting.transport.asked == []
    if outcome.status == 200:
        return
    shown = repr(outcome.headers) + outcome.body.decode()
    for part in token.split("."):
        assert len(part) < 8 or part not in shown
    assert "Traceback" not in shown
    assert dict(outcome.headers)[header(outcome, "www-authenticate")].startswith("Bearer realm=")


def header(outcome: Outcome, name: str) -> str:
    return next(found for found, _ in outcome.headers if found.lower() == name)


@pytest.mark.parametrize("adapter", [WSGIAdapter(), ASGIAdapter()], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_open_case(
    adapter: Adapter,
    case: dict[str, Any],
    tokens: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    token, good = tokens["tokens"][case["id"]], tokens["tokens"]["POS-01"]
    setting = Setting(adapter, tmp_path, tokens, case["env"])
    judge(setting, case, token)
    if not {"jwks", "clock", "required_claims", "consumer_claim", "subjects_allowed", "scopes_claim"} & set(
        case["env"]
    ):
        assert setting.send(good).status == 200, "the good token, right after"
    judge(setting, case, token)
    setting.runner.close()
    for record in caplog.records:
        line = record.getMessage()
        assert "\n" not in line
        assert "\r" not in line
        for part in token.split("."):
            assert len(part) < 32 or part not in line


def test_the_open_cases_are_there() -> None:
    require_corpora()
    assert len(cases()) == 168
