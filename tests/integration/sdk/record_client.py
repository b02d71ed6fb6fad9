"""Every call of `dashscope.Client().videos` and of `AsyncClient` that the project relies on, made against a recorder.

`python -m tests.integration.sdk.record_client` writes what they sent to `tests/golden/dashscope_client_requests.json`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from dashscope import AsyncClient, Client

from tests.integration.sdk.record import BY_RATIO, FIRST_URL, KEY, LAST_URL
from tests.integration.sdk.recorder import TASK_ID, Json, Recorder, recording

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "dashscope_client_requests.json"

WAN3: Final[Json] = BY_RATIO | {"model": "wan3.0-video", "duration": 5, "parameters": {"audio": False}}
WAN3_FREE: Final[Json] = {
    "model": "wan3.0-video-prime",
    "prompt": "a fox sits in a leather chair",
    "resolution": "480P",
    "ratio": "adaptive",
    "duration": -1,
}
"""A request that leaves the aspect ratio and the length to the model."""

IMAGE: Final[Json] = {
    "prompt": "the fox runs",
    "resolution": "720P",
    "duration": 10,
    "prompt_extend": True,
    "watermark": False,
    "seed": 12345,
}
FRAMES: Final = [{"type": "first_frame", "url": FIRST_URL}, {"type": "last_frame", "url": LAST_URL}]
FRAMES_OF_WAN3: Final[Json] = IMAGE | {"model": "wan3.0-video", "ratio": "adaptive", "parameters": {"audio": True}}

FILTERS: Final[Json] = {
    "start_time": "20260528000000",
    "end_time": "20260529000000",
    "model_name": "wan3.0-video",
    "status": "RUNNING",
    "page_no": 2,
}


def record_client(recorder: Recorder) -> Json:
    """Make every call, and return the requests of each by its name."""
    recorded: Json = {}
    client = Client(base_url=recorder.base_url, api_key=KEY)
    jobs = client.videos.jobs
    calls: dict[str, Callable[[], object]] = {
        "create, wan2.7": lambda: jobs.create(**BY_RATIO),
        "create, wan3.0": lambda: jobs.create(**WAN3),
        "create, wan3.0, adaptive": lambda: jobs.create(**WAN3_FREE),
        "create, only a prompt": lambda: jobs.create(model="wan3.0-video", prompt="a fox"),
        "create, size": lambda: jobs.create(model="wan2.6-t2v", prompt="a fox", size="1280*720", duration=5),
        "create, image, wan2.6": lambda: jobs.create(**IMAGE, model="wan2.6-i2v", image_url=FIRST_URL),
        "create, image, wan2.7": lambda: jobs.create(**IMAGE, model="wan2.7-i2v", image_url=FIRST_URL),
        "create, image, wan3.0": lambda: jobs.create(**FRAMES_OF_WAN3, image_url=FIRST_URL),
        "create, frames, wan2.7": lambda: jobs.create(**IMAGE, model="wan2.7-i2v", media=FRAMES),
        "create, frames, wan3.0": lambda: jobs.create(**FRAMES_OF_WAN3, media=FRAMES),
        "create, workspace": lambda: jobs.create(**WAN3, workspace="ws-simulator"),
        "fetch": lambda: jobs.fetch(TASK_ID),
        "list": jobs.list,
        "list, filters": lambda: jobs.list(**FILTERS),
        "cancel": lambda: jobs.cancel(TASK_ID),
        "create, wan2.7, asyncio": lambda: _asynchronous(recorder, lambda jobs: jobs.create(**BY_RATIO)),
        "create, wan3.0, asyncio": lambda: _asynchronous(recorder, lambda jobs: jobs.create(**WAN3)),
        "fetch, asyncio": lambda: _asynchronous(recorder, lambda jobs: jobs.fetch(TASK_ID)),
        "list, asyncio": lambda: _asynchronous(recorder, lambda jobs: jobs.list()),
        "cancel, asyncio": lambda: _asynchronous(recorder, lambda jobs: jobs.cancel(TASK_ID)),
    }
    try:
        for name, call in calls.items():
            call()
            recorded[name] = recorder.take()
    finally:
        client.close()
    return recorded


def _asynchronous(recorder: Recorder, call: Callable[[Any], Coroutine[Any, Any, object]]) -> object:
    async def run() -> object:
        async with AsyncClient(base_url=recorder.base_url, api_key=KEY) as client:
            return await call(client.videos.jobs)

    return asyncio.run(run())


def golden_client() -> Json:
    """Return the recorded requests as they are committed."""
    document: Json = json.loads(GOLDEN.read_text())
    return document


if __name__ == "__main__":
    with recording() as one:
        GOLDEN.write_text(json.dumps(record_client(one), indent=2, ensure_ascii=False) + "\n")
