"""Debian's Chromium, and what goes wrong in the pages that it shows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

WATCH_POLICY: Final = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`policy violated: ${violatedDirective} ${blockedURI}`));
"""

EXPECTED: Final = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|50[234])")
"""Chromium's message when the API refuses a request, which the page shows, or a gateway is busy and it retries."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Chromium with an empty profile; a test without it is skipped."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield browser
        browser.close()


@contextmanager
def browser_context(browser: Browser, patience: float, **options: Any) -> Iterator[BrowserContext]:
    """Yield a browser context without any history, in which everything may take `patience` milliseconds."""
    with browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}) as made:
        made.set_default_timeout(patience)
        expect.set_options(timeout=patience)
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
