"""Prompt files in the console: they are dropped in, counted until they end, and listed separately."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.conftest import Console
from tools.harness.samples import NOW, ended_batch, queued, rows_of
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video_cli.storage import key_of

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


def test_a_file_that_is_dropped_is_sent_and_followed_until_its_last_video_has_ended(console: Console) -> None:
    page, prompts = console.page, ("a heron in a file", "none [simulate:task:DataInspectionFailed]", "")
    rows = [{"prompt": prompt, "model": "wan2.5-t2v-preview", "size": "832x480"} for prompt in prompts]
    text = "\n".join(json.dumps(row) for row in rows)
    console.sign_in()
    drop(page, "herons.jsonl", text)
    expect(page.get_by_text("herons.jsonl is uploaded.")).to_be_visible()
    shown = page.get_by_role("region", name="herons.jsonl")
    expect(shown).to_contain_text("1 completed, 1 failed, 1 refused")
    expect(shown.get_by_role("link", name="Results")).to_be_visible()
    expect(console.card("a heron in a file")).to_have_attribute("data-status", "completed")
    expect(page.locator(".card")).to_have_count(2)
    (batch,) = console.api("GET", "/v1/batches")["data"]
    sent = console.local.stack.aws.s3.get_object(
        Bucket=console.local.stack.outputs["PromptsBucketName"], Key=f"batches/{batch['id']}/herons.jsonl"
    )
    assert sent["Body"].read() == text.encode()


def test_a_batch_shows_its_counts_its_videos_and_its_reports_and_makes_its_failures_again(console: Console) -> None:
    page, aws, outputs = console.page, console.local.stack.aws, console.local.stack.outputs
    whole = ended_batch(f"batch_{console.owner[8:]}", owner=console.owner)
    batch = replace(whole, total=4, refused=1, accepted=3, started=3, completed=2, failed=1, announced_at=NOW)
    DynamoBatches(aws.dynamodb.meta.client, outputs["LedgerTableName"]).create(batch)
    console.put(*rows_of(batch, 1, 2), queued(f"video_{console.owner[8:]}", owner=console.owner))
    console.sign_in()
    shown = page.get_by_role("region", name=batch.name)
    expect(shown).to_contain_text("2 completed, 1 failed, 1 refused")
    expect(shown.get_by_role("link", name="Errors")).to_have_attribute("href", re.compile(r"/errors\.jsonl\?"))
    expect(page.locator(".card")).to_have_count(3)
    shown.get_by_role("button", name="Show its videos").click()
    expect(page.locator(".card")).to_have_count(2)
    expect(shown.get_by_role("button", name="Show all videos")).to_be_focused()
    shown.get_by_role("button", name="Show all videos").click()
    expect(page.locator(".card")).to_have_count(3)
    shown.get_by_role("button", name="Retry the failures").click()
    page.get_by_role("dialog").get_by_role("button", name="Make them at an unknown price").click()
    expect(page.locator(".batch")).to_have_count(2)
    assert [each["retry_of"] for each in console.api("GET", "/v1/batches")["data"]] == [batch.id, None]


def test_a_file_that_is_dropped_again_is_the_same_batch_until_new_videos_are_wanted(console: Console) -> None:
    page, keys = console.page, list[str]()
    text = json.dumps({"prompt": "a heron 狐 once", "model": "wan2.5-t2v-preview", "size": "832x480"})
    name = f"heron 狐 {console.owner}.jsonl"
    page.on("request", lambda asked: keys.append(asked.headers.get("idempotency-key", "")))
    with console.nothing_starts():
        console.sign_in()
        drop(page, name, text)
        expect(page.get_by_role("region", name=name)).to_contain_text("1 queued")
        question = page.get_by_role("dialog", name=f"{name} was uploaded before (in progress).")
        drop(page, name, text)
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        question.get_by_role("button", name="Cancel").click()
        expect(question).to_be_hidden()
        assert len(console.api("GET", "/v1/batches")["data"]) == 1
        drop(page, name, text)
        question.get_by_role("button", name="Create new videos").click()
        expect(page.get_by_role("region", name=name)).to_have_count(2)
        assert len(console.api("GET", "/v1/batches")["data"]) == 2
    first, second, third, fourth = (key for key in keys if key)
    assert first == second == third == key_of(name, io.BytesIO(text.encode())), "wan-video batch makes the same key"
    assert fourth != first


def test_a_file_of_another_type_is_refused_with_the_valid_types(console: Console) -> None:
    page = console.page
    console.sign_in()
    page.get_by_label("Prompt file").set_input_files(
        {"name": "heron.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )
    expect(page.locator("#toasts")).to_contain_text(".jsonl")
    expect(page.locator(".batch")).to_have_count(0)
