"""The console in Debian's Chromium, over the real API with rows in memory; the page must not cause errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.integration.cli.served import TOKEN, Served, served
from tools.harness.browser import browser_context, chromium, troubles

PATIENCE = 120_000
"""Milliseconds that a page may take for anything, because this machine may be busy."""


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
    with chromium() as browser:
        yield browser


def opened(browser: Browser, **options: Any) -> AbstractContextManager[BrowserContext]:
    """Yield a browser context without any history."""
    return browser_context(browser, PATIENCE, **options)


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
