"""What playgrounds have: prompts to begin with, thumbnails, a search, programs, and two videos side by side."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import expect

from tests.integration.cli.served import Served
from tests.integration.console.conftest import Tab
from tests.integration.console.test_truth import add, failed
from tools.harness.samples import NOW, request, running
from wan_video.domain.models import Size
from wan_video.domain.names import thumbnail_key
from wan_video.domain.thumbnail import Thumbnail

JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc40014000100000000"
    "000000000000000000000009ffc40014100100000000000000000000000000000000ffda0008010100003f0054ffd9"
)
"""A JPEG of one pixel."""


def complete(api: Served, number: int, prompt: str, thumbnail: Thumbnail | None = None) -> str:
    """Store a completed video and return its id."""
    video_id = f"video_{number:05d}"
    api.store.add(running(video_id, owner="alice", at=NOW + number, request=request(prompt=prompt)))
    api.complete()
    if thumbnail:
        video = api.store.get(video_id)
        api.store.save(video, replace(video, thumbnail=thumbnail))
        api.files[thumbnail_key(video_id)] = JPEG
    return video_id


def test_a_wall_of_videos_with_thumbnails_loads_no_video_until_one_plays(tab: Tab) -> None:
    page = tab.page
    for number in range(1, 13):
        complete(tab.api, number, f"heron {number}", Thumbnail.READY)
    tab.sign_in()
    # The button to sign in is above a card, which plays while the mouse is there.
    page.mouse.move(0, 0)
    page.reload()
    tab.api.requests.clear()
    expect(page.locator(".card")).to_have_count(12)
    for card in page.locator(".card").all():
        card.scroll_into_view_if_needed()
        expect(card.locator("video[poster*='thumbnail.jpg']")).to_be_attached()
    page.wait_for_load_state("networkidle")
    loaded = [path for _, path, _ in tab.api.requests if "/bucket/" in path]
    assert loaded
    assert all("thumbnail.jpg" in path for path in loaded)
    with page.expect_request("**/video_00012/video.mp4*"):
        tab.card("heron 12").locator(".frame").hover()


def test_the_empty_gallery_offers_prompts_to_begin_with(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    idea = page.locator(".ideas button").first
    text = idea.text_content()
    assert text
    idea.click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(text)
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()


def test_the_search_covers_what_is_loaded_and_says_so(tab: Tab) -> None:
    page = tab.page
    add(tab, [failed(number) for number in range(1, 31)])
    tab.sign_in()
    page.get_by_role("searchbox").fill("Video_0000 wan2.6")
    expect(page.get_by_text("3 of 24 loaded videos match. Load more to search in older videos.")).to_be_visible()
    assert tab.prompts() == ["heron 9", "heron 8", "heron 7"]
    page.get_by_role("button", name="Load more").click()
    expect(page.get_by_text("9 of 30 loaded videos match.")).to_be_visible()
    assert tab.prompts() == [f"heron {number}" for number in range(9, 0, -1)]


def test_the_form_as_it_stands_is_a_program_in_four_languages(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_label("Prompt", exact=True).fill("it's a heron")
    page.get_by_role("button", name="Use by API").click()
    program = page.locator("#code pre")
    for language, words in (
        ("curl", f"curl '{tab.api.api_url}/v1/videos'"),
        ("Python with openai", "client.videos.create_and_poll("),
        ("wan-video", "wan-video generate 'it'\\''s a heron'"),
        ("Python with dashscope", "VideoSynthesis.call("),
    ):
        page.get_by_role("radiogroup", name="Language").get_by_label(language, exact=True).check()
        expect(program).to_contain_text(words)
    page.locator("#code").get_by_role("button", name="Copy").click()
    expect(page.locator("#code").get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == program.text_content()


def test_two_videos_are_shown_side_by_side(tab: Tab) -> None:
    page = tab.page
    for number in (1, 2, 3):
        complete(tab.api, number, f"heron {number}")
    tab.sign_in()
    tab.card("heron 1").get_by_role("button", name="Compare").click()
    tab.card("heron 3").get_by_role("button", name="Compare").click()
    pair = page.get_by_role("dialog", name="Side by side")
    expect(pair.locator("video")).to_have_count(2)
    assert pair.locator(".words").all_text_contents() == ["heron 1", "heron 3"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[aria-pressed=true]")).to_have_count(0 + page.locator(".menu [aria-pressed=true]").count())


def test_a_running_video_shows_its_phase_the_usual_time_and_the_title_of_the_tab(tab: Tab) -> None:
    add(tab, [running("video_1", owner="alice", at=NOW, request=request(prompt="a heron runs"))])
    tab.sign_in()
    expect(tab.card("a heron runs")).to_contain_text(re.compile("Waiting at Wan|Generating"))
    expect(tab.card("a heron runs")).to_contain_text("usually 3 min 0 s")
    expect(tab.page).to_have_title("(1 in progress) Wan Video")
    tab.api.complete()
    tab.page.reload()
    expect(tab.page).to_have_title("Wan Video")


RECORD_NOTIFICATIONS = """
window.notified = [];
window.Notification = class {
  static requestPermission = async () => "granted";
  constructor(title, { body }) { window.notified.push([title, body]); }
};
"""

HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_page_notifies_of_a_video_that_has_ended_if_it_is_asked_to(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    page.add_init_script(RECORD_NOTIFICATIONS)
    add(tab, [running("video_1", owner="alice", at=NOW, request=request(prompt="a heron runs"))])
    tab.sign_in()
    page.get_by_role("switch", name="Notify me").check()
    expect(page.get_by_role("switch", name="Notify me")).to_be_checked()
    page.evaluate(HIDE, True)
    tab.api.complete()
    page.clock.fast_forward(61_000)
    expect(page).to_have_title("(1 ready) Wan Video")
    assert page.evaluate("notified") == [["Your video is ready", "a heron runs"]]
    page.evaluate(HIDE, False)
    expect(page).to_have_title("Wan Video")


def test_a_hidden_page_asks_nothing_unless_it_has_to_notify(tab: Tab) -> None:
    page = tab.page
    page.clock.install()
    page.add_init_script(RECORD_NOTIFICATIONS)
    add(tab, [running("video_1", owner="alice", at=NOW, request=request(prompt="a heron runs"))])
    tab.sign_in()
    page.wait_for_load_state("networkidle")
    page.evaluate(HIDE, True)
    tab.api.complete()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.clock.run_for(600_000)
    assert page.evaluate("document.hidden")
    assert sent == []
    page.evaluate(HIDE, False)
    with page.expect_response("**/v1/videos?*"):
        page.clock.fast_forward(1_000)
    expect(tab.card("a heron runs")).to_have_attribute("data-status", "completed")
    assert page.evaluate("notified") == []


def test_the_dice_choose_a_seed_and_variations_have_seeds_of_their_own(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_text("More", exact=True).click()
    seed = page.get_by_label("Seed", exact=True)
    expect(seed).to_have_value("")
    page.get_by_role("button", name="Roll the dice").click()
    expect(seed).to_have_value(re.compile(r"\d{1,10}"))
    chosen = int(seed.input_value())
    page.get_by_label("Prompt", exact=True).fill("a heron, four times")
    page.get_by_role("radiogroup", name="Variations").get_by_label("4", exact=True).check()
    expect(page.locator(".price:not(.stale)")).to_contain_text("CN¥14.68 for 4 videos of 5 s")
    page.get_by_role("button", name="Make 4 videos").click()
    expect(page.locator(".card")).to_have_count(4)
    seeds = {row.request.seed for row in tab.api.store.rows()}
    assert len(seeds) == 4
    assert chosen in seeds


def test_the_models_are_compared_by_price_length_and_sound(tab: Tab) -> None:
    page = tab.page
    tab.sign_in()
    page.get_by_text("Compare models").click()
    row = page.locator(".menu button").filter(has_text="wan2.5-t2v-preview")
    expect(row).to_contain_text("CN¥0.37 to CN¥1.10 a second")
    expect(row).to_contain_text("5, 10 s · with sound")
    row.click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("wan2.5-t2v-preview")


def test_a_tall_video_has_a_tall_card_and_a_long_prompt_is_clamped(tab: Tab) -> None:
    page = tab.page
    complete(tab.api, 1, "word " * 150)
    tall = request(prompt="a tall heron", size=Size(720, 1280))
    tab.api.store.add(running("video_2", owner="alice", at=NOW + 2, request=tall))
    tab.sign_in()
    box = tab.card("a tall heron").locator(".frame").bounding_box()
    assert box
    assert abs(box["width"] / box["height"] - 9 / 16) < 0.01
    lines = (
        tab.card("word word")
        .locator(".words")
        .evaluate("(p) => p.clientHeight / parseFloat(getComputedStyle(p).lineHeight)")
    )
    assert round(lines) == 2
    tab.card("word word").locator(".frame").click()
    expect(page.get_by_text("Whole prompt")).to_be_visible()
