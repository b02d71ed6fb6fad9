"""The console in Debian's Chromium, over the real API with rows in memory; the page must not cause errors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.integration.cli.served import TOKEN, Served, served

PATIENCE = 120_000
"""Milliseconds that a page may take for anything, because this machine may be busy."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

WATCH_POLICY = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`policy violated: ${violatedDirective} ${blockedURI}`));
"""

EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|50[234])")
"""Chromium's message when the API refuses a request, which the page shows, or a gateway is busy and it retries."""


@dataclass(frozen=True)
class Tab:
    """One tab of a browser, and the API that its page uses."""

    page: Page
    api: Served

    def open(self) -> None:
        """Load the page."""
        self.page.goto(f"{self.api.api_url}/")

    def sign_in(self, token: str = TOKEN) -> None:
        """Load the page and sign in."""
        self.open()
        self.fill_in(token)
        self.await_gallery()

    def fill_in(self, token: str) -> None:
        """Fill in the form that asks for a token, and send it."""
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()

    def await_gallery(self) -> None:
        """Wait until the gallery is loaded."""
        expect(self.page.get_by_role("heading", name="Videos")).to_be_visible()
        expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")

    def card(self, prompt: str) -> Locator:
        """Return the card of a prompt."""
        return self.page.locator(".card").filter(has_text=prompt)

    def prompts(self) -> list[str]:
        """Return the prompts of the cards, in order."""
        return self.page.locator(".card .words").all_text_contents()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield Chromium with an empty profile."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Yield a browser context without any history."""
    with browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}) as made:
        made.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        made.add_init_script(WATCH_POLICY)
        yield made


def troubles(page: Page) -> list[str]:
    """Return a list that collects the errors of the page's console and scripts from now on."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED.match(message.text):
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def api() -> Iterator[Served]:
    """Yield an API without videos."""
    with served() as running:
        yield running


@pytest.fixture
def tab(browser: Browser, api: Served) -> Iterator[Tab]:
    """Yield a tab; any error in the browser fails the test."""
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        found = troubles(page)
        yield Tab(page, api)
        assert found == []
