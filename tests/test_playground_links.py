"""Links to a state of the playground: they lead back to it, and hold nothing secret."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
import re
import time
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

from jwt_signer_mw.demo.scenarios import SCENARIOS
from jwt_signer_mw.settings.loading import OPTIONS
from playgrounds import Playground, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playgrounds import Json


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


def state(playground: Playground, scenario: str = "jwt", **changes: Any) -> Json:
    return {**playground.ask("open", fragment=f"scenario={scenario}"), **changes}


def link(playground: Playground, given: Json) -> tuple[str, list[str]]:
    told = playground.ask("link", **given)
    return told["fragment"], told["left_out"]


@pytest.mark.parametrize("scenario", [one.name for one in SCENARIOS])
def test_an_unchanged_scenario_is_its_name(scenario: str, playground: Playground) -> None:
    assert link(playground, state(playground, scenario)) == (f"scenario={scenario}", [])


def test_there_and_back(playground: Playground) -> None:
    given = state(playground, "claim", method="POST", path="/coffee")
    given["settings"] = given["settings"].replace("coffee", "tea") + "access_token_leeway = 5\n"
    given["settings"] = given["settings"].replace("channel_token_optional = true\n", "")
    card = given["tokens"][0]
    claims = {**card["claims"], "sub": "bob", "exp": 1, "list": [1, {"a": None}]}
    del claims["aud"]
    given["tokens"] = [{**card, "kind": "forged", "claims": claims}]
    fragment, left_out = link(playground, given)
    assert left_out == []
    back = playground.ask("open", fragment=f"#{fragment}")
    assert (back["scenario"], back["method"], back["path"]) == ("claim", "POST", "/coffee")
    assert tomllib.loads(back["settings"]) == tomllib.loads(given["settings"])
    (again,) = back["tokens"]
    assert again["kind"] == "forged"
    assert again["claims"]["exp"] < time.time()
    fixed = {"sub", "list", "employee", "scope"}
    assert {name: again["claims"].get(name) for name in fixed} == {name: claims.get(name) for name in fixed}
    assert "aud" not in again["claims"]
    assert playground.send(back)["reason"] == "signature_invalid"


def test_addresses_are_those_of_the_demo_that_opens_it(playground: Playground) -> None:
    channel = playground.providers.channel
    given = state(playground)
    given["settings"] += f'channel_token_jwks_uri = "{channel.jwks_uri}"\n'
    fragment, _ = link(playground, given)
    assert "127.0.0.1" not in unquote_plus(fragment)
    assert "{channel}/jwks" in unquote_plus(fragment)
    with opened() as other:
        back = other.ask("open", fragment=fragment)
        assert other.providers.channel.jwks_uri in back["settings"]


def test_no_token_is_in_a_link(playground: Playground) -> None:
    access = playground.providers.access
    jwt, opaque = access.mint(), access.issue()
    given = state(playground, path=f"/orders?token={opaque}")
    given["settings"] += f'realm = "{jwt}"\nset_claims = {{ inner = "x{opaque}" }}\n'
    card = {**given["tokens"][0], "token": opaque, "claims": {"nested": {"act": [jwt]}, "sub": opaque}}
    fragment, left_out = link(playground, {**given, "tokens": [card]})
    assert_free_of(fragment, jwt, opaque)
    assert set(left_out) == {"realm", "set_claims", "nested", "sub"}
    fragment, left_out = link(playground, {**given, "tokens": [{**card, "kind": "raw"}]})
    assert_free_of(fragment, jwt, opaque)
    assert "access_token" in left_out


def test_no_secret_is_in_a_link(playground: Playground) -> None:
    """No value of a secret option, whatever it is; nor of a name that is none, which may be one misspelt."""
    secret = "hunter2-hunter2"
    open_ = {
        "access_token_introspection_authorization": "{vault://env/INTROSPECTION_AUTHORIZATION}",
        "realm": "x",
    }
    secrets = {
        name: [secret] if name == "keyset_encryption_keys" else secret
        for name, option in OPTIONS.items()
        if (option.declared.secret or option.declared.referenceable) and name not in open_
    }
    given = state(playground)
    given["settings"] = json.dumps({**secrets, **open_, "acess_token_introspection_authorization": secret})
    fragment, left_out = link(playground, given)
    assert_free_of(fragment, secret)
    assert set(left_out) == {*secrets, "acess_token_introspection_authorization"}
    assert "realm" in fragment


def assert_free_of(fragment: str, *secrets: str) -> None:
    text = unquote_plus(unquote_plus(fragment))
    assert not [secret for secret in secrets if secret in text or secret[:12] in text]
    assert not re.search(r"ey[\w-]{8}", text)


def test_settings_that_are_no_settings_are_left_out(playground: Playground) -> None:
    for text in ("a = ", "{", "access_token_leeway = 1979-05-27"):
        fragment, left_out = link(playground, state(playground, settings=text))
        assert (fragment, left_out) == ("scenario=jwt", ["settings"])


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "#",
        "scenario=nothing",
        "scenario=jwt&set={",
        "scenario=jwt&set=[1]",
        "scenario=jwt&access_token={",
        'scenario=jwt&access_token={"kind":7,"claims":7,"without":7,"expired":7}',
        'scenario=jwt&access_token={"kind":"golden"}',
        "method=BREW",
        "set=%ff%00",
        "a=1&" * 1000,
    ],
)
def test_odd_links_open_a_scenario(fragment: str, playground: Playground) -> None:
    opening = playground.ask("open", fragment=fragment)
    assert (opening["scenario"], opening["method"], opening["path"]) == ("jwt", "GET", "/orders")
    assert playground.send(opening)["reason"] == "accepted"


def test_a_link_can_bring_no_more_than_the_page(playground: Playground) -> None:
    """Its settings are text in the page; what they may is decided when they are used."""
    fragment = "set=" + json.dumps({"keyset_store": "sqlite:////tmp/x", "access_token_jwks_uri": "file:///x"})
    opening = playground.ask("open", fragment=fragment)
    assert ("playground.E001", "keyset_store") in playground.problems(opening["settings"])
