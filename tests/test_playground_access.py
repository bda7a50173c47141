"""The playground's page for everybody: keyboard, screen reader, no motion, dark, light, and a phone."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from parts import ROOT, require, require_module

require_module("jwt", "werkzeug", "playwright")

from playwright.sync_api import expect

from browsing import browsing
from playgrounds import Playground, opened
from visits import DESKTOP, PHONE, Visit, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

AXE = ROOT / "tests" / "providers" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, playground: Playground) -> Iterator[Visit]:
    with visiting(browser, playground) as visit:
        yield visit


def test_step_by_step(browser: Browser, playground: Playground) -> None:
    """With motion the picture fills in; the slider goes back to any step."""
    with visiting(browser, playground, reduced_motion="no-preference") as visit:
        visit.open().press("Send")
        expect(visit.station("extract")).to_have_attribute("data-state", "good")
        visit.told("forwarded accepted")
        moment = visit.page.get_by_role("slider", name="Step")
        moment.fill("1")
        assert visit.states() == dict.fromkeys(visit.states(), "waiting") | {"client": "good"}
        assert re.match(r"1 of \d+: GET /orders", moment.get_attribute("aria-valuetext") or "")
        assert visit.page.locator("#steps .step.later").count() == int(moment.get_attribute("max") or 0) - 1
        visit.press("Replay")
        expect(visit.station("verify")).to_have_attribute("data-state", "good")


def test_with_the_keyboard_only(visit: Visit) -> None:
    visit.open()
    keyboard = visit.page.keyboard
    keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Skip to what happens")).to_be_focused()
    seen = []
    for _ in range(60):
        keyboard.press("Tab")
        focus = visit.page.evaluate("""() => {
            const one = document.activeElement, style = getComputedStyle(one);
            return [one.id || one.textContent.trim(), style.outlineStyle !== "none" || one.type === "range"];
        }""")
        assert focus[1], f"{focus[0]}: no focus to be seen"
        seen.append(focus[0])
        if focus[0] == "Forge":
            break
    assert {"share", "theme", "method", "path", "send", "again", "New", "Expire"} <= set(seen)
    keyboard.press("Enter")
    visit.told("refused signature_invalid")
    visit.page.locator("#path").focus()
    keyboard.press("Enter")  # in a field, it sends
    visit.told("refused signature_invalid")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(scheme: Any, browser: Browser, playground: Playground) -> None:
    with visiting(browser, playground, color_scheme=scheme) as visit:
        visit.open()
        assert is_dark(visit) is (scheme == "dark")
        other = "light" if scheme == "dark" else "dark"
        visit.page.get_by_label("Colours").select_option(other)
        assert is_dark(visit) is (other == "dark")
        visit.page.reload()
        expect(visit.page.locator("body[data-ready]")).to_be_attached()
        assert is_dark(visit) is (other == "dark")
        visit.page.get_by_label("Colours").select_option("auto")
        assert is_dark(visit) is (scheme == "dark")


def is_dark(visit: Visit) -> bool:
    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(map(int, re.findall(r"\d+", colour)[:3])) < 128


@pytest.mark.parametrize("name", ["two-tokens", "claim"])
def test_on_a_phone(name: str, browser: Browser, playground: Playground) -> None:
    with visiting(browser, playground, PHONE, has_touch=True) as visit:
        visit.open(f"scenario={name}").press("Send")
        visit.told("forwarded accepted")
        expect(visit.page.locator("#verdict")).to_be_in_viewport()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        ends = visit.page.locator("svg text").evaluate_all(
            "all => all.map(one => [one.textContent, one.getBoundingClientRect().right])"
        )
        assert [text for text, end in ends if end > PHONE["width"]] == []


def test_go_to_a_setting_in_json(visit: Visit) -> None:
    visit.open()
    settings = visit.page.locator("#settings")
    uri = visit.playground.providers.access.jwks_uri
    given = {"verify_access_token_expiry": True, "access_token_jwks_uri": uri, "channel_token_optional": True}
    settings.fill(json.dumps(given, indent=2))
    visit.press("Expire")
    visit.told("refused token_expired")
    visit.press("Go to it")
    selected = settings.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == "true"


def test_no_script_runs_that_is_in_no_file(visit: Visit) -> None:
    visit.open()
    ran = visit.page.evaluate("""() => {
        const script = document.createElement("script");
        try {
            script.textContent = "window.ran = true";
            document.body.append(script);
        } catch {}
        return window.ran ?? false;
    }""")
    assert ran is False
    visit.wrong.clear()  # the browser complains, rightly


def test_landmarks_and_names(visit: Visit) -> None:
    visit.open("scenario=two-tokens").press("Send")
    visit.told("forwarded accepted")
    page = visit.page
    for role, name in (("banner", None), ("navigation", "Scenarios"), ("form", "Request"), ("main", None)):
        expect(page.get_by_role(role, name=name)).to_have_count(1)  # type: ignore[arg-type]
    for name in ("What happens", "Settings", "Providers and keys", "Step by step", "Before and after"):
        expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    picture = page.get_by_role("img", name=re.compile("passed every station of the gateway"))
    expect(picture).to_have_count(1)
    nameless = page.locator("button, input, select, textarea, a").evaluate_all(
        "all => all.filter(one => !one.labels?.length && !one.textContent.trim()).map(one => one.outerHTML)"
    )
    assert nameless == []


@pytest.mark.parametrize("scheme, size", [("light", DESKTOP), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_axe_finds_nothing(scheme: Any, size: ViewportSize, browser: Browser, playground: Playground) -> None:
    require(AXE.is_file(), "axe-core is not installed: bash tests/providers/install")
    with visiting(browser, playground, size, color_scheme=scheme, bypass_csp=True) as visit:
        visit.open("scenario=two-tokens")
        visit.press("Forge", visit.card("Channel token"))
        visit.told("refused signature_invalid")
        visit.page.locator("#settings").fill("nothing = 1")
        expect(visit.page.locator("#problems li.error")).to_have_count(1)
        visit.page.evaluate(AXE.read_text(encoding="utf-8"))
        assert violations(visit.page) == []
        visit.page.evaluate("document.documentElement.lang = ''")
        assert [one.partition(":")[0] for one in violations(visit.page)] == ["html-has-lang"]  # it does look


def violations(page: Page) -> list[str]:
    found = page.evaluate("() => axe.run()")["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
