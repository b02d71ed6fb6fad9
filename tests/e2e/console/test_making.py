"""Making a video in the console: asking for it, waiting, watching it, and everything that can be done with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.e2e.console.conftest import Console
from tools.harness.samples import request, running
from wan_video.domain.trouble import Failure

pytestmark = pytest.mark.slow

MODEL = "wan2.5-t2v-preview"
QUOTE = "**/v1/videos?dry_run=true"
RETRY_QUOTE = "**/v1/videos/*/retry?dry_run=true"
PLAYING = "(film) => !film.paused && film.readyState > 2 && film.currentTime > 0.3 && film.videoWidth"


@dataclass
class Quotes:
    """Requests for a quote that are held back until they are released."""

    page: Page
    held: list[Route] = field(default_factory=list)

    def release(self) -> None:
        """Release the requests that are held, and let later ones pass."""
        self.page.unroute(QUOTE)
        for route in self.held:
            with suppress(Error):  # The page has cancelled this request.
                route.continue_()


@contextmanager
def held_quotes(page: Page) -> Iterator[Quotes]:
    """Hold all quotes back while the block runs, or until they are released."""
    quotes = Quotes(page)
    page.route(QUOTE, lambda route: quotes.held.append(route))
    yield quotes


def test_a_token_opens_the_console_in_this_tab_until_it_is_signed_out(console: Console) -> None:
    page = console.page
    console.open()
    page.get_by_label("Token").fill("wv_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("A valid token is required")).to_be_visible()
    console.sign_in()
    expect(page.get_by_text(console.owner)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Videos")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]


def test_nothing_of_one_owner_is_left_for_the_next_who_signs_in_to_the_same_tab(console: Console) -> None:
    page, mine, tokens = console.page, f"a heron of {console.owner}", list[str]()
    failed = running(f"video_{console.owner[8:]}", owner=console.owner, request=request(prompt=mine))
    console.put(failed.ended(1, Failure("InternalError", "Something broke at Wan.", "poll", True)))
    console.sign_in()
    page.get_by_label("Prompt", exact=True).fill("a secret of the first owner")
    expect(console.card(mine).get_by_role("button", name="Try again")).to_be_visible()
    console.card(mine).locator(".frame").click()
    expect(console.details()).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()

    page.on("request", lambda asked: tokens.append(asked.headers.get("authorization", "")))
    other = console.as_another_owner()
    page.get_by_label("Token").fill(other.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No videos yet.")).to_be_visible()
    expect(page.get_by_text(other.owner)).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    assert {token for token in tokens if token} == {f"Bearer {other.token}"}


def test_a_token_that_is_refused_leads_to_a_clean_page_that_says_why(console: Console) -> None:
    page, prompt = console.page, f"a heron once {console.owner}"
    failed = running(f"video_{console.owner[8:]}", owner=console.owner, request=request(prompt=prompt))
    console.put(failed.ended(1, Failure("InternalError", "Something broke at Wan.", "poll", True)))
    console.sign_in()
    refusal = {"title": "Unauthorized", "status": 401, "detail": "This token was revoked."}
    page.route(RETRY_QUOTE, lambda route: route.fulfill(status=401, json=refusal))
    console.card(prompt).get_by_role("button", name="Try again").click()
    expect(page.locator("#token-problem")).to_have_text("This token was revoked.")
    expect(page.get_by_label("Token")).to_be_focused()
    assert page.evaluate("[sessionStorage.length, location.hash]") == [0, ""]
    page.unroute(RETRY_QUOTE)

    newer = running(f"video_{console.owner[8:]}n", owner=console.owner, request=request(prompt="made meanwhile"))
    console.put(newer.ended(2, Failure("InternalError", "Something broke at Wan.", "poll", True)))
    page.get_by_label("Token").fill(console.token)
    page.get_by_role("button", name="Sign in").click()
    expect(console.card("made meanwhile")).to_be_visible()  # This card shows that the whole list is loaded.
    assert page.locator(".card").count() == 2


def test_a_video_is_never_asked_for_above_the_price_that_was_shown(console: Console) -> None:
    page, orders = console.page, list[Any]()
    page.on("request", lambda asked: orders.append(asked.post_data_json) if asked.url.endswith("/v1/videos") else None)
    price, make = page.locator("#price"), page.get_by_role("button", name="Make the video")
    with console.nothing_starts():
        console.sign_in()
        page.get_by_label("Prompt", exact=True).fill("a heron that costs more")
        expect(price).to_contain_text("CN¥3.67 for 5 s")
        orders.clear()  # The gallery's requests have no body.
        with held_quotes(page) as quotes:
            with page.expect_request(QUOTE):
                page.get_by_role("slider").fill("15")
                make.click()
            expect(price).to_contain_text("CN¥3.67")
            assert [body for body in orders if body] == []
            quotes.release()
        expect(page.locator("#composer-problem")).to_have_text(
            "This video costs CN¥11.01, which is more than the price shown before. Press the button again to make it."
        )
        expect(price).to_contain_text("CN¥11.01 for 15 s")
        assert [body for body in orders if body] == []
        assert console.api("GET", "/v1/videos")["data"] == []
        make.click()
        expect(console.card("a heron that costs more")).to_be_visible()
        (order,) = (body for body in orders if body)
        assert (order["seconds"], order["max_price"]) == (15, "11.008860")


def test_an_order_waits_for_its_quote_and_goes_out_once(console: Console) -> None:
    page, orders = console.page, list[Any]()
    page.on("request", lambda asked: orders.append(asked.post_data_json) if asked.url.endswith("/v1/videos") else None)
    prompt = page.get_by_label("Prompt", exact=True)
    with console.nothing_starts():
        console.sign_in()
        expect(page.locator("#price")).to_contain_text("CN¥3.67 for 5 s")
        with held_quotes(page) as quotes:
            with page.expect_request(QUOTE):
                prompt.fill("a heron that waits")
                for _ in range(3):
                    prompt.press("Control+Enter")
            assert [body for body in orders if body] == []
            quotes.release()
        expect(console.card("a heron that waits")).to_be_visible()
        (order,) = (body for body in orders if body)
        assert order["max_price"] == "3.669620"
        assert len(console.api("GET", "/v1/videos")["data"]) == 1


def test_a_prompt_becomes_a_video_that_plays_and_can_be_taken_home(console: Console, tmp_path: Path) -> None:
    page, prompt = console.page, f"a heron waits in the console of {console.owner}"
    console.sign_in()
    expect(page.get_by_text("No videos yet.")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Model").select_option(MODEL)
    page.get_by_role("radiogroup", name="Resolution").get_by_label("480P").check()
    page.get_by_role("radiogroup", name="Shape").get_by_label("9:16").check()
    page.get_by_role("group", name="Length").get_by_label("5 s").check()
    expect(page.locator("#price")).to_have_text("CN¥1.83 for 5 s at 480P")
    card = console.card(prompt)
    with console.local.hanging("query"):
        page.get_by_role("button", name="Make the video").click()
        expect(card).to_have_attribute("data-status", re.compile("queued|in_progress"))
    expect(card).to_have_attribute("data-status", "completed")
    film = card.locator("video")
    expect(film).to_have_class("developed")
    card.get_by_role("button", name=f"Completed: {prompt}").hover()
    page.wait_for_function(PLAYING, arg=film.element_handle())
    expect(film).to_have_js_property("videoWidth", 480)

    card.get_by_role("button", name=f"Completed: {prompt}").click()
    details = console.details()
    expect(details.get_by_role("heading", name=prompt)).to_be_visible()
    page.wait_for_function(PLAYING, arg=details.locator("video").element_handle())
    (video,) = console.api("GET", "/v1/videos?limit=1")["data"]
    file = console.api("GET", f"/v1/videos/{video['id']}/file")
    for shown in (str(video["seed"]), "CN¥1.83", f"s3://{file['bucket']}/{file['key']}", file["etag"]):
        expect(details.get_by_text(shown, exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(f"/live/#{video['id']}$"))

    made = console.local.simulator.film(video["upstream"]["task_id"])
    with page.expect_download() as download:
        details.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "saved.mp4")
    assert download.value.suggested_filename == f"{video['id']}.mp4"
    assert (tmp_path / "saved.mp4").read_bytes() == made
    details.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("a link that works for seven days")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert page.context.request.get(link).body() == made


def test_what_is_wrong_is_said_beside_its_field_before_anything_is_asked_for(console: Console) -> None:
    page = console.page
    console.sign_in()
    page.get_by_role("button", name="Make the video").click()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_attribute("aria-invalid", "true")
    expect(prompt).to_be_focused()
    expect(page.locator("#prompt-problem")).to_have_text("The prompt is empty; say what the video should show.")
    prompt.fill("a heron")
    expect(prompt).not_to_have_attribute("aria-invalid", "true")
    page.get_by_text("More", exact=True).click()
    page.get_by_role("textbox", name="Sound").fill("ftp://example.com/rain.mp3")
    page.get_by_label("Seed").fill("-3")
    expect(page.locator("#audio_url-problem")).to_contain_text("audio_url")
    expect(page.get_by_label("Seed")).to_have_attribute("aria-errormessage", "seed-problem")
    expect(page.locator("#seed-problem")).to_be_visible()
    expect(page.locator("#price")).to_have_text("—")
    page.get_by_role("textbox", name="Sound").fill("")
    page.get_by_label("Seed").fill("3")
    expect(page.locator(".problem:visible")).to_have_count(0)
    expect(page.locator("#price")).to_contain_text("CN¥3.67")
    assert console.api("GET", "/v1/videos")["data"] == []


def test_a_model_that_makes_less_offers_less(console: Console) -> None:
    page = console.page
    console.sign_in()
    expect(page.get_by_role("group", name="Shots")).to_be_visible()
    expect(page.get_by_role("slider")).to_be_visible()
    page.get_by_label("Model").select_option("wan2.2-t2v-plus")
    expect(page.get_by_role("group", name="Shots")).to_be_hidden()
    expect(page.get_by_text("5 seconds", exact=True)).to_be_visible()
    expect(page.get_by_role("radiogroup", name="Resolution")).to_have_text("480P1080P")
    expect(page.locator("#price")).to_contain_text("CN¥0.73 for 5 s at 480P")
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_role("textbox", name="Sound")).to_be_hidden()


@contextmanager
def retiring(console: Console, model: str) -> Iterator[None]:
    """Store the retirement of a model, as `sweep` stores what Wan has announced."""
    ledger = console.local.stack.aws.dynamodb.Table(console.local.stack.outputs["LedgerTableName"])
    key = {"pk": f"pool#singapore#{model}", "sk": "pool"}
    ledger.update_item(
        Key=key, UpdateExpression="SET retires_at = :at", ExpressionAttributeValues={":at": 4_102_444_800}
    )
    try:
        yield
    finally:
        ledger.update_item(Key=key, UpdateExpression="REMOVE retires_at")


def test_a_model_that_retires_is_warned_of_when_it_is_chosen(console: Console) -> None:
    page, warning = console.page, console.page.locator("#retirement")
    with retiring(console, "wan2.2-t2v-plus"):
        console.sign_in()
        expect(page.locator("#price")).to_contain_text("CN¥")
        expect(warning).to_be_hidden()
        page.get_by_label("Model").select_option("wan2.2-t2v-plus")
        expect(warning).to_have_text(re.compile(r"^Wan takes this model offline in singapore on .*2100\.$"))
        page.get_by_label("Model").select_option("wan2.6-t2v")
        expect(warning).to_be_hidden()


def test_a_video_can_be_cancelled_made_again_and_deleted(console: Console) -> None:
    page, prompt = console.page, f"a heron leaves {console.owner}"
    with console.nothing_starts():
        waits = console.api("POST", "/v1/videos", {"prompt": prompt, "model": MODEL, "size": "832x480"})["id"]
        console.sign_in()
        card = console.card(prompt)
        card.get_by_role("button", name="Cancel").click()
        expect(card).to_have_attribute("data-status", "cancelled")
        assert console.api("GET", f"/v1/videos/{waits}")["status"] == "cancelled"
    card.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Make it for CN¥1.83").click()
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".card[data-status=completed]")).to_have_count(1)

    page.locator(".card[data-status=completed] .frame").click()
    console.details().get_by_role("button", name="Delete").click()
    question = page.get_by_role("dialog", name="Delete this video")
    expect(question.get_by_role("button", name="Keep it")).to_be_focused()
    question.get_by_role("button", name="Keep it").click()
    expect(page.locator(".card")).to_have_count(2)
    console.details().get_by_role("button", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [video["id"] for video in console.api("GET", "/v1/videos")["data"]] == [waits]


def test_the_settings_of_a_video_can_be_used_again(console: Console) -> None:
    page = console.page
    asked = request(prompt="a heron reads", model=MODEL, seconds=10, seed=42, negative_prompt="rain", watermark=True)
    failed = running(f"video_{console.owner}".replace("-", ""), owner=console.owner, request=asked)
    console.put(failed.ended(1, Failure("DataInspectionFailed", "It was refused.", "poll", False)))
    console.sign_in()
    card = console.card("a heron reads")
    expect(card).to_contain_text("It was refused.")
    card.locator(".frame").click()
    console.details().get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a heron reads")
    expect(page.get_by_label("Model")).to_have_value(MODEL)
    expect(page.get_by_label("10 s")).to_be_checked()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Seed")).to_have_value("")
    expect(page.get_by_label("Negative prompt")).to_have_value("rain")
    expect(page.get_by_label("Watermark")).to_be_checked()


def test_wan30_is_asked_for_with_all_that_it_leaves_to_the_model(console: Console) -> None:
    page, prompt = console.page, f"an owl of {console.owner}"
    console.sign_in()
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Model").select_option("wan3.0-video")
    page.get_by_role("radio", name="480P").check()
    page.get_by_role("radio", name="Any shape").check()
    page.get_by_label("Wan chooses, up to 30 s").check()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Negative prompt")).to_be_hidden()
    page.get_by_label("With sound").uncheck()
    expect(page.locator("#price")).to_contain_text("(unconfirmed) for up to 30 s at 480P")
    with page.expect_request(lambda sent: sent.url.endswith("/v1/videos") and sent.method == "POST") as asked:
        page.get_by_role("button", name="Make the video").click()
    body: dict[str, object] = asked.value.post_data_json or {}
    wanted = {"model": "wan3.0-video", "resolution": "480P", "aspect_ratio": "adaptive", "seconds": -1, "audio": False}
    assert {name: body[name] for name in wanted} == wanted
    assert "size" not in body
    assert "negative_prompt" not in body
    expect(console.card(prompt)).to_contain_text("480P adaptive")
    expect(console.card(prompt)).to_contain_text("any length")
