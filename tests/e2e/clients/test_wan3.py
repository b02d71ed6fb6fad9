"""Wan 3.0 through the DashScope face, with both surfaces of the official SDK and with npm's `ai`."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any, Final, cast

import av
import pytest
import requests
from dashscope import AsyncClient, Client
from dashscope.aigc.video_synthesis import VideoSynthesis

from tests.e2e.clients import node
from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, accepted
from tests.integration.sdk.record import pointed_at
from tools.harness.patience import PATIENCE

MODEL: Final = "wan3.0-video"
SEED: Final = 23
"""A seed with which the simulator chooses 3.3 seconds of 544x720 (3:4) for the prompt below."""
SMALL: Final[dict[str, Any]] = {"model": MODEL, "resolution": "480P", "ratio": "9:16", "duration": 2}


def client_of(local: Local) -> Client:
    return Client(base_url=f"{local.stack.api_url}/api/v1", api_key=local.stack.token)


def seen(local: Local, prompt: str, content: bytes) -> tuple[int, int, float, bool]:
    """Check that `content` is the film of the only task of `prompt`; returns width, height, seconds, and sound."""
    (task,) = accepted(local, prompt)
    assert task["model"] == MODEL
    assert content == local.simulator.film(task["task_id"])
    with av.open(io.BytesIO(content), "r") as film:
        stream = film.streams.video[0]
        return stream.width, stream.height, stream.frames / 30, bool(film.streams.audio)


def test_client_generates_a_silent_video_and_lists_it(local: Local) -> None:
    prompt = "a fox in 3.0 asks dashscope.Client"
    with client_of(local) as client:
        job = client.videos.generate(**SMALL, prompt=prompt, parameters={"audio": False}, timeout=FINAL_SECONDS)
        listed = client.videos.jobs.list(page_size=100, model_name=MODEL)

    content = requests.get(job.video_url or "", timeout=PATIENCE).content
    assert seen(local, prompt, content) == (480, 832, 2.0, False)
    usage = job.usage.model_dump() if job.usage is not None else {}
    assert (usage["duration"], usage["output_video_duration"], usage["SR"], usage["ratio"]) == (2, 2, 480, "9:16")
    assert job.task_id in {one.task_id for one in listed.tasks}


def test_async_client_leaves_shape_and_length_to_the_model_and_gets_what_it_chose(local: Local) -> None:
    prompt = "a fox chooses its own length"
    asked: dict[str, Any] = {"model": MODEL, "resolution": "480P", "duration": -1, "seed": SEED}

    async def make() -> Any:
        async with AsyncClient(base_url=f"{local.stack.api_url}/api/v1", api_key=local.stack.token) as client:
            return await client.videos.generate(**asked, prompt=prompt, timeout=FINAL_SECONDS)

    job = asyncio.run(make())
    content = requests.get(job.video_url, timeout=PATIENCE).content
    width, height, seconds, sounds = seen(local, prompt, content)
    assert (width, height, seconds, sounds) == (544, 720, 3.3, True)
    usage = job.usage.model_dump()
    assert (usage["duration"], usage["ratio"], usage["fps"]) == (3.3, "3:4", 30)
    video = local.client.video(job.task_id)
    assert (video["size"], video["aspect_ratio"], video["usage"]["seconds"]) == (None, "adaptive", 4)


def test_the_older_surface_makes_a_video_too(local: Local) -> None:
    prompt = "a fox in 3.0 asks VideoSynthesis"
    with pointed_at(f"{local.stack.api_url}/api/v1", local.stack.token):
        answer = cast(Any, VideoSynthesis).call(**SMALL, prompt=prompt, wait_timeout=PATIENCE)

    assert answer.output.task_status == "SUCCEEDED"
    content = requests.get(answer.output.video_url, timeout=PATIENCE).content
    assert seen(local, prompt, content) == (480, 832, 2.0, True)


@pytest.mark.slow
def test_ai_generates_a_video(local: Local) -> None:
    prompt = "a fox in 3.0 asks from Node"
    asked = {
        "do": "generate",
        "baseURL": local.stack.api_url,
        "apiKey": local.stack.token,
        "model": MODEL,
        "video": {"prompt": prompt, "resolution": "832x480", "aspectRatio": "9:16", "duration": 2},
        "alibaba": {"audio": False},
    }
    made = node.run("ai.mjs", asked)

    assert seen(local, prompt, base64.b64decode(made["bytes"])) == (480, 832, 2.0, False)
    assert made["mediaType"] == "video/mp4"
