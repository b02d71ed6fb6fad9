"""The focus and the notices: neither is lost while the page changes, and both are above an open dialog."""

from __future__ import annotations

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect

from tests.fakes.api import own_webhooks
from tests.integration.console.conftest import Tab, opened
from tests.integration.console.test_truth import add, failed
from tools.harness.browser import troubles
from tools.harness.samples import ALICE, NOW, queued, request, running

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

ON_TOP = """(element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  const there = document.elementFromPoint(x + width / 2, y + height / 2);
  return element.contains(there) || there.contains(element);
}"""

ROWS = """(bar) => {
  const boxes = [...bar.querySelectorAll("h1, button")].map((element) => element.getBoundingClientRect());
  return new Set(boxes.map(({ top, bottom }) => Math.round((top + bottom) / 8))).size;
}"""
"""The number of rows in which the name and the buttons are."""


def overlaps(one: Locator, other: Locator) -> bool:
    """Return whether two elements cover a common area of the window."""
    a, b = one.bounding_box(), other.bounding_box()
    assert a
    assert b
    apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
    return not (apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"])


def test_polling_keeps_the_open_sheet_and_the_focus_in_it(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    add(tab, [running("video_00001", owner="alice", at=NOW, request=request(prompt="a heron runs"))])
    tab.sign_in()
    tab.card("a heron runs").locator(".frame").click()
    edit = page.get_by_role("dialog").get_by_role("button", name="Edit")
    edit.focus()
    element = edit.element_handle()
    for _ in range(3):
        with page.expect_response("**/v1/videos/video_00001"):
            page.clock.fast_forward(20_000)
    expect(edit).to_be_focused()
    tab.api.complete()
    page.clock.fast_forward(20_000)
    expect(page.get_by_role("dialog").get_by_role("button", name="Download")).to_be_visible()
    assert element.evaluate("(edit) => edit === document.activeElement")


def test_the_focus_goes_to_the_next_video_after_a_deletion(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(1), failed(2), failed(3)])
    tab.sign_in()
    tab.card("heron 2").locator(".frame").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(tab.card("heron 2")).to_have_count(0)
    expect(tab.card("heron 1").locator(".frame")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(tab.card("heron 3").locator(".frame")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#gallery-title")).to_be_focused()


def test_the_focus_is_in_the_console_after_signing_in_and_at_the_token_after_signing_out(tab: Tab) -> None:
    tab.sign_in()
    expect(tab.page.get_by_role("heading", name="Wan Video")).to_be_focused()
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("Token")).to_be_focused()


def test_a_card_that_leaves_while_it_has_the_focus_gives_it_to_its_neighbour(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    add(
        tab,
        [
            running("video_00001", owner="alice", at=NOW, request=request(prompt="the other heron")),
            running("video_00002", owner="alice", at=NOW + 2, request=request(prompt="a heron runs")),
        ],
    )
    tab.sign_in()
    page.get_by_role("radiogroup", name="Show").get_by_label("In progress").check()
    tab.card("a heron runs").locator(".frame").focus()
    tab.api.fail()
    page.clock.fast_forward(20_000)
    expect(page.locator(".card")).to_have_count(1)
    expect(tab.card("the other heron").locator(".frame")).to_be_focused()


def test_a_notice_is_seen_and_heard_above_the_dialog_that_caused_it(tab: Tab) -> None:
    page = tab.page
    add(tab, [running("video_00001", owner="alice", at=NOW, request=request(prompt="a heron runs"))])
    tab.api.complete()
    tab.sign_in()
    tab.card("a heron runs").locator(".frame").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy link").click()
    notice = dialog.get_by_role("status").filter(has_text="Copied a link")
    expect(notice).to_be_visible()  # It is inside the dialog, so it is neither inert nor below it.
    assert notice.locator("p").evaluate(ON_TOP)
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_notice_never_covers_the_button_that_pays_on_a_phone(browser: Browser, tab: Tab) -> None:
    with opened(browser, **PHONE) as context:
        page = context.new_page()
        found = troubles(page)
        phone = Tab(page, tab.api)
        phone.sign_in()
        expect(page.locator("#price b")).not_to_have_text("—")
        page.get_by_label("Prompt", exact=True).fill("a heron on a phone")
        make = page.get_by_role("button", name="Make the video")
        make.scroll_into_view_if_needed()
        make.click()
        notice = page.locator("#toasts p")
        expect(notice).to_contain_text("The video is queued.")
        assert not overlaps(notice, make)
        assert found == []


def test_left_and_right_turn_to_the_neighbours_and_a_click_outside_closes(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(1), failed(2), failed(3)])
    tab.sign_in()
    tab.card("heron 3").locator(".frame").click()
    title = page.locator("#details-title")
    expect(title).to_have_text("heron 3")
    for turn, number in (("Right", 2), ("Right", 1), ("Right", 1), ("Left", 2)):
        page.keyboard.press(f"Arrow{turn}")
        expect(title).to_have_text(f"heron {number}")
    assert page.evaluate("location.hash") == "#video_00002"
    page.mouse.click(4, 450)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("location.hash") == ""


OFTEN = [(390, "light"), (1280, "dark")]
"""Places depend on the width and colours on the scheme, so these two windows find most; the others are slow tests."""

RARELY = [
    pytest.param(*each, marks=pytest.mark.slow)
    for each in itertools.product((390, 820, 1280, 1920), ("light", "dark"))
    if each not in OFTEN
]


@pytest.mark.parametrize(("width", "scheme"), [*OFTEN, *RARELY])
def test_axe_finds_nothing_in_any_state(browser: Browser, tab: Tab, width: int, scheme: str) -> None:
    with opened(browser, viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        found = troubles(page)
        here = Tab(page, tab.api)
        here.open()
        expect(page.get_by_label("Token")).to_be_visible()
        assert violations(here) == []
        here.sign_in()
        expect(page.get_by_text("No videos yet.")).to_be_visible()
        expect(page.locator("#price b")).not_to_have_text("—")
        assert violations(here) == []
        service = own_webhooks(tab.api.webhooks)
        endpoint, _ = service.create(ALICE, f"https://{'long-' * 8}name.example.com/{'path/' * 20}")
        service.test(ALICE, endpoint.endpoint.id)
        add(tab, [queued("video_00007", owner="alice", at=NOW + 7), failed(1), failed(2)])
        add(tab, [running("video_00009", owner="alice", at=NOW + 9, request=request(prompt="done"))])
        tab.api.complete()
        page.reload()
        expect(page.locator(".card")).to_have_count(4)
        page.get_by_text("More", exact=True).click()
        page.get_by_text("Compare models").click()
        assert violations(here) == []
        here.card("heron 1").locator(".frame").click()
        expect(page.locator("#details-title")).to_have_text("heron 1")
        assert violations(here) == []
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator("#confirm-yes")).to_be_visible()
        assert violations(here) == []
        page.locator("#confirm-no").click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Use by API").click()
        expect(page.locator("#code pre")).to_be_visible()
        assert violations(here) == []
        page.keyboard.press("Escape")
        page.get_by_label("Model", exact=True).select_option("wan3.0-video")
        expect(page.locator("#price b")).to_contain_text("unconfirmed")
        assert page.locator("#price b").evaluate("(text) => text.scrollWidth <= text.clientWidth")
        page.get_by_role("button", name="Webhooks").click()
        page.get_by_role("button", name="Deliveries").click()
        panel = page.locator("#webhooks")
        expect(panel.locator("table")).to_be_visible()
        assert violations(here) == []
        assert panel.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
        panel.get_by_role("button", name="Replace the secret").click()
        expect(page.locator("#confirm-no")).to_be_visible()
        assert page.locator(".confirm").evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
        assert violations(here) == []
        page.locator("#confirm-no").click()
        page.keyboard.press("Escape")
        assert page.locator(".bar").evaluate(ROWS) == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert found == []


def violations(tab: Tab) -> list[str]:
    """Return every violation that axe finds, even minor ones."""
    found = Axe().run(tab.page).response["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]
