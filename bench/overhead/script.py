"""`python -m bench.overhead.script BASE_URL BUCKET`: what a user would write with the DashScope SDK.

For each line of JSON with a model and a prompt it creates a task, waits for it with the SDK, and passes the result to
boto3's upload. Its answer is a line with the times of the call and of the end of the upload, in epoch seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import boto3
import dashscope
import requests
from dashscope import VideoSynthesis

AT_ONCE: Final = 50
SIZE: Final = "1280*720"
LONGEST_TASK: Final = 300
"""Seconds after which the script fails."""


def main() -> None:
    """Read lines until the input ends."""
    base_url, bucket = sys.argv[1:]
    dashscope.base_http_api_url = base_url
    dashscope.api_key = os.environ["DASHSCOPE_API_KEY"]
    s3 = boto3.client("s3")
    printing = threading.Lock()

    def make(order: dict[str, str]) -> None:
        requested = time.time()
        task = VideoSynthesis.async_call(model=order["model"], prompt=order["prompt"], size=SIZE, duration=5)
        answer: Any = VideoSynthesis.wait(task, wait_timeout=LONGEST_TASK)
        with requests.get(answer.output.video_url, stream=True, timeout=60) as video:
            video.raise_for_status()
            raw: Any = video.raw
            s3.upload_fileobj(raw, bucket, f"script/{answer.output.task_id}.mp4")
        with printing:
            print(json.dumps({"prompt": order["prompt"], "requested": requested, "completed": time.time()}), flush=True)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for line in sys.stdin:
            threads.submit(make, json.loads(line)).add_done_callback(end_with_error)


def end_with_error(made: Future[None]) -> None:
    """End the process if a video could not be made, so that the bench does not wait for it."""
    if (error := made.exception()) is not None:
        traceback.print_exception(error)
        os._exit(1)


if __name__ == "__main__":
    main()
