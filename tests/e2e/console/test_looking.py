"""Reading the console: how it shows many videos on screen, by keyboard and to screen readers, never as markup."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.e2e.console.conftest import Console, context
from tools.harness.browser import troubles
from tools.harness.samples import NOW, queued, request, running
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

pytestmark = pytest.mark.slow

FAILURE = Failure("InternalError", "Something broke at Wan.", "poll", True)

SIGHTS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "<svg onload=window.hacked=3>",
    "<svg><script>window.hacked=4</script></svg>",
    '"><script>window.hacked=5</script>',
    "'><img src=x onerror=window.hacked=6>",
    "</p></article></section><h1>gone</h1>",
    "<style>* { display: none }</style>",
    "<iframe src='javascript:window.hacked=7'></iframe>",
    "<a href='javascript:window.hacked=8'>click</a>",
    "javascript:window.hacked=9",
    "${window.hacked=10}",
    "{{constructor.constructor('window.hacked=11')()}}",
    "<%= window.hacked = 12 %>",
    "`${(() => { window.hacked = 13 })()}`",
    "<template><script>window.hacked=14</script></template>",
    "<base href='https://example.com/'>",
    "<meta http-equiv=refresh content='0;url=https://example.com'>",
    "<form action=https://example.com><button>x</button></form>",
    "<input autofocus onfocus=window.hacked=15>",
    "<video src=x onerror=window.hacked=16>",
    "<details open ontoggle=window.hacked=17>",
    "<math><mtext><script>window.hacked=18</script></mtext></math>",
    "<!--<script>window.hacked=19</script>-->",
    "<![CDATA[<script>window.hacked=20</script>]]>",
    "&lt;script&gt;window.hacked=21&lt;/script&gt;",
    "&#60;script&#62;window.hacked=22&#60;/script&#62;",
    "%3Cscript%3Ewindow.hacked=23%3C/script%3E",
    "\\u003cscript\\u003ewindow.hacked=24\\u003c/script\\u003e",
    "a fox\n<script>window.hacked=25</script>\na cat",
    "\u202ereversed\u202c and \u2066isolated\u2069",
    "zero\u200bwidth\u200djoiner\ufeff",
    "\u0301\u0301\u0301 marks without a letter",
    "👩‍👩‍👧‍👦🏳️‍🌈 families and flags",
    "狐が事件簿を読む",
    "ثعلب يقرأ ملف القضية",
    "'; DROP TABLE videos; --",
    "__proto__",
    "wide" * 300,
    "#details #cards .card[data-id]",
)


def some(console: Console, *prompts: str, **wanted: Any) -> list[Video]:
    """Return videos that have failed, oldest first."""
    return [
        running(
            f"video_{console.owner[8:]}x{n}", owner=console.owner, at=NOW + n, request=request(prompt=prompt, **wanted)
        ).ended(int(NOW) + n, FAILURE)
        for n, prompt in enumerate(prompts)
    ]


def test_forty_hostile_prompts_are_text_and_nothing_else(console: Console) -> None:
    assert len(HOSTILE) == 40
    page = console.page
    console.put(*some(console, *HOSTILE, negative_prompt="<b onclick=x>", metadata={"<i>": "<script>"}))
    console.sign_in()
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(".card")).to_have_count(40)
    words = page.locator(".card .words")
    assert words.evaluate_all("(all) => all.map((each) => each.textContent)") == list(reversed(HOSTILE))
    assert words.evaluate_all("(all) => all.every((each) => each.childElementCount === 0)")
    for prompt in HOSTILE[:4]:
        page.locator(".card", has=page.get_by_text(prompt, exact=True)).locator(".frame").click()
        expect(console.details().get_by_role("heading", name=prompt)).to_be_visible()
        page.keyboard.press("Escape")
        expect(console.details()).to_have_count(0)
    assert page.evaluate(
        "[window.hacked, document.scripts.length, document.baseURI === location.href.split('#')[0]]"
    ) == [
        None,
        1,
        True,
    ]


def test_videos_come_page_by_page_and_by_their_status(console: Console) -> None:
    page = console.page
    names = [f"heron {n}" for n in range(30)]
    waits = queued(f"video_{console.owner[8:]}q", owner=console.owner, at=NOW + 99, request=request(prompt="waiting"))
    console.put(*some(console, *names), waits)
    console.sign_in()
    expect(page.locator(".card")).to_have_count(24)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(".card")).to_have_count(31)
    expect(console.card("heron 6").get_by_role("button").first).to_be_focused()
    expect(page.get_by_role("button", name="Load more")).to_be_hidden()
    page.get_by_role("radiogroup", name="Show").get_by_label("Queued").check()
    expect(page.locator(".card")).to_have_count(1)
    expect(console.card("waiting")).to_contain_text("Next in line")
    page.get_by_role("radiogroup", name="Show").get_by_label("Completed").check()
    expect(page.get_by_text("No videos match.")).to_be_visible()


def test_a_video_that_is_asked_for_elsewhere_appears(console: Console) -> None:
    page = console.page
    page.clock.install()
    console.sign_in()
    expect(page.get_by_text("No videos yet.")).to_be_visible()
    console.put(*some(console, "made elsewhere"))
    page.clock.fast_forward(20_000)
    expect(console.card("made elsewhere")).to_be_visible()


def test_everything_can_be_reached_by_keyboard_and_the_focus_comes_back(console: Console) -> None:
    page = console.page
    console.put(*some(console, "a heron by keyboard"))
    console.open()
    page.keyboard.type(console.token)
    page.keyboard.press("Enter")
    frame = console.card("a heron by keyboard").locator(".frame")
    expect(frame).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if frame.evaluate("(frame) => frame === document.activeElement"):
            break
    expect(frame).to_be_focused()
    page.keyboard.press("Enter")
    expect(console.details()).to_be_visible()
    page.keyboard.press("Escape")
    expect(console.details()).to_have_count(0)
    expect(frame).to_be_focused()
    expect(page).not_to_have_url(re.compile("#"))


def test_the_address_of_a_video_opens_it(console: Console) -> None:
    (video,) = some(console, "a heron by address")
    console.put(video)
    console.sign_in()
    console.page.goto(f"{console.local.stack.api_url}#{video.id}")
    expect(console.details().get_by_role("heading", name="a heron by address")).to_be_visible()
    expect(console.page).to_have_url(f"{console.local.stack.api_url}/#{video.id}")


@pytest.mark.parametrize("sight", SIGHTS)
def test_nothing_is_in_the_way_of_a_screen_reader(console: Console, browser: Browser, sight: str) -> None:
    console.put(*some(console, "a heron to be read out", "another one"))
    with context(browser, **SIGHTS[sight]) as opened:
        page = opened.new_page()
        found = troubles(page)
        reader = Console(page, console.local, console.owner, console.token)
        reader.open()
        expect(page.get_by_label("Token")).to_be_visible()
        assert violations(reader) == []
        reader.sign_in()
        page.get_by_text("More", exact=True).click()
        expect(page.locator("#price b")).not_to_have_text("—")
        assert violations(reader) == []
        reader.card("a heron to be read out").locator(".frame").click()
        expect(reader.details().get_by_role("heading")).to_be_visible()
        assert violations(reader) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert found == []


def violations(console: Console) -> list[str]:
    """Return every violation that axe finds, even minor ones."""
    found = Axe().run(console.page).response["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]
