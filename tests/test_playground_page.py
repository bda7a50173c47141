"""The playground's page in Chromium: every scenario, every button, as people use it."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from parts import require_module

require_module("jwt", "werkzeug", "playwright")

from playwright.sync_api import expect

from browsing import browsing
from jwt_signer_mw.demo.scenarios import SCENARIOS
from playgrounds import Playground, opened
from visits import Visit, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, playground: Playground) -> Iterator[Visit]:
    with visiting(browser, playground) as visit:
        yield visit


# Scenarios


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario(name: str, visit: Visit) -> None:
    visit.open("scenario=jwt" if name != "jwt" else "scenario=claim")
    number = NAMES.index(name)
    visit.page.locator("#scenarios a").nth(number).click()  # and it is sent at once
    visit.told("forwarded accepted")
    assert visit.page.url.endswith(f"#scenario={name}")
    states = visit.states()
    verified = "note" if name == "resign-only" else "good"
    assert states.pop("verify") == verified
    assert states.pop("consumer") == "skipped"
    assert set(states.values()) == {"good"}
    asked = {"jwt": 1, "opaque": 1, "two-tokens": 2, "resign-only": 0, "claim": 1}[name]
    assert visit.page.locator("svg .provider[data-state=good]").count() <= asked  # or it was remembered
    expect(visit.page.locator("#announced")).to_contain_text("200 accepted")
    expect(visit.page.locator("#sides tbody tr.changed th").first).to_contain_text("iss")
    expect(visit.page.locator(".scenarios [aria-current]")).to_have_count(1)


def test_a_page_that_opens_sends_nothing_by_itself(visit: Visit) -> None:
    visit.open("scenario=opaque&path=/elsewhere")
    expect(visit.page.locator("#verdict")).to_contain_text("Ready")
    expect(visit.page.locator("#path")).to_have_value("/elsewhere")
    assert set(visit.states().values()) == {"waiting"}


# Buttons


def test_expire(visit: Visit) -> None:
    visit.open().press("Expire")
    visit.told("refused token_expired")
    visit.is_refused_at("checks", "verify_access_token_expiry")
    expect(visit.page.locator("#verdict .hint")).to_contain_text("access_token_leeway")
    visit.press("New")
    visit.told("forwarded accepted")


def test_forge(visit: Visit) -> None:
    visit.open().press("Forge")
    visit.told("refused signature_invalid")
    visit.is_refused_at("verify", "access_token_jwks_uri")
    assert json.loads(visit.card().get_by_label("Claims").input_value())["sub"] == "mallory"
    expect(visit.page.locator(".nothing")).to_contain_text("did not get there")


def test_revoke_and_purge(visit: Visit) -> None:
    visit.open("scenario=opaque").press("Send")
    visit.told("forwarded accepted")
    visit.press("Revoke")
    expect(visit.page.locator("#said")).to_contain_text("revoked the token")
    visit.told("forwarded accepted")
    expect(visit.page.locator("svg [data-provider=access]")).to_contain_text("not asked")
    visit.press("Purge")
    visit.told("refused token_inactive")
    visit.is_refused_at("verify", "access_token_introspection_endpoint")


def test_a_jwt_can_not_be_revoked(visit: Visit) -> None:
    visit.open().press("Revoke")
    expect(visit.page.locator("#said")).to_contain_text("it is good until it expires")


def test_take_down_and_bring_up(visit: Visit) -> None:
    visit.open("scenario=opaque")
    row = visit.page.get_by_role("group", name="Provider access")
    visit.press("Take down", row)
    visit.told("refused provider_unavailable")
    expect(row).to_contain_text("down")
    expect(visit.page.locator("svg [data-provider=access]")).to_contain_text("503")
    visit.press("Bring up", row)
    visit.told("forwarded accepted")
    expect(row.get_by_role("button", name="Take down")).to_be_focused()


def test_rotate_the_providers_keys(visit: Visit) -> None:
    """A token of the old key passes no longer, once the gateway has read the new set."""
    visit.open()
    settings = visit.page.locator("#settings")
    settings.fill(f"{settings.input_value()}jwks_reload_interval = 0\n")
    visit.press("Send")
    visit.told("forwarded accepted")
    row = visit.page.get_by_role("group", name="Provider access")
    before = row.inner_text()
    visit.press("Rotate keys", row)
    expect(visit.page.locator("#said")).to_contain_text("has a new key")
    assert row.inner_text() != before
    expect(row.get_by_role("button", name="Rotate keys")).to_be_focused()
    visit.press("New")
    visit.told("forwarded accepted")
    expect(visit.page.locator("svg [data-provider=access]")).to_contain_text("/jwks 200")


def test_rotate_our_keys(visit: Visit) -> None:
    visit.open().press("Send")
    visit.told("forwarded accepted")
    after = visit.page.locator("#sides thead th").nth(2)
    before = after.inner_text()
    visit.press("Rotate our keys")
    expect(after).not_to_have_text(before)
    expect(after).to_contain_text("RS256")


def test_without_sending_again(visit: Visit) -> None:
    visit.open().page.get_by_label("Send again after every button").uncheck()
    visit.press("Expire")
    expect(visit.page.locator("#access_token-claims")).to_have_value(re.compile("exp"))
    expect(visit.page.locator("#verdict")).to_contain_text("Ready")
    visit.press("Send")
    visit.told("refused token_expired")


# Editing


def test_edit_claims(visit: Visit) -> None:
    visit.open("scenario=claim")
    claims = visit.card().get_by_label("Claims")
    claims.fill(claims.input_value().replace("coffee", "tea"))
    visit.press("Send")
    visit.told("refused scopes_insufficient")
    visit.is_refused_at("checks", "access_token_scopes_required")
    visit.press("Go to it")
    settings = visit.page.locator("#settings")
    expect(settings).to_be_focused()
    selected = settings.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == '["coffee"]'
    visit.page.keyboard.type('["tea"]')
    visit.page.keyboard.press("Control+Enter")
    visit.told("forwarded accepted")


def test_claims_that_are_no_json(visit: Visit) -> None:
    visit.open()
    claims = visit.card().get_by_label("Claims")
    claims.fill("{")
    visit.press("Send")
    expect(visit.card().get_by_role("alert")).to_contain_text("not valid JSON")
    expect(claims).to_have_attribute("aria-invalid", "true")
    expect(claims).to_be_focused()


def test_kind_header_and_pasted_token(visit: Visit) -> None:
    visit.open()
    card = visit.card()
    card.get_by_label("How it is made").select_option(label="JWT, not signed (alg none)")
    visit.press("Send")
    visit.told("refused algorithm_not_allowed")
    card.get_by_label("How it is made").select_option("jwt")
    card.get_by_text("Token and header").click()
    header = card.get_by_label("Header of the JWT")
    expect(header).to_have_value(re.compile("RS256"))
    header.fill('{"alg": "RS256", "kid": "nobody"}')
    visit.press("Send")
    visit.told("refused key_unknown")
    card.get_by_label("Token, to paste another").fill(visit.playground.providers.channel.mint(sub="eve"))
    expect(card.get_by_label("Claims")).to_have_value(re.compile('"eve"'))
    visit.press("Send")
    visit.told("refused key_unknown")
    card.get_by_label("is sent").uncheck()
    visit.press("Send")
    visit.told("refused token_missing")


def test_settings_with_all_their_problems(visit: Visit) -> None:
    visit.open().page.locator("#settings").fill("acces_token_leeway = 1\naccess_token_leeway = 'x'")
    problems = visit.page.locator("#problems li.error")
    expect(problems).to_have_count(2)
    expect(problems.first).to_contain_text("Did you mean access_token_leeway?")
    visit.press("Send")
    expect(visit.page.locator("#request-problem")).to_contain_text("The settings can't be used")
    expect(visit.page.locator("#settings")).to_have_attribute("aria-invalid", "true")


def test_add_a_setting(visit: Visit) -> None:
    visit.open()
    option = visit.page.get_by_label("Add a setting")
    option.fill("verify_access_token_expiry")
    expect(visit.page.locator("#option-help")).to_have_text("Refuse what has expired.")
    option.press("Enter")
    expect(visit.page.locator("#settings")).to_have_value(re.compile("verify_access_token_expiry = true"))
    visit.page.keyboard.type("false")
    expect(visit.page.locator("#problems")).to_contain_text("settings.W012")
    visit.press("Expire")
    visit.told("forwarded accepted")
    expect(visit.page.locator("#verdict")).to_contain_text("does not believe the new token")
    option.fill("keyset_store")
    visit.press("Add")
    expect(visit.page.locator("#said")).to_contain_text("can't be set here")


def test_more_headers_path_and_method(visit: Visit) -> None:
    visit.open().page.get_by_text("More headers").click()
    visit.page.locator("#more").fill("X-Consumer-ID: admin\nX-Kept: 1")
    visit.page.get_by_label("Method").select_option("DELETE")
    visit.page.get_by_label("Path").fill("/orders/7")
    visit.press("Send")
    visit.told("forwarded accepted")
    expect(visit.page.locator(".header.removed")).to_have_count(2)
    expect(visit.page.locator("#steps")).to_contain_text("DELETE /orders/7")
    visit.page.locator("#more").fill("Host: evil.example")
    visit.press("Send")
    expect(visit.page.locator("#request-problem")).to_contain_text("Host steers the connection")


def test_markup_in_a_claim_stays_text(visit: Visit) -> None:
    visit.open()
    claims = visit.card().get_by_label("Claims")
    sub = "<img src=x onerror=alert(1)>"
    claims.fill(json.dumps({**json.loads(claims.input_value()), "sub": sub}))
    visit.press("Send")
    visit.told("forwarded accepted")
    expect(visit.page.locator("#sides")).to_contain_text(sub)
    assert visit.page.locator("main img").count() == 0


# Links


def test_a_link_leads_back(visit: Visit, browser: Browser) -> None:
    visit.open("scenario=claim").page.get_by_label("Path").fill("/coffee")
    claims = visit.card().get_by_label("Claims")
    token = visit.page.locator("#access_token-token").input_value()
    claims.fill(claims.input_value().replace("coffee", "tea"))
    visit.press("Copy link")
    expect(visit.page.locator("#said")).to_contain_text("The link is in the")
    link = visit.page.url
    assert "path=%2Fcoffee" in link
    assert token not in link
    with visiting(browser, visit.playground) as other:
        other.open(link.partition("#")[2])
        expect(other.card().get_by_label("Claims")).to_have_value(re.compile('"tea"'))
        other.press("Send")
        other.told("refused scopes_insufficient")


def test_back_and_forth(visit: Visit) -> None:
    visit.open("scenario=jwt").page.locator("#scenarios a").nth(2).click()
    visit.told("forwarded accepted")
    expect(visit.card("Channel token")).to_be_visible()
    visit.page.go_back()
    expect(visit.card("Channel token")).to_have_count(0)
