"""Every call of the older surface of the official SDK (`VideoSynthesis`), made once against a recorder.

`python -m tests.integration.sdk.record` writes what it sent to `tests/golden/dashscope_requests.json`.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dashscope
from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis
from dashscope.api_entities.aio_session import close_shared_aio_session
from dashscope.api_entities.http_request import close_shared_sync_session

from tests.integration.sdk.recorder import TASK_ID, Json, Recorder, recording

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "dashscope_requests.json"

KEY: Final = "sk-recorded"

SAMPLE: Final[Json] = {
    "model": "wan2.5-t2v-preview",
    "prompt": "a fox sits in a leather chair",
    "audio_url": "https://help-static-aliyun-doc.aliyuncs.com/file-manage-files/zh-CN/20250929/stjqnq/voice.mp3",
    "size": "832*480",
    "duration": 10,
    "negative_prompt": "flowers",
    "prompt_extend": True,
    "watermark": False,
    "seed": 12345,
}
"""The call of the text-to-video page's Python samples, with a short prompt."""

MULTI_SHOT: Final[Json] = SAMPLE | {"model": "wan2.6-t2v", "size": "1280*720", "shot_type": "multi"}
BY_RATIO: Final[Json] = {
    "model": "wan2.7-t2v",
    "prompt": "a fox sits in a leather chair",
    "resolution": "720P",
    "ratio": "9:16",
    "duration": 2,
    "prompt_extend": False,
    "watermark": True,
    "seed": 7,
}
FIRST_URL: Final = "https://cdn.translate.alibaba.com/r/wanx-demo-1.png"
LAST_URL: Final = "data:image/png;base64,QUJD"
IMAGE: Final[Json] = {
    "model": "wan2.6-i2v-flash",
    "prompt": "the fox runs",
    "img_url": FIRST_URL,
    "negative_prompt": "flowers",
    "resolution": "720P",
    "duration": 10,
    "prompt_extend": True,
    "watermark": False,
    "seed": 12345,
    "shot_type": "multi",
    "audio": True,
}
"""The call of the image-to-video page's Python samples, with a short prompt."""

FRAMES: Final[Json] = {
    "model": "wan2.7-i2v",
    "prompt": "the fox runs",
    "media": [
        {"type": "first_frame", "url": FIRST_URL},
        {"type": "last_frame", "url": LAST_URL},
        {"type": "driving_audio", "url": "https://example.com/voice.mp3"},
    ],
    "resolution": "720P",
    "duration": 10,
    "prompt_extend": True,
    "watermark": False,
    "seed": 12345,
}


@contextmanager
def pointed_at(base_url: str, key: str) -> Iterator[None]:
    """Configure the SDK's base URL while the block runs, and close its connections afterwards."""
    before = dashscope.base_http_api_url, dashscope.api_key
    dashscope.base_http_api_url, dashscope.api_key = base_url, key
    try:
        yield
    finally:
        dashscope.base_http_api_url, dashscope.api_key = before
        close_shared_sync_session()


def asynchronous(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a call of the asyncio client, and close its connections afterwards."""

    async def run() -> Any:
        try:
            return await coroutine
        finally:
            await close_shared_aio_session()

    return asyncio.run(run())


def record(recorder: Recorder) -> Json:
    """Make every call, and return the requests of each by its name."""
    requests: Json = {}
    with pointed_at(recorder.base_url, KEY), tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "voice.mp3"
        voice.write_bytes(b"ID3")
        fox = Path(folder) / "fox.png"
        fox.write_bytes(b"\x89PNG")
        window: Json = {"start_time": "20260528000000", "end_time": "20260529000000"}
        filters: Json = window | {"model_name": "wan2.6-t2v", "status": "RUNNING"}
        calls: dict[str, Callable[[], object]] = {
            "create": lambda: VideoSynthesis.async_call(**SAMPLE),
            "create, multi-shot": lambda: VideoSynthesis.async_call(**MULTI_SHOT),
            "create, resolution and ratio": lambda: VideoSynthesis.async_call(**BY_RATIO),
            "create, only a prompt": lambda: VideoSynthesis.async_call(model="wan2.2-t2v-plus", prompt="a fox"),
            "create, workspace": lambda: VideoSynthesis.async_call(**BY_RATIO, workspace="ws-simulator"),
            "create, asyncio": lambda: asynchronous(AioVideoSynthesis.async_call(**SAMPLE)),
            "create, image": lambda: VideoSynthesis.async_call(**IMAGE),
            "create, image, no prompt": lambda: VideoSynthesis.async_call(model="wan2.2-i2v-flash", img_url=FIRST_URL),
            "create, image, local file": lambda: VideoSynthesis.async_call(**(IMAGE | {"img_url": str(fox)})),
            "create, image, asyncio": lambda: asynchronous(AioVideoSynthesis.async_call(**IMAGE)),
            "create, frames": lambda: VideoSynthesis.async_call(**FRAMES),
            "create, local file": lambda: VideoSynthesis.async_call(**(MULTI_SHOT | {"audio_url": str(voice)})),
            "fetch": lambda: VideoSynthesis.fetch(TASK_ID),
            "fetch, asyncio": lambda: asynchronous(AioVideoSynthesis.fetch(TASK_ID)),
            "list": VideoSynthesis.list,
            "list, filters": lambda: VideoSynthesis.list(**filters, page_no=2),
            "list, asyncio": lambda: asynchronous(AioVideoSynthesis.list()),
            "cancel": lambda: VideoSynthesis.cancel(TASK_ID),
            "cancel, asyncio": lambda: asynchronous(AioVideoSynthesis.cancel(TASK_ID)),
        }
        for name, call in calls.items():
            call()
            requests[name] = recorder.take()
    return requests


def golden() -> Json:
    """Return the recorded requests as they are committed."""
    document: Json = json.loads(GOLDEN.read_text())
    return document


if __name__ == "__main__":
    with recording() as one:
        GOLDEN.write_text(json.dumps(record(one), indent=2, ensure_ascii=False) + "\n")
