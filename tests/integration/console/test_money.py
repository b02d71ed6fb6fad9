"""Every button that pays shows its price first, and sends it as a cap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Request, Route, expect

from tests.integration.console.conftest import Tab
from tests.integration.console.test_truth import add, failed
from tools.harness.samples import NOW, ended_batch, request, running, validating_batch
from wan_video.domain.price import Estimate
from wan_video.domain.trouble import Failure

QUOTE = "**/v1/videos?dry_run=true"
REFUSED = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "poll", False)


def paid(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """Return a list that collects the path and the body of every request that may cost money from now on."""
    found: list[tuple[str, dict[str, Any]]] = []

    def see(sent: Request) -> None:
        path = sent.url.partition("/v1/v1/")[2]
        if sent.method == "POST" and "dry_run" not in path:
            found.append((path, json.loads(sent.post_data or "{}")))

    page.on("request", see)
    return found


@contextmanager
def held(page: Page) -> Iterator[None]:
    """Hold all quotes back while the block runs."""
    waiting: list[Route] = []
    page.route(QUOTE, lambda route: waiting.append(route))
    yield
    page.unroute(QUOTE)
    for route in waiting:
        with suppress(Error):  # The page has cancelled this request.
            route.continue_()


def test_the_form_never_pays_more_than_the_price_that_it_showed(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    orders = paid(page)
    page.get_by_label("Prompt", exact=True).fill("a heron that costs more")
    expect(page.locator("#price")).to_contain_text("CN¥3.67 for 5 s")
    make = page.get_by_role("button", name="Make the video")
    with held(page), page.expect_request(QUOTE):
        page.get_by_role("slider").fill("15")
        make.click()
    expect(page.locator("#composer-problem")).to_contain_text("CN¥11.01, which is more than the price shown before")
    assert orders == []
    make.click()
    expect(tab.card("a heron that costs more")).to_be_visible()
    ((path, order),) = orders
    assert (path, order["seconds"], order["max_price"]) == ("videos", 15, "11.008860")
    assert "seed" not in order


def test_four_variations_show_their_whole_price_and_are_capped_one_by_one(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    orders = paid(page)
    page.get_by_label("Prompt", exact=True).fill("a heron four times")
    page.get_by_role("radiogroup", name="Variations").get_by_label("4").check()
    expect(page.locator("#price")).to_contain_text("CN¥14.68 for 4 videos of 5 s")
    page.get_by_role("button", name="Make 4 videos").click()
    expect(page.locator(".card")).to_have_count(4)
    assert {order["max_price"] for _, order in orders} == {"3.669620"}
    assert len({order["seed"] for _, order in orders}) == 4


@pytest.mark.parametrize("button", ["Try again", "Make again"])
def test_another_video_is_made_only_for_the_price_that_was_agreed(tab: Tab, button: str) -> None:
    page = tab.page
    if button == "Try again":
        add(tab, [failed(1, "a heron again")])
    else:
        add(tab, [running("video_1", owner="alice", at=NOW, request=request(prompt="a heron again"))])
        tab.api.complete()
    tab.sign_in()
    orders = paid(page)
    tab.card("a heron again").locator(".frame").click()
    page.locator("#details").get_by_role("button", name=button).click()
    question = page.locator("#confirm")
    expect(question).to_contain_text("It costs CN¥3.67, about US$0.50, and never more than that.")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert orders == []
    page.locator("#details").get_by_role("button", name=button).click()
    question.get_by_role("button", name="Make it for CN¥3.67").click()
    expect(page.locator(".card")).to_have_count(2)
    ((path, order),) = orders
    assert path.endswith("/retry")
    assert order == {"max_price": "3.669620"}


def test_a_price_that_rises_between_question_and_answer_is_asked_again(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(1)])
    tab.sign_in()
    refusal = {"status": 402, "detail": "This video costs more."}
    page.route("**/retry", lambda route: route.fulfill(status=402, json=refusal), times=1)
    tab.card("heron 1").get_by_role("button", name="Try again").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#confirm-yes")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    page.locator("#confirm-yes").click()
    expect(page.locator(".card")).to_have_count(2)


def test_the_retry_of_a_batch_shows_the_price_of_its_failures_and_is_capped(tab: Tab) -> None:
    page = tab.page
    whole = ended_batch("batch_1", owner="alice")
    failures = Estimate(10, Decimal("7.339240"), "CNY", "2026-06-01")
    batch = replace(whole, total=4, accepted=4, started=4, completed=2, failed=2, failures=failures)
    tab.api.store.batches.create(replace(batch, announced_at=int(NOW)))
    tab.sign_in()
    orders = paid(page)
    page.get_by_role("region", name=batch.name).get_by_role("button", name="Retry the failures").click()
    expect(page.locator("#confirm")).to_contain_text("Make the 2 videos of prompts.jsonl that failed?")
    page.get_by_role("button", name="Make them for CN¥7.34").click()
    expect(page.locator(".batch")).to_have_count(2)
    assert orders == [("batches/batch_1/retry", {"max_price": "7.339240"})]


def test_a_batch_is_cancelled_only_after_a_question_and_says_so_until_it_has_ended(tab: Tab) -> None:
    page = tab.page
    batch = validating_batch("batch_1", owner="alice").accept(int(NOW), total=5, refused=0)
    tab.api.store.batches.create(replace(batch, started=2, announced_at=None))
    tab.sign_in()
    shown = page.get_by_role("region", name=batch.name)
    shown.get_by_role("button", name="Cancel").click()
    question = page.locator("#confirm")
    expect(question).to_contain_text("3 waiting videos will not be made, free of charge.")
    expect(question).to_contain_text("2 videos already started: they continue and are billed.")
    question.get_by_role("button", name="Keep it").click()
    assert tab.api.the_batch().status == "in_progress"
    shown.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Cancel the batch").click()
    expect(shown).to_contain_text("Cancelling: 2 in progress, 3 queued")
    expect(shown.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_failure_says_why_and_that_it_is_not_billed_and_offers_to_edit_what_would_fail_again(tab: Tab) -> None:
    page = tab.page
    asked = request(prompt="a heron refused", seed=42)
    add(tab, [running("video_1", owner="alice", at=NOW, request=asked).ended(int(NOW), REFUSED)])
    tab.sign_in()
    card = tab.card("a heron refused")
    expect(card).to_contain_text("Not billed.")
    expect(card.get_by_role("button", name="Try again")).to_have_count(0)
    card.locator(".frame").click()
    sheet = page.locator("#details")
    for text in ("DataInspectionFailed", "may contain inappropriate content", "Not billed.", "Edit it first."):
        expect(sheet).to_contain_text(text)
    expect(sheet.locator(".actions button").first).to_have_text("Edit")
    sheet.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("")
    card.locator(".frame").click()
    sheet.get_by_role("button", name="Use this seed").click()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("42")
