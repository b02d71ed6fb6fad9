"""Images in the form: dropped, pasted or chosen, shown at once, uploaded, and sent as inputs."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.integration.cli.served import TOKEN
from tests.integration.console.conftest import PATIENCE, Tab

GIVE = """([kind, name, type, bytes]) => {
  const held = new DataTransfer();
  held.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const init = { bubbles: true, cancelable: true };
  if (kind === "paste") {
    document.body.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: held }));
  } else {
    for (const name of ["dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(name, { ...init, dataTransfer: held }));
    }
  }
}"""


def png(width: int, height: int) -> bytes:
    """Return a black PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def give(page: Page, kind: str, name: str, content: bytes) -> None:
    """Drop or paste an image."""
    page.evaluate(GIVE, [kind, name, "image/png", list(content)])


def orders(page: Page) -> list[dict[str, Any]]:
    """Return a list that collects the bodies of requests for videos from now on."""
    found: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda sent: found.append(json.loads(sent.post_data or "")) if sent.url.endswith("/v1/v1/videos") else None,
    )
    return found


def test_an_image_that_is_dropped_becomes_the_first_frame_of_a_model_that_takes_one(tab: Tab) -> None:
    page, image = tab.page, png(640, 480)
    tab.sign_in()
    expect(page.locator("#price b")).to_have_text("CN¥3.67")
    give(page, "drop", "heron.png", image)
    expect(page.locator("#toasts")).to_contain_text("which makes videos from images")
    field = page.locator("[data-field=input_reference]")
    expect(field).to_contain_text("heron.png")
    expect(field).to_contain_text("640 × 480")
    expect(field.locator("canvas")).to_have_attribute("height", "160")
    assert list(tab.api.inputs.stored.values()) == [image]
    expect(page.get_by_label("Model", exact=True)).to_have_value("wan2.6-i2v")
    expect(page.locator("#shapes")).to_have_count(0)
    page.get_by_label("Prompt", exact=True).fill("the heron flies")
    expect(page.locator(".price:not(.stale)")).to_contain_text("for 5 s at 720P")
    sent = orders(page)
    page.get_by_role("button", name="Make the video").click()
    card = tab.card("the heron flies")
    expect(card).to_contain_text("from an image")
    (order,) = sent
    first_frame = tab.api.the_video().request.first_frame
    assert first_frame is not None
    assert (order["input_reference"], order["resolution"]) == (first_frame.input_id, "720P")
    assert "aspect_ratio" not in order
    card.locator(".frame").click()
    expect(page.locator("#details")).to_contain_text("First frame")
    expect(page.locator("#details")).to_contain_text("640 × 480  ·  png")


def test_a_second_image_that_is_pasted_becomes_the_last_frame_and_can_be_removed(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_label("Model", exact=True).select_option("wan2.7-i2v")
    give(page, "paste", "first.png", png(640, 480))
    expect(page.locator("[data-field=input_reference]")).to_contain_text("640 × 480")
    give(page, "paste", "last.png", png(480, 640))
    last = page.locator("[data-field=last_frame]")
    expect(last).to_contain_text("480 × 640")
    page.get_by_role("button", name="Use by API").click()
    expect(page.locator("#code pre")).to_contain_text('"last_frame":"input_')
    expect(page.get_by_role("radiogroup", name="Language").get_by_label("curl")).to_be_checked()
    page.keyboard.press("Escape")
    last.get_by_role("button", name="Remove the last frame").click()
    expect(page.locator("#last_frame")).to_be_focused()
    expect(last.locator("canvas")).to_have_count(0)


def test_the_programs_of_a_form_with_images_can_be_run(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_label("Model", exact=True).select_option("wan2.7-i2v")
    page.get_by_label("Prompt", exact=True).fill("it's a heron")
    for name in ("first.png", "last.png"):
        give(page, "drop", name, png(640, 480))
    for name in ("input_reference", "last_frame"):
        expect(page.locator(f"[data-field={name}]")).to_contain_text("640 × 480")
    page.get_by_role("button", name="Use by API").click()
    expect(page.locator("#code")).to_contain_text("named by the id of its upload")
    programs = {}
    for language in ("curl", "wan-video"):
        page.get_by_role("radiogroup", name="Language").get_by_label(language, exact=True).check()
        expect(page.locator("#code pre")).to_contain_text(language)
        programs[language] = page.locator("#code pre").text_content() or ""
    made = json.loads(run(programs["curl"]))
    assert made["prompt"] == "it's a heron"
    given = {key.rpartition("/")[2] for key in tab.api.inputs.stored}
    assert {made["input_reference"]["id"], made["last_frame"]["id"]} == given
    assert len(given) == 2
    assert re.fullmatch("[0-9a-f]{32}", tab.api.key_headers()[-1])
    assert run(programs["wan-video"].replace("--wait --download .", "--dry-run")) == "3.67 CNY\n"


def run(program: str) -> str:
    """Run a program of the shell and return its standard output."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-ec", program]
    environment = {**os.environ, "PATH": path, "WAN_VIDEO_TOKEN": TOKEN}
    return subprocess.run(
        command, env=environment, check=True, timeout=PATIENCE / 1000, stdout=subprocess.PIPE, text=True
    ).stdout


def test_a_model_that_needs_an_image_says_so_next_to_its_field(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_label("Model", exact=True).select_option("wan2.6-i2v")
    page.get_by_label("Prompt", exact=True).fill("a heron without an image")
    expect(page.locator("#input_reference-problem")).to_contain_text("send its first frame")
    expect(page.locator("#input_reference")).to_have_attribute("aria-errormessage", "input_reference-problem")


def test_an_image_outside_the_limits_is_refused_before_anything_is_paid(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_label("Model", exact=True).select_option("wan2.6-i2v")
    page.locator("#input_reference").set_input_files(
        {"name": "tiny.png", "mimeType": "image/png", "buffer": png(100, 100)}
    )
    expect(page.locator("#input_reference-problem")).to_contain_text("360")
    give(page, "drop", "broken.png", b"no image")
    expect(page.locator("#toasts")).to_contain_text("broken.png could not be used as the first frame.")
    assert tab.api.store.rows() == []
