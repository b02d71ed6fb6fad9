"""wan3.0 on its way: what is sent, what is reserved, and how the decimals of Wan's bill settle."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock, FakeExecutions
from tools.harness.samples import NOW, PROMPT, TODAY, queued, request, request30, running, succeeded, task_id_of
from wan_video.adapters.dynamodb.queues import MAX_BYTES, row_chunks
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.adapters.wan.bodies import PROMPT_LIMIT, request_body, task_of
from wan_video.domain.budget import Reservation
from wan_video.domain.document import video_document
from wan_video.domain.models import Region, Tier
from wan_video.domain.notice import video_event
from wan_video.domain.price import Estimate, Prices
from wan_video.domain.request import VideoRequest
from wan_video.domain.video import Status, Video
from wan_video.services.dispatch import Dispatch
from wan_video.services.poll import Poll
from wan_video.wire.dashscope import read_order, task

OPEN: Final = request30(aspect_ratio="adaptive", seconds=-1, size=None)


def estimated(wanted: VideoRequest, price: str | None = "22.017720") -> Estimate:
    return Estimate(wanted.most_seconds, None if price is None else Decimal(price), "CNY", "2026-09-16", True)


def at_work(wanted: VideoRequest = OPEN, price: str | None = "22.017720") -> Video:
    return running(request=wanted, estimate=estimated(wanted, price))


def polled(video: Video, prices: Prices | None = None, **stated: Any) -> Video:
    store = MemoryStore(video)
    answer = succeeded(task_id_of(video.id), **{"tier": Tier.P720, "ratio": "9:16", **stated})
    Poll(store, FakeWan(answers=[answer]), FakeClock(), prices or Prices())(video.id, task_id_of(video.id), 1)
    return store.get(video.id)


def test_the_third_body_names_resolution_ratio_and_sound_and_nothing_else() -> None:
    assert request_body(OPEN) == {
        "model": "wan3.0-video",
        "input": {"prompt": PROMPT},
        "parameters": {
            "resolution": "720P",
            "ratio": "adaptive",
            "duration": -1,
            "audio": True,
            "prompt_extend": True,
            "watermark": False,
            "seed": 7,
        },
    }
    assert "audio" not in request_body(request())["parameters"]


def test_a_row_holds_what_is_set_and_rows_of_other_models_are_as_they_were() -> None:
    item = row_item(replace(queued(request=OPEN), estimate=Estimate(30)))
    assert (item["request"]["resolution"], item["request"]["aspect_ratio"]) == ("720P", "adaptive")
    assert "size" not in item["request"]
    assert "price" not in item["estimate"]
    assert load(Video, item).request == OPEN
    assert set(dump(request())) & {"resolution", "aspect_ratio", "audio"} == set()
    assert set(dump(queued().estimate)) == {"seconds", "price", "currency", "priced_on"}


def test_a_length_that_the_model_chooses_reserves_30_seconds() -> None:
    store = MemoryStore()
    store.accept(queued(request=OPEN, estimate=estimated(OPEN)))
    dispatch = Dispatch(store, store, FakeExecutions(), FakeClock(), daily_seconds=30)
    dispatch(["singapore#wan3.0-video"])
    (row,) = store.rows()
    assert row.reservation == Reservation(TODAY, 30)
    assert store.used("alice", TODAY) == 30


def test_the_decimals_of_a_bill_settle_in_whole_seconds_and_their_price_is_exact() -> None:
    row = polled(at_work(), seconds=Decimal("11.500"))
    assert row.usage is not None
    assert (row.spent_seconds, row.usage.exact, row.usage.aspect_ratio) == (12, Decimal("11.5"), "9:16")
    assert row.usage.price == Decimal("0.733924") * Decimal("11.5")
    shown = video_document(row, NOW)
    assert (shown["usage"]["seconds"], shown["usage"]["stated_seconds"]) == (12, "11.5")
    assert (shown["usage"]["estimated_seconds"], shown["usage"]["differs"]) == (30, False)


def test_a_bill_above_the_estimate_is_shown_and_added_up() -> None:
    wanted = request30()
    store = MemoryStore(at_work(wanted, "3.669620"))
    video = store.rows()[0]
    answer = succeeded(task_id_of(video.id), seconds=Decimal("5.042"), tier=Tier.P720, ratio="16:9")
    Poll(store, FakeWan(answers=[answer]), FakeClock())(video.id, task_id_of(video.id), 1)
    assert video_document(store.get(video.id), NOW)["usage"]["differs"] is True
    (day,) = store.usage("alice", "2026-05-01", "2026-05-31")
    assert (day.spent, day.beyond_estimate, day.unpriced) == (6, 1, 0)


def test_seconds_without_a_price_are_spent_and_counted_apart() -> None:
    wanted = request30(region=Region.HONGKONG)
    row = polled(at_work(wanted, None), seconds=Decimal("5.000"))
    assert row.usage is not None
    assert (row.usage.price, row.spent_seconds, row.spent_price, row.is_unpriced) == (None, 5, Decimal(0), True)
    assert video_document(row, NOW)["estimate"] is None
    assert video_event(replace(row, ended_at=NOW))["data"]["usage"]["price"] is None


def test_a_price_of_the_stacks_own_is_what_is_spent() -> None:
    own = Prices.parse("singapore/wan3.0-video/720P=1")
    assert polled(at_work(), own, seconds=Decimal("4.000")).spent_price == 4


def test_without_seconds_in_the_answer_the_longest_length_counts() -> None:
    assert polled(at_work(), seconds=None).spent_seconds == 30


def test_wans_answer_is_read_whole_however_it_writes_numbers() -> None:
    prompt = "狐" * 20_000
    usage = {"duration": 5.0, "output_video_duration": 5, "SR": 720.0, "ratio": "16:9", "fps": 30}
    answer = task_of({"output": {"task_id": "t", "task_status": "SUCCEEDED", "orig_prompt": prompt}, "usage": usage})
    assert answer is not None
    assert (answer.orig_prompt, PROMPT_LIMIT) == (prompt, 20_000)
    assert (answer.seconds, answer.tier, answer.ratio, answer.size) == (5, Tier.P720, "16:9", None)


def test_rows_with_the_longest_prompts_are_cut_to_what_a_transaction_holds() -> None:
    rows = [queued(f"video_{number}", request=request30(prompt="\U0001f98a" * 20_000)) for number in range(100)]
    chunks = list(row_chunks(rows))
    assert [video for chunk in chunks for video in chunk] == rows
    for chunk in chunks:
        assert sum(len(str(row_item(video)).encode()) for video in chunk) < 4_000_000
        assert sum(len(video.request.prompt.encode()) for video in chunk) <= MAX_BYTES
    assert len(next(iter(row_chunks([queued(f"video_{number}") for number in range(100)])))) == 49


def order(**more: Any) -> dict[str, Any]:
    return {"model": "wan3.0-video", "input": {"prompt": "a fox", **more.pop("input", {})}, "parameters": more}


def test_the_dashscope_face_fills_in_wans_own_defaults_and_ignores_what_the_model_does_not_know() -> None:
    given = order(negative_prompt="rain", shot_type="multi", input={"audio_url": "https://a.b/c.mp3"})
    asked = read_order(given).fields
    assert (asked.resolution, asked.aspect_ratio, asked.size, asked.seconds) == ("1080P", "adaptive", None, 5)
    assert (asked.negative_prompt, asked.shot_type, asked.audio_url, asked.audio) == (None, None, None, None)
    asked = read_order(order(resolution="480P", ratio="9:16", duration=-1, audio=False, seed=-1)).fields
    assert (asked.resolution, asked.aspect_ratio, asked.seconds) == ("480P", "9:16", -1)
    assert (asked.audio, asked.seed) == (False, -1)
    assert read_order(order(size="1280*720")).fields.size == "1280*720"
    assert read_order({**order(audio=True), "model": "wan2.6-t2v"}).fields.audio is None


def test_the_dashscope_face_answers_in_the_shape_of_wan30() -> None:
    row = polled(at_work(), seconds=Decimal("11.500"))
    done = replace(row, status=Status.COMPLETED, ended_at=NOW)
    assert task(done, "https://link", "request-1")["usage"] == {
        "duration": 11.5,
        "input_video_duration": 0.0,
        "output_video_duration": 11.5,
        "video_count": 1,
        "SR": 720,
        "ratio": "9:16",
        "fps": 30,
    }
