"""What the page shows is what the API says: other owners, rejected tokens, large files, changes, reloads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Route, expect

from tests.integration.cli.served import TOKEN, Served
from tests.integration.console.conftest import Tab, opened
from tools.harness.samples import NOW, queued, request, running
from wan_video.domain.token import Token
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

FAILURE = Failure("InternalError", "Something broke at Wan.", "poll", True)
BUSY = {"title": "Service Unavailable", "status": 503, "detail": "The service is busy."}
REVOKED = {"title": "Unauthorized", "status": 401, "detail": "This token was revoked."}
BOB = "wv_CANARY-TOKEN-of-bob"


def failed(number: int, prompt: str = "", owner: str = "alice") -> Video:
    """Return a video that has failed; later numbers are newer."""
    asked = request(prompt=prompt or f"heron {number}")
    video = running(f"video_{number:05d}", owner=owner, at=NOW + number, request=asked)
    return video.ended(int(NOW) + number, FAILURE).announced(int(NOW) + number)


def add(tab: Tab, videos: Sequence[Video]) -> None:
    """Store videos without the page."""
    for video in videos:
        tab.api.store.add(video)


def let_bob_in(tab: Tab) -> None:
    """Create a token of another owner."""
    tab.api.tokens.by_digest[hashlib.sha256(BOB.encode()).hexdigest()] = Token("bob", frozenset({"read", "write"}))


def test_a_large_file_that_arrives_while_the_page_is_open_is_in_order_and_can_be_loaded(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    add(tab, [failed(number) for number in range(1, 51)])
    tab.sign_in()
    expect(page.locator(".card")).to_have_count(24)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(".card")).to_have_count(48)
    add(tab, [failed(number) for number in range(1000, 11_000)])
    page.clock.fast_forward(20_000)
    expect(tab.card("heron 10999")).to_be_visible()
    expect(page.locator(".card")).to_have_count(24 + 48)
    numbers = [int(prompt.split()[1]) for prompt in tab.prompts()]
    assert numbers == [*range(10_999, 10_975, -1), *range(50, 2, -1)]
    gap = page.locator(".gap")
    expect(gap).to_have_count(1)
    assert gap.evaluate("(gap) => [...gap.parentElement.children].indexOf(gap)") == 24
    expect(page.get_by_role("button", name="Load more")).to_be_visible()
    gap.get_by_role("button", name="Load them").click()
    expect(page.locator(".card")).to_have_count(24 + 24 + 48)
    expect(tab.card("heron 10975").locator(".frame")).to_be_focused()


def test_a_video_that_completes_leaves_the_filter_in_progress(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    add(tab, [failed(1), running("video_00002", owner="alice", at=NOW + 2, request=request(prompt="a heron runs"))])
    tab.sign_in()
    page.get_by_role("radiogroup", name="Show").get_by_label("In progress").check()
    expect(page.locator(".card")).to_have_count(1)
    tab.api.complete()
    page.clock.fast_forward(20_000)
    expect(page.locator(".card")).to_have_count(0)
    page.get_by_role("radiogroup", name="Show").get_by_label("Completed").check()
    expect(tab.card("a heron runs")).to_have_attribute("data-status", "completed")


def test_a_video_that_is_deleted_elsewhere_disappears(tab: Tab) -> None:
    tab.page.clock.install()
    add(tab, [failed(1), failed(1000), failed(2000)])
    tab.sign_in()
    expect(tab.page.locator(".card")).to_have_count(3)
    tab.api.store.delete(tab.api.store.get("video_01000"), 0)
    tab.page.clock.fast_forward(20_000)
    expect(tab.page.locator(".card")).to_have_count(2)
    assert tab.prompts() == ["heron 2000", "heron 1"]


def test_a_reload_while_the_api_is_busy_keeps_the_token_and_says_so(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(1)])
    tab.sign_in()
    page.route("**/v1/v1/**", lambda route: route.fulfill(status=503, json=BUSY))
    page.reload()
    expect(page.get_by_text("You are still signed in.")).to_be_visible()
    expect(page.get_by_text("The service is busy.")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('wan-video-token')") == TOKEN
    page.unroute("**/v1/v1/**")
    page.get_by_role("button", name="Try again now").click()
    expect(tab.card("heron 1")).to_be_visible()


def test_a_reload_shows_something_before_the_api_answers(tab: Tab) -> None:
    tab.sign_in()
    held: list[Route] = []
    tab.page.route("**/v1/v1/**", lambda route: held.append(route))
    tab.page.reload()
    expect(tab.page.get_by_text("Loading your videos…")).to_be_visible()
    tab.page.unroute("**/v1/v1/**")
    for route in held:
        with suppress(Error):  # It was released together with the route.
            route.continue_()
    tab.await_gallery()


def test_a_page_whose_script_does_not_load_says_so(browser: Browser, api: Served) -> None:
    with opened(browser) as context:
        page = context.new_page()
        page.route("**/console.js", lambda route: route.abort())
        page.goto(f"{api.api_url}/")
        text = page.get_by_text("the browser could not load or run its script")
        expect(text).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        page.unroute("**/console.js")
        page.reload()
        expect(page.get_by_label("Token")).to_be_visible()
        expect(text).to_have_count(0)


def test_a_browser_without_javascript_says_what_is_missing(browser: Browser, api: Served) -> None:
    with opened(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{api.api_url}/")
        missing = page.locator("noscript main")
        expect(missing).to_be_visible()
        expect(missing).to_contain_text("The console needs JavaScript, which is off in this browser.")
        expect(page.locator("#unloaded")).to_be_hidden()


def test_only_a_401_takes_the_token_away_and_the_unsent_form_returns_to_its_owner(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(1)])
    tab.sign_in()
    page.get_by_label("Prompt", exact=True).fill("not sent yet")
    page.route("**/retry?dry_run=true", lambda route: route.fulfill(status=403, json={"detail": "Not allowed."}))
    tab.card("heron 1").get_by_role("button", name="Try again").click()
    expect(page.locator("#toasts")).to_contain_text("Not allowed.")
    page.route("**/retry?dry_run=true", lambda route: route.fulfill(status=401, json=REVOKED))
    tab.card("heron 1").get_by_role("button", name="Try again").click()
    expect(page.locator("#token-problem")).to_have_text("This token was revoked.")
    expect(page.get_by_label("Token")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    tab.fill_in(TOKEN)
    tab.await_gallery()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("not sent yet")
    expect(tab.card("heron 1")).to_be_visible()


def test_nothing_of_one_owner_is_left_for_the_next(tab: Tab) -> None:
    page = tab.page
    let_bob_in(tab)
    add(tab, [failed(1, "a secret of alice"), failed(2, "a film of bob", "bob")])
    tab.sign_in()
    page.get_by_label("Prompt", exact=True).fill("a draft of alice")
    page.get_by_role("searchbox").fill("secret")
    held: list[Route] = []
    page.route("**/v1/v1/videos?*", lambda route: held.append(route))
    page.get_by_role("radiogroup", name="Show").get_by_label("Failed").check()
    page.get_by_role("button", name="Sign out").click()
    page.unroute("**/v1/v1/videos?*")
    tab.fill_in(BOB)
    tab.await_gallery()
    expect(tab.card("a film of bob")).to_be_visible()
    assert tab.prompts() == ["a film of bob"]
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    expect(page.get_by_role("searchbox")).to_have_value("")
    assert "alice" not in page.locator("body").inner_text()


def test_a_rejected_token_leaves_nothing_for_another_owner(tab: Tab) -> None:
    page = tab.page
    let_bob_in(tab)
    tab.sign_in()
    page.get_by_label("Prompt", exact=True).fill("a draft of alice")
    page.route("**/v1/v1/videos?dry_run=true", lambda route: route.fulfill(status=401, json=REVOKED))
    page.get_by_label("Watermark")  # The form is complete.
    page.get_by_role("slider").fill("10")
    expect(page.locator("#token-problem")).to_be_visible()
    page.unroute("**/v1/v1/videos?dry_run=true")
    tab.fill_in(BOB)
    tab.await_gallery()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")


def test_a_video_waits_in_line_with_words_that_everyone_knows(tab: Tab) -> None:
    add(tab, [queued("video_00001", owner="alice", at=NOW, request=request(prompt="a heron waits"))])
    tab.sign_in()
    expect(tab.card("a heron waits")).to_contain_text(re.compile("Next in line|Queued"))
