"""Takes the pictures of the playground that the docs show.

In a clone, with the extra `test` and Chromium: `python tests/playground_pictures.py docs/images`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browsing import browsing
from playgrounds import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP = {"width": 1360, "height": 800}
PHONE = {"width": 360, "height": 760}


def take(browser: Browser, url: str, folder: Path) -> None:
    page = opened_page(browser, f"{url}#scenario=two-tokens", viewport=DESKTOP, color_scheme="light")
    send(page, "Send")
    page.screenshot(path=folder / "playground.png")

    page = opened_page(browser, f"{url}#scenario=claim", viewport=DESKTOP, color_scheme="dark")
    claims = page.locator("#access_token-claims")
    claims.fill(claims.input_value().replace("coffee", "tea"))
    send(page, "Send")
    page.screenshot(path=folder / "playground-refusal.png")

    page = opened_page(browser, f"{url}#scenario=jwt", viewport=PHONE, color_scheme="light")
    send(page, "Expire")
    page.wait_for_timeout(500)  # it scrolls to the story
    page.screenshot(path=folder / "playground-phone.png")


def opened_page(browser: Browser, url: str, **options: Any) -> Page:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    return page


def send(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).first.click()
    page.wait_for_selector("body[data-story]")
    page.locator("#said:not(.shown)").wait_for(state="attached")
    page.mouse.move(0, 0)


def main() -> None:
    logging.getLogger("jwt_signer_mw").addHandler(logging.NullHandler())
    folder = Path(sys.argv[1])
    with opened() as playground, browsing() as browser:
        take(browser, playground.url, folder)


if __name__ == "__main__":
    main()
