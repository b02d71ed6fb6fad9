"""The pictures of the console in README.md and docs/console.md: `python -m tools.console_images`.

The local stack makes real sample videos, and Debian's Chromium takes the pictures. This takes a few minutes.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tools.harness.patience import until
from wan_video_local.client import FINAL, Client
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack, create_token

IMAGES: Final = Path("docs/images")
OWNER: Final = "studio"
PATIENCE_SECONDS: Final = 600.0
QUALITY: Final = 80
SPEED: Final = 6.0
LATENCY_SECONDS: Final = 300.0
"""How long each task takes at Wan, on the stack's clock: long enough to take the picture of one that is unfinished."""
SEEN_PROGRESS: Final = 25
"""The percentage that the unfinished video has reached at least when the picture is taken."""

SMALL: Final = {"model": "wan2.5-t2v-preview", "seconds": 5}
REQUESTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"prompt": "A lighthouse at dusk", "size": "832x480", **SMALL},
    {"prompt": "Paper boats race in the rain", "size": "624x624", **SMALL},
    {"prompt": "Steam rises from a bowl of ramen, shallow depth of field", "size": "1280x720", "seconds": 3},
)
UNFINISHED: Final = "A heron waits at the edge of a frozen lake, first light, breath in the air"
ROWS: Final[tuple[Mapping[str, Any], ...]] = (
    {"prompt": "A tram climbs a foggy hill at night", "size": "832x480", **SMALL},
    {"prompt": "Lanterns drift over a river", "size": "832x480", **SMALL},
    {"prompt": "[simulate:task:DataInspectionFailed] A scene that Wan refuses", **SMALL},
    {"prompt": "A row that asks for a size that does not exist", "size": "1x1"},
)


def main() -> int:
    """Make both pictures; returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is not installed; on Debian: apt install chromium", file=sys.stderr)
        return 1
    plan = Plan(speed=SPEED, latency=LATENCY_SECONDS)
    with RunLog(WORK / "console-images.log") as log, LocalStack(plan, log.file, print) as local:
        stack = local.start()
        token = create_token(stack.aws, OWNER)
        client = Client(stack.api_url, token)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            opened = _fill(client, browser, stack, token)
            _picture(browser, stack, token, "light", 960, lambda page: _show_gallery(page, client))
            _picture(browser, stack, token, "dark", 860, lambda page: _show_video(page, opened))
            browser.close()
    return 0


def _fill(client: Client, browser: Browser, stack: Stack, token: str) -> str:
    """Make all videos but the unfinished one; returns the id of the last of them."""
    with browser.new_page() as page:
        _sign_in(page, stack, token)
        text = "".join(f"{json.dumps(row)}\n" for row in ROWS)
        page.locator("#file").set_input_files(
            {"name": "storyboard.jsonl", "mimeType": "application/jsonl", "buffer": text.encode()}
        )
        expect(page.get_by_role("button", name="Retry the failures")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    made = [client.create(request)["id"] for request in REQUESTS]
    until(
        lambda: all(_is_shown(client.video(video_id)) for video_id in made),
        "the sample videos and their thumbnails",
        within=PATIENCE_SECONDS,
    )
    return str(made[-1])


def _is_shown(video: Mapping[str, Any]) -> bool:
    if video["status"] in FINAL and video["status"] != "completed":
        raise RuntimeError(f"{video['id']} is {video['status']}: {video['error']}")
    return bool(video["status"] == "completed" and video["thumbnail"] != "pending")


def _picture(
    browser: Browser, stack: Stack, token: str, scheme: str, height: int, show: Callable[[Page], None]
) -> None:
    """Take the picture of one colour scheme, with 1360 pixels of width."""
    with browser.new_page(
        viewport={"width": 1360, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        reduced_motion="reduce",
    ) as page:
        _sign_in(page, stack, token)
        show(page)
        picture = Image.open(io.BytesIO(page.screenshot()))
        path = IMAGES / f"console-{scheme}.webp"
        picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
        print(f"{path}: {path.stat().st_size:,} bytes")


def _sign_in(page: Page, stack: Stack, token: str) -> None:
    page.set_default_timeout(1000 * PATIENCE_SECONDS)
    expect.set_options(timeout=1000 * PATIENCE_SECONDS)
    page.goto(f"{stack.api_url}/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#cards")).to_have_attribute("aria-busy", "false")


def _show_gallery(page: Page, client: Client) -> None:
    """Show the gallery with a video in progress, whose request the form has."""
    page.get_by_label("Prompt", exact=True).fill(UNFINISHED)
    expect(page.locator(".price:not(.stale)")).to_contain_text("for 5 s")
    page.get_by_role("button", name="Make the video").click()
    card = page.locator(".card").filter(has_text=UNFINISHED)
    running = str(card.get_attribute("data-id"))
    until(lambda: client.video(running)["progress"] >= SEEN_PROGRESS, "the unfinished video", within=PATIENCE_SECONDS)
    expect(card).to_have_attribute("data-status", "in_progress")
    expect(card).to_contain_text("Generating")
    expect(page.locator("#toasts p")).to_have_count(0)
    page.mouse.move(0, 0)


def _show_video(page: Page, video_id: str) -> None:
    """Show one video over the gallery, a moment after its start."""
    page.locator(f"[data-id={video_id}] .frame").click()
    video = page.locator("#details video")
    expect(video).to_be_visible()
    _await_frames(video, 2)
    video.evaluate("(film) => new Promise((ready) => { film.onseeked = ready; film.currentTime = 1.5; })")
    _await_frames(video, 4)
    expect(page.locator("#details")).to_contain_text("CRC-64")


def _await_frames(video: Locator, least: int) -> None:
    """Wait until a video element has a `readyState` of at least `least`; the page forbids `eval`, so it cannot wait."""
    until(lambda: video.evaluate("(film) => film.readyState") >= least, "the frames of the video")


if __name__ == "__main__":
    sys.exit(main())
