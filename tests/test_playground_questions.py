"""Questions of the playground's page that make no sense, and settings that can't be used."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

from playgrounds import Playground, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playgrounds import Json


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


def opening(playground: Playground, name: str) -> Json:
    return playground.ask("open", fragment=f"scenario={name}")


def test_all_problems_at_once(playground: Playground) -> None:
    text = 'acces_token_leeway = 1\naccess_token_leeway = "x"\nkeyset_store = "sqlite:////tmp/x"\n'
    found = playground.problems(text)
    assert found == [
        ("playground.E001", "keyset_store"),
        ("settings.E001", "acces_token_leeway"),
        ("settings.E002", "access_token_leeway"),
    ]
    foreign = f'{text}access_token_jwks_uri = "file:///x"\n'
    assert playground.problems(foreign) == [
        found[0],
        ("playground.E003", "access_token_jwks_uri"),
        *found[1:],
    ]
    status, told = playground.refused("send", settings=text, method="GET", path="/", headers=[])
    assert (status, [one["level"] for one in told["problems"]].count("error")) == (422, 3)


@pytest.mark.parametrize("text", ["a = ", "{", "[1", '{"a": 1, "a": 2}', "a = 1\na = 2", "{}}", "\x00"])
def test_text_that_is_no_settings(text: str, playground: Playground) -> None:
    assert playground.problems(text) == [("playground.E004", "")]


def test_settings_in_json(playground: Playground) -> None:
    given = opening(playground, "jwt")
    uri = playground.providers.access.jwks_uri
    given["settings"] = json.dumps({"access_token_jwks_uri": uri, "channel_token_optional": True})
    assert playground.send(given)["reason"] == "accepted"


@pytest.mark.parametrize(
    "change, told",
    [
        ({"method": "BREW"}, "The method must be one of"),
        ({"path": "orders"}, "The path must start with /"),
        ({"path": "/a b"}, "The path must start with /"),
        ({"path": "/jwt-signer/jwks/kong"}, "What is under /jwt-signer/"),
        ({"headers": {}}, "There may be 30 headers"),
        ({"headers": [["A", "1"]] * 31}, "There may be 30 headers"),
        ({"headers": [["A"]]}, "A header is a name and a value."),
        ({"headers": [["A b", "1"]]}, "The name of a header"),
        ({"headers": [["A", "1\r\nB: 2"]]}, "The value of A"),
        ({"headers": [["A", "\u00fc"]]}, "The value of A"),
        ({"headers": [["Host", "evil.example"]]}, "Host steers the connection"),
        ({"headers": [["Content_Length", "1"]]}, "Content_Length steers the connection"),
        ({"headers": [["A", "1"], ["a", "2"]]}, "A would be sent twice."),
        ({"settings": 1}, "settings has to be a text"),
        ({"settings": "x" * 20_001}, "settings has to be a text"),
    ],
)
def test_requests_that_are_not_sent(change: Json, told: str, playground: Playground) -> None:
    given = opening(playground, "jwt")
    body = {"settings": given["settings"], "method": "GET", "path": "/", "headers": []}
    status, answer = playground.refused("send", **{**body, **change})
    assert (status, answer["problem"][: len(told)]) == (400, told)


@pytest.mark.parametrize(
    "question, body",
    [
        ("token", {"do": "make", "provider": "nobody", "kind": "jwt", "claims": {}}),
        ("token", {"do": "make", "provider": "access", "kind": "golden", "claims": {}}),
        ("token", {"do": "make", "provider": "access", "kind": "jwt", "claims": []}),
        ("token", {"do": "make", "provider": "access", "kind": "jwt", "claims": {}, "header": []}),
        ("token", {"do": "sell", "provider": "access", "kind": "jwt", "claims": {}}),
        ("token", {"do": "make", "provider": "access", "claims": {}}),
        ("provider", {"do": "sell", "provider": "access"}),
        ("provider", {"do": "stop", "provider": ["access"]}),
        ("gateway", {"do": "sell", "settings": ""}),
        ("open", {}),
        ("link", {"scenario": "nothing"}),
        ("link", {"scenario": "jwt", "tokens": 1}),
    ],
)
def test_questions_that_make_no_sense(question: str, body: Json, playground: Playground) -> None:
    status, answer = playground.refused(question, **body)
    assert (status, list(answer)) == (400, ["problem"])


@pytest.mark.parametrize("kind", ["jwt", "opaque", "forged", "unsigned"])
@pytest.mark.parametrize("claims", [{"self": 1}, {"exp": "soon"}, {"iss": 7}, {"exp": None}, {}])
def test_odd_claims_are_no_trouble(kind: str, claims: Json, playground: Playground) -> None:
    card = playground.change(
        {**opening(playground, "jwt")["tokens"][0], "kind": kind, "claims": claims}, "make"
    )
    for scenario in ("jwt", "opaque"):
        given = {**opening(playground, scenario), "tokens": [card]}
        assert playground.send(given)["status"] in {200, 401, 403}
    playground.change(card, "expire")
    playground.change(card, "tamper")
