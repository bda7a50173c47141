"""The playground without a browser: what its questions answer, and what becomes of requests."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
import re
from itertools import count
from typing import TYPE_CHECKING, Any, get_args

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

from jwt_signer_mw.demo.playground.story import STATION_OF, STATIONS
from jwt_signer_mw.demo.scenarios import SCENARIOS
from jwt_signer_mw.demo.shortened import peek
from jwt_signer_mw.explain.explanation import Stage
from playgrounds import Playground, carried, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playgrounds import Json

_REALMS = map(str, count())
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def served() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


@pytest.fixture
def playground(served: Playground) -> Iterator[Playground]:
    yield served
    for provider in served.providers:
        provider.down = False


def opening(playground: Playground, name: str) -> Json:
    """With a policy that nobody used before: it remembers nothing."""
    given = playground.ask("open", fragment=f"scenario={name}")
    return {**given, "settings": f'{given["settings"]}realm = "{next(_REALMS)}"\n'}


def outcome(story: Json) -> tuple[str, int, str, str]:
    option = story["option"]["name"] if story["option"] else ""
    return story["refused_at"], story["status"], story["reason"], option


def stations(story: Json) -> list[str]:
    """Where the request was, in order, each once."""
    return list(dict.fromkeys(step["station"] for step in story["steps"]))


# What happens


@pytest.mark.parametrize("name", NAMES)
def test_each_scenario_passes_as_it_opens(name: str, playground: Playground) -> None:
    story = playground.send(opening(playground, name))
    assert outcome(story) == ("", 200, "accepted", "")
    assert stations(story) == [one for one in STATIONS if one != "consumer"]
    assert [token["after"]["verified"] for token in story["tokens"]] == [True] * (1 + (name == "two-tokens"))
    assert story["steps"][-1]["text"] == "200 OK"


def test_calls_stand_at_the_step_that_made_them(playground: Playground) -> None:
    story = playground.send(opening(playground, "two-tokens"))
    calls = [step["call"] for step in story["steps"] if "call" in step]
    assert [(one["provider"], one["method"], one["path"], one["status"]) for one in calls] == [
        ("access", "POST", "/introspect", 200),
        ("channel", "GET", "/jwks", 200),
    ]
    assert all(one["milliseconds"] > 0 for one in calls)


def test_the_same_token_again_is_remembered_until_a_purge(playground: Playground) -> None:
    given = opening(playground, "opaque")
    assert playground.send(given)["remembered"] is False
    # not at once, where our keys rotated a moment ago: no verdict outlives new keys
    again = next(story for _ in range(10) if (story := playground.send(given))["remembered"])
    assert "verify" not in stations(again)
    assert "revoked" in playground.change(given["tokens"][0], "revoke")["said"]
    assert playground.send(given)["reason"] == "accepted"
    said = playground.ask("gateway", do="forget", settings=given["settings"])["said"]
    assert said.startswith("Purged: 2 ")
    assert outcome(playground.send(given))[:3] == ("verify", 401, "token_inactive")


@pytest.mark.parametrize(
    "name, do, wanted",
    [
        ("jwt", "expire", ("checks", 401, "token_expired", "verify_access_token_expiry")),
        ("jwt", "tamper", ("verify", 401, "signature_invalid", "access_token_jwks_uri")),
        ("opaque", "expire", ("verify", 401, "token_inactive", "access_token_introspection_endpoint")),
        ("opaque", "tamper", ("verify", 401, "token_inactive", "access_token_introspection_endpoint")),
        ("resign-only", "tamper", ("", 200, "accepted", "")),
    ],
)
def test_spoilt_tokens(name: str, do: str, wanted: Any, playground: Playground) -> None:
    given = opening(playground, name)
    given["tokens"][0] = playground.change(given["tokens"][0], do)
    story = playground.send(given)
    assert outcome(story) == wanted
    assert bool(story["hint"]) is bool(wanted[0])
    if wanted[0]:
        assert story["headers"]["after"] is None
        assert "upstream" not in stations(story)
        assert story["answer"]["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "kind, wanted",
    [
        ("forged", ("verify", 401, "signature_invalid", "verify_access_token_signature")),
        ("unsigned", ("verify", 401, "algorithm_not_allowed", "verify_access_token_signature")),
        ("opaque", ("verify", 401, "introspection_endpoint_missing", "access_token_introspection_endpoint")),
    ],
)
def test_kinds_of_tokens(kind: str, wanted: Any, playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["tokens"][0] = playground.change({**given["tokens"][0], "kind": kind}, "make")
    found = outcome(playground.send(given))
    assert (found[1], found[2]) == (wanted[1], wanted[2])


def test_a_header_that_somebody_wrote(playground: Playground) -> None:
    given = opening(playground, "jwt")
    card = playground.change(
        given["tokens"][0], "make", header={"alg": "RS256", "kid": "nobody", "typ": "JWT"}
    )
    assert peek(card["token"], 0)["kid"] == "nobody"
    given["tokens"][0] = card
    assert playground.send(given)["reason"] == "key_unknown"


def test_a_tea_drinker_is_told_what_would_help(playground: Playground) -> None:
    given = opening(playground, "claim")
    tea = {**given["tokens"][0]["claims"], "employee": {"favourites": {"beverage": "tea"}}}
    given["tokens"][0] = playground.change({**given["tokens"][0], "claims": tea}, "make")
    story = playground.send(given)
    assert outcome(story) == ("checks", 403, "scopes_insufficient", "access_token_scopes_required")
    assert story["option"]["value"] == '["coffee"]'
    assert '"tea"' in story["hint"]


def test_a_provider_goes_down_and_up(playground: Playground) -> None:
    given = opening(playground, "opaque")
    told = playground.ask("provider", provider="access", do="stop")
    assert [one["down"] for one in told["providers"]] == [True, False]
    story = playground.send(given)
    assert outcome(story)[:3] == ("verify", 503, "provider_unavailable")
    assert [step["call"]["status"] for step in story["steps"] if "call" in step] == [503, 503]
    playground.ask("provider", provider="access", do="start")
    assert playground.send(given)["reason"] == "accepted"


def test_the_provider_rotates_and_the_gateway_reloads_once(playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += "jwks_reload_interval = 0\n"
    playground.send(given)
    old = playground.providers.access.kid
    assert old != playground.ask("provider", provider="access", do="rotate")["providers"][0]["kid"]
    given["tokens"][0] = playground.change(given["tokens"][0], "make")
    story = playground.send(given)
    assert story["reason"] == "accepted"
    assert [step["call"]["path"] for step in story["steps"] if "call" in step] == ["/jwks"]


def test_our_keys_rotate(playground: Playground) -> None:
    given = opening(playground, "jwt")
    before = playground.send(given)["tokens"][0]["after"]
    said = playground.ask("gateway", do="rotate", settings=given["settings"])["said"]
    assert said.startswith("Our keys rotated.")
    after = playground.send(given)["tokens"][0]["after"]
    assert before["header"] != after["header"]
    assert (before["verified"], after["verified"]) == (True, True)
    unsigned = given["settings"] + "access_token_signing = false\n"
    status, told = playground.refused("gateway", do="rotate", settings=unsigned)
    assert (status, told) == (400, {"problem": "These settings have no key set of ours that can be rotated."})


@pytest.mark.parametrize("algorithm", ["RS512", "PS256", "ES256", "EdDSA"])
def test_the_upstream_verifies_whatever_we_sign_with(algorithm: str, playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += (
        f'access_token_signing_algorithm = "{algorithm}"\naccess_token_keyset = "k{algorithm}"\n'
    )
    after = playground.send(given)["tokens"][0]["after"]
    assert {"name": "alg", "value": f'"{algorithm}"'} in after["header"]
    assert after["verified"] is True


def test_headers_before_and_after(playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += 'consumers = [{ username = "alice" }]\naccess_token_consumer_claim = ["sub"]\n'
    story = playground.send(given, **{"X-Consumer-Username": "admin", "X-Kept": "1"})
    told = {side: [(one["name"], one["fate"]) for one in rows] for side, rows in story["headers"].items()}
    assert told["before"] == [
        ("Authorization", "removed"),
        ("X-Consumer-Username", "removed"),
        ("X-Kept", "kept"),
    ]
    assert set(told["after"]) == {
        ("Authorization", "written"),
        ("X-Consumer-Username", "written"),
        ("X-Kept", "kept"),
    }
    assert "consumer" in stations(story)


def test_claims_side_by_side(playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += 'remove_access_token_claims = ["scope"]\nset_claims = { tier = "gold" }\n'
    (token,) = playground.send(given)["tokens"]
    changes = {row["name"]: row["change"] for row in token["claims"]}
    assert changes["iss"] == "changed"
    assert changes["scope"] == "removed"
    assert changes["tier"] == changes["original_iss"] == "added"
    assert changes["sub"] == "same"


def test_a_new_token_that_the_upstream_does_not_believe(playground: Playground) -> None:
    given = opening(playground, "resign-only")
    given["tokens"][0] = playground.change(given["tokens"][0], "expire")
    story = playground.send(given)
    (token,) = story["tokens"]
    assert (story["outcome"], token["after"]["verified"], token["problem"]) == (
        "forwarded",
        False,
        "Signature has expired",
    )
    assert [step["mark"] for step in story["steps"] if step["station"] == "upstream"][-1] == "bad"


def test_exempt_paths_and_no_token(playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += 'exempt_paths = ["/health"]\n'
    assert playground.send(given, "/health")["outcome"] == "exempt"
    given["tokens"] = []
    assert playground.send(given)["reason"] == "token_missing"


def test_what_the_gateway_answers_itself(playground: Playground) -> None:
    given = opening(playground, "jwt")
    given["settings"] += 'resource = "https://api.example"\n'
    story = playground.send(given, "/.well-known/oauth-protected-resource")
    assert (story["outcome"], story["status"], story["headers"]["after"]) == ("answered", 200, None)


def test_every_stage_has_its_station() -> None:
    assert set(get_args(Stage)) == set(STATION_OF)
    assert set(STATION_OF.values()) < set(STATIONS)


# What is shown


def test_no_token_and_no_secret_is_in_a_story(playground: Playground) -> None:
    given = opening(playground, "two-tokens")
    text = json.dumps(playground.send(given))
    secrets = [card["token"] for card in given["tokens"]]
    secrets += [one.client_secret for one in playground.providers]
    assert not [secret for secret in secrets if secret in text]
    assert "eyJhbGci\\u2026" in text
    assert not re.search(r"eyJ[\w-]{20}", text)
    assert playground.providers.access.client_secret not in json.dumps([given, playground.ask("stage")])


def test_the_stage_lists_what_may_be_set(playground: Playground) -> None:
    stage = playground.ask("stage")
    assert [one["name"] for one in stage["scenarios"]] == NAMES
    options = {one["name"]: one for one in stage["options"]}
    assert options["access_token_leeway"]["line"] == "access_token_leeway = 0"
    assert "keyset_store" not in options
    for one in options.values():
        found = playground.post("check", {"settings": one["line"]}).json()["problems"]
        assert "playground.E004" not in {problem["id"] for problem in found}, one


def test_policies_are_not_kept_for_ever(playground: Playground) -> None:
    """Each keeps what it remembers; the seventeenth drops the first."""
    given = opening(playground, "jwt")
    playground.send(given)
    for number in range(16):
        playground.send({**given, "settings": f"{given['settings']}access_token_leeway = {number + 1}\n"})
    assert playground.send(given)["remembered"] is False


def test_carried() -> None:
    assert carried({"carrier": "X-A:", "token": "t"}) == ["X-A", "t"]
    assert carried({"carrier": "Authorization: Bearer", "token": "t"}) == ["Authorization", "Bearer t"]
