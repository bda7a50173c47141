"""Visits to the playground's page in Chromium, and what somebody does there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, ViewportSize

    from playgrounds import Playground

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
PATIENCE = 20_000  # milliseconds; other tests run beside these
expect.set_options(timeout=PATIENCE)


class Visit:
    """A page, and what somebody does in it. Nothing may go wrong in its script, or go elsewhere."""

    def __init__(self, page: Page, playground: Playground) -> None:
        self.page = page
        self.playground = playground
        self.wrong: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if is_trouble(said.text) else None)
        page.on("request", lambda request: self._ask(request.url))

    def _ask(self, url: str) -> None:
        if not url.startswith(self.playground.url):
            self.wrong.append(f"asked {url}")

    def open(self, fragment: str = "scenario=jwt") -> Visit:
        self.page.goto(f"{self.playground.url}#{fragment}")
        expect(self.page.locator("body[data-ready]")).to_be_attached(timeout=PATIENCE)
        return self

    def press(self, name: str, within: Locator | None = None) -> None:
        (within or self.page.locator("body")).get_by_role("button", name=name, exact=True).click()

    def told(self, outcome: str) -> None:
        """The story has come to its end, and this is it: outcome and reason."""
        expect(self.page.locator("body")).to_have_attribute("data-story", outcome)

    def card(self, name: str = "Access token") -> Locator:
        return self.page.get_by_role("group", name=name, exact=True)

    def station(self, name: str) -> Locator:
        return self.page.locator(f"svg [data-station={name}]")

    def states(self) -> dict[str, str]:
        script = "all => all.map(one => [one.dataset.station, one.dataset.state])"
        return dict(self.page.locator("svg [data-station]").evaluate_all(script))

    def is_refused_at(self, station: str, option: str) -> None:
        states = self.states()
        assert states[station] == "bad"
        names = list(states)
        assert {states[name] for name in names[names.index(station) + 1 :]} == {"skipped"}
        expect(self.page.locator("#verdict")).to_contain_text(option)
        expect(self.page.locator("#steps [data-mark=bad]").last).to_contain_text(option)


def is_trouble(text: str) -> bool:
    """Refusals of the gateway come as stories; that a question was refused is for the page to tell."""
    return "Failed to load resource" not in text


@contextmanager
def visiting(
    browser: Browser, playground: Playground, size: ViewportSize = DESKTOP, **options: Any
) -> Iterator[Visit]:
    """Without motion, so that stories are told at once."""
    options = {"reduced_motion": "reduce", **options}
    context = browser.new_context(viewport=size, **options)
    visit = Visit(context.new_page(), playground)
    yield visit
    context.close()
    assert visit.wrong == []
