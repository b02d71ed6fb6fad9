"""Prompt files in the console: dropped in, counted to their end, and shown by themselves."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.conftest import Console

pytestmark = pytest.mark.slow

DROP = """([name, text]) => {
  const held = new DataTransfer();
  held.items.add(new File([text], name));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true }));
  }
}"""


def drop(page: Page, name: str, text: str) -> None:
    """Drop a file onto the page."""
    page.evaluate(DROP, [name, text])


def test_a_file_that_is_dropped_becomes_a_batch_that_is_counted_to_its_end(console: Console) -> None:
    page = console.page
    rows = [
        {"prompt": f"row {n} of {console.owner}", "model": "wan2.5-t2v-preview", "size": "832x480"} for n in range(3)
    ]
    console.sign_in()
    drop(page, "herons.jsonl", "\n".join(json.dumps(row) for row in [*rows, {"prompt": "", "custom_id": "bad"}]))
    batch = page.get_by_role("region", name="herons.jsonl")
    expect(batch).to_contain_text("3 completed, 1 refused", timeout=120_000)
    expect(page.locator(".card[data-status=completed]")).to_have_count(3)
    expect(batch.get_by_role("link", name="Errors")).to_have_attribute("href", re.compile(r"/errors\.jsonl\?"))
    batch.get_by_role("button", name="Show its videos").click()
    expect(batch.get_by_role("button", name="Show all videos")).to_be_focused()
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_role("radiogroup", name="Show").get_by_label("Failed").check()
    expect(page.get_by_text("None of these.")).to_be_visible()


def test_a_file_of_another_kind_is_refused_with_what_would_be_right(console: Console) -> None:
    page = console.page
    console.sign_in()
    page.get_by_label("Prompt file").set_input_files(
        {"name": "heron.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )
    expect(page.get_by_role("status")).to_contain_text(".jsonl")
    expect(page.locator(".batch")).to_have_count(0)
