"""The official SDK against the simulator: it behaves as with Wan.

The SDK waits a second of real time between two queries; the simulator's clock is so fast that one wait is enough.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest
import requests
from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis
from dashscope.common.error import InvalidTask, UploadFileException

from tests.integration.sdk.record import asynchronous, pointed_at
from tools.harness.patience import PATIENCE
from wan_simulator.clock import Clock
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator, tone

SMALL: Final[dict[str, Any]] = {"model": "wan2.6-t2v", "size": "1280*720", "duration": 2}
LATER = "a fox [simulate:task:InternalError.Algo]"
"""A prompt whose task ends without a video."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulator whose minute takes half a second, configured as the SDK's base URL."""
    with (
        running_simulator(clock=Clock(speed=120, origin=time.time())) as one,
        pointed_at(one.base_url(), one.key()),
    ):
        yield one


@pytest.fixture
def still() -> Iterator[Simulator]:
    """A simulator with a stopped clock, configured as the SDK's base URL."""
    with running_simulator() as one, pointed_at(one.base_url(), one.key()):
        yield one


def video(answer: Any) -> bytes:
    response = requests.get(answer.output.video_url, timeout=PATIENCE)
    response.raise_for_status()
    return response.content


def test_call_returns_a_playable_video(simulator: Simulator) -> None:
    answer = VideoSynthesis.call(**SMALL, prompt="a fox", seed=12345, wait_timeout=PATIENCE)

    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "SUCCEEDED")
    assert answer.usage["output_video_duration"] == 2
    with av.open(io.BytesIO(video(answer)), "r") as film:
        assert film.duration == 2 * av.time_base


def test_the_sample_of_the_text_to_video_page_gets_its_example_answer(simulator: Simulator) -> None:
    answer = VideoSynthesis.call(
        model="wan2.5-t2v-preview",
        prompt="a fox",
        size="832*480",
        duration=10,
        negative_prompt="",
        prompt_extend=True,
        watermark=False,
        seed=12345,
        wait_timeout=PATIENCE,
    )

    assert answer.output.task_status == "SUCCEEDED"
    assert answer.output.actual_prompt != answer.output.orig_prompt == "a fox"
    assert dict(answer.usage) == {"video_count": 1, "video_duration": 10, "video_ratio": "832*480"}


def test_async_call_fetch_and_wait_follow_one_task(simulator: Simulator) -> None:
    created = VideoSynthesis.async_call(**SMALL, prompt="a fox")
    fetched = VideoSynthesis.fetch(created)
    waited = VideoSynthesis.wait(created, wait_timeout=PATIENCE)

    assert created.output.task_status == "PENDING"
    assert {one.output.task_id for one in (created, fetched, waited)} == {created.output.task_id}
    assert waited.output.task_status == "SUCCEEDED"


def test_the_keywords_of_wan27_choose_the_size_by_resolution_and_ratio(simulator: Simulator) -> None:
    answer = VideoSynthesis.call(
        model="wan2.7-t2v", prompt="a fox", resolution="720P", ratio="9:16", duration=2, wait_timeout=PATIENCE
    )

    assert (answer.usage["SR"], answer.usage["ratio"]) == (720, "9:16")
    with av.open(io.BytesIO(video(answer)), "r") as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (720, 1280)


@pytest.mark.parametrize("form", ["path", "file url"])
def test_a_local_audio_file_is_uploaded_and_heard(simulator: Simulator, form: str, tmp_path: Path) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(tone(3))
    answer = VideoSynthesis.call(
        **SMALL,
        prompt="a fox",
        audio_url=str(voice) if form == "path" else voice.as_uri(),
        wait_timeout=PATIENCE,
    )
    with av.open(io.BytesIO(video(answer)), "r") as film:
        sound = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)

    assert float(np.abs(sound).max()) > 0.3


def test_list_returns_the_tasks_and_applies_its_filters(still: Simulator) -> None:
    tasks = [VideoSynthesis.async_call(**SMALL, prompt=LATER).output.task_id for _ in range(11)]
    first = VideoSynthesis.list()
    second = VideoSynthesis.list(page_no=2, model_name="wan2.6-t2v", status="PENDING")
    other = VideoSynthesis.list(model_name="wan2.7-t2v")

    assert (first.status_code, first.output["total"], len(first.output["data"])) == (HTTPStatus.OK, 11, 10)
    assert {item["task_id"] for item in first.output["data"] + second.output["data"]} == set(tasks)
    assert other.output["data"] == []


def test_cancelling_a_pending_task_ends_the_wait_for_it(still: Simulator) -> None:
    created = VideoSynthesis.async_call(**SMALL, prompt="a fox")
    cancelled = VideoSynthesis.cancel(created)

    assert cancelled.status_code == HTTPStatus.OK
    assert VideoSynthesis.wait(created).output.task_status == "CANCELED"


def test_a_task_that_is_running_is_not_cancelled(still: Simulator) -> None:
    created = VideoSynthesis.async_call(**SMALL, prompt=LATER)
    still.advance(30)

    assert VideoSynthesis.cancel(created).code == "UnsupportedOperation"


def test_the_asyncio_client_does_the_same(simulator: Simulator) -> None:
    async def everything() -> dict[str, Any]:
        done = await AioVideoSynthesis.call(**SMALL, prompt="a fox")
        created = await AioVideoSynthesis.async_call(**SMALL, prompt="a fox")
        return {
            "done": done,
            "fetched": await AioVideoSynthesis.fetch(created),
            "waited": await AioVideoSynthesis.wait(created),
            "cancelled": await AioVideoSynthesis.cancel(created),
            "listed": await AioVideoSynthesis.list(),
        }

    answers = asynchronous(everything())

    assert answers["done"].output.task_status == "SUCCEEDED"
    assert answers["fetched"].output.task_status in ("PENDING", "RUNNING")
    assert answers["waited"].output.task_status == "SUCCEEDED"
    assert answers["cancelled"].code == "UnsupportedOperation"
    assert answers["listed"].output["total"] >= 2


def test_the_asyncio_client_cancels_a_pending_task(still: Simulator) -> None:
    created = VideoSynthesis.async_call(**SMALL, prompt="a fox")

    assert asynchronous(AioVideoSynthesis.cancel(created)).status_code == HTTPStatus.OK
    assert VideoSynthesis.fetch(created).output.task_status == "CANCELED"


def test_a_workspace_is_named_in_a_header_or_in_the_base_url(still: Simulator) -> None:
    in_header = VideoSynthesis.async_call(**SMALL, prompt=LATER, workspace="ws-simulator")
    with pointed_at(f"{still.origin}/{{workspace_id}}.singapore/api/v1", still.key()):
        in_url = VideoSynthesis.async_call(**SMALL, prompt=LATER, workspace="ws-simulator")
        unknown = VideoSynthesis.async_call(**SMALL, prompt=LATER, workspace="ws-x")

    assert (in_header.status_code, in_url.status_code) == (HTTPStatus.OK, HTTPStatus.OK)
    assert (unknown.status_code, unknown.code) == (HTTPStatus.FORBIDDEN, "Endpoint.AccessDenied")


# --- failures in the SDK --------------------------------------------------------------------------------------------


def test_async_call_returns_the_code_and_message_of_a_refusal(still: Simulator) -> None:
    answer = VideoSynthesis.async_call(**SMALL, prompt="[simulate:DataInspectionFailed]")

    assert (answer.status_code, answer.code) == (HTTPStatus.BAD_REQUEST, "DataInspectionFailed")
    assert answer.message == "Input data may contain inappropriate content."
    assert answer.output is None


def test_call_raises_an_exception_for_a_refusal(still: Simulator) -> None:
    with pytest.raises(InvalidTask, match=r"Throttling\.RateQuota"):
        VideoSynthesis.call(**SMALL, prompt="[simulate:Throttling.RateQuota]")


def test_a_failed_task_is_a_success_with_a_code(simulator: Simulator) -> None:
    answer = VideoSynthesis.call(**SMALL, prompt=LATER, wait_timeout=PATIENCE)

    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "FAILED")
    assert (answer.output.code, answer.output.message) == ("InternalError.Algo", "inference internal error.")


def test_a_wrong_key_is_reported(still: Simulator) -> None:
    still.rotate_key()
    answer = VideoSynthesis.async_call(**SMALL, prompt=LATER)

    assert (answer.status_code, answer.code) == (HTTPStatus.UNAUTHORIZED, "InvalidApiKey")


def test_an_unknown_task_ends_a_wait(still: Simulator) -> None:
    assert VideoSynthesis.wait("nobody").output.task_status == "UNKNOWN"


def test_a_wait_continues_after_a_503_and_ends_at_a_429(simulator: Simulator) -> None:
    created = VideoSynthesis.async_call(**SMALL, prompt=LATER)
    simulator.faults.add(Fault("query", "refuse", code="ModelUnavailable"))
    waited = VideoSynthesis.wait(created, wait_timeout=PATIENCE)
    simulator.faults.add(Fault("query", "refuse", code="Throttling.RateQuota"))
    throttled = VideoSynthesis.wait(created, wait_timeout=PATIENCE)

    assert waited.output.task_status == "FAILED"
    assert (throttled.status_code, throttled.code) == (HTTPStatus.TOO_MANY_REQUESTS, "Throttling.RateQuota")


def test_a_create_whose_answer_is_lost_is_sent_again_and_makes_a_second_task(still: Simulator) -> None:
    still.faults.add(Fault("create", "reset", after=True))
    VideoSynthesis.async_call(**SMALL, prompt=LATER)

    assert len(still.ledger("accepted")) == 2


def test_an_upload_without_a_policy_raises(still: Simulator, tmp_path: Path) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(tone(3))
    still.faults.add(Fault("upload", "refuse", code="Throttling"))

    with pytest.raises(UploadFileException, match="Throttling"):
        VideoSynthesis.async_call(**SMALL, prompt="a fox", audio_url=str(voice))
