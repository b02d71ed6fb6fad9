"""The console in Debian's Chromium, on the stack of this session; the page must not cause errors in the browser."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Local
from tests.rows import put_rows
from tools.harness.browser import browser_context, chromium, troubles
from wan_video.domain.video import Video
from wan_video_local.stack import create_token

PATIENCE = 300_000
"""Milliseconds that a page may take for anything, because this machine may be busy."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield Chromium with an empty profile."""
    with chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Console:
    """The page, and the rows of one owner that it shows."""

    page: Page
    local: Local
    owner: str
    token: str

    def open(self) -> None:
        """Load the page."""
        self.page.goto(f"{self.local.stack.api_url}/")

    def sign_in(self) -> None:
        """Load the page and sign in."""
        self.open()
        self.page.get_by_label("Token").fill(self.token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Videos")).to_be_visible()
        expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")

    def as_another_owner(self) -> Console:
        """Return the same page for an owner who has no videos yet."""
        owner = f"console-{secrets.token_hex(4)}"
        return Console(self.page, self.local, owner, create_token(self.local.stack.aws, owner))

    def put(self, *videos: Video) -> None:
        """Write rows of this owner."""
        put_rows(self.local.stack.aws.dynamodb, self.local.stack.outputs["VideosTableName"], videos)

    def card(self, prompt: str) -> Locator:
        """Return the card of a prompt."""
        return self.page.locator(".card").filter(has_text=prompt)

    def details(self) -> Locator:
        """The dialog that is shown over the gallery."""
        return self.page.get_by_role("dialog")

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the API without the page."""
        answer = self.page.context.request.fetch(
            f"{self.local.stack.api_url}{path}",
            method=method,
            headers={"Authorization": f"Bearer {self.token}"},
            data=body,
        )
        return answer.json()

    @contextmanager
    def nothing_starts(self) -> Iterator[None]:
        """Switch starts off while the block runs."""
        with self.local.nothing_starts():
            yield


def context(browser: Browser, **options: Any) -> AbstractContextManager[BrowserContext]:
    """Yield a browser context without any history."""
    return browser_context(browser, PATIENCE, **options)


@pytest.fixture
def console(browser: Browser, local: Local) -> Iterator[Console]:
    """Yield a page with its own owner; any error in the browser fails the test."""
    owner = f"console-{secrets.token_hex(4)}"
    with context(browser, permissions=["clipboard-read", "clipboard-write"]) as opened:
        page = opened.new_page()
        found = troubles(page)
        yield Console(page, local, owner, create_token(local.stack.aws, owner))
        assert found == []
