"""wan3.0 through every door of the running stack: each makes one task, and what the model chooses is billed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from dashscope import Client

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, accepted, await_that
from tools.harness.patience import PATIENCE
from wan_video_local.film import measure

MODEL = "wan3.0-video"
OPEN = {"model": MODEL, "resolution": "480P", "aspect_ratio": "adaptive", "seconds": -1, "audio": False}


def the_task(local: Local, prompt: str) -> dict[str, Any]:
    """Return the only task that Wan accepted for a prompt."""
    (task,) = accepted(local, prompt)
    assert task["model"] == MODEL
    return task


def test_the_api_makes_a_video_whose_shape_and_length_the_model_chooses(local: Local, tmp_path: Path) -> None:
    prompt = "a fox asks the API for Wan 3.0"
    asked = local.client.create({**OPEN, "prompt": prompt, "max_price": "11.01"})
    assert (asked["size"], asked["seconds"], asked["estimate"]["seconds"]) == (None, "-1", 30)
    assert asked["estimate"]["confirmed"] is False
    video = local.client.await_final(asked["id"], within=FINAL_SECONDS)
    assert video["status"] == "completed", video["error"]
    task, usage = the_task(local, prompt), video["usage"]
    assert float(usage["stated_seconds"]) == task["seconds"]
    assert usage["seconds"] == math.ceil(task["seconds"])
    assert (usage["estimated_seconds"], usage["differs"]) == (30, False)
    assert usage["aspect_ratio"] != "adaptive"
    local.client.download(video["id"], tmp_path / "fox.mp4")
    film = measure(tmp_path / "fox.mp4")
    assert (f"{film.width}x{film.height}", film.audio_codec) == (task["size"], "")
    assert film.seconds == pytest.approx(task["seconds"], abs=0.5)


def test_the_command_line_makes_one(local: Local, tmp_path: Path) -> None:
    prompt = "a fox asks wan-video for Wan 3.0"
    environment = {
        **os.environ,
        "WAN_VIDEO_API_URL": local.stack.api_url,
        "WAN_VIDEO_TOKEN": local.stack.token,
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    options = ["--model", MODEL, "--size", "832x480", "--seconds", "2", "--sound", "--download", "."]
    waits = ["--every", "0.2s", "--timeout", f"{FINAL_SECONDS:.0f}s", "--json"]
    command = [str(Path(sys.executable).parent / "wan-video"), "generate", prompt, *options, *waits]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    video = json.loads(done.stdout)
    assert (video["size"], video["resolution"], video["aspect_ratio"], video["audio"]) == (
        "832x480",
        "480P",
        "16:9",
        True,
    )
    assert (the_task(local, prompt)["seconds"], video["usage"]["differs"]) == (2.0, False)
    assert (tmp_path / f"{video['id']}.mp4").stat().st_size > 0


SLOW_ENDINGS = [pytest.param(ending, marks=pytest.mark.slow) for ending in ("json", "jsonl", "txt")]


@pytest.mark.parametrize("ending", ["csv", *SLOW_ENDINGS])
def test_a_prompt_file_makes_one(local: Local, ending: str) -> None:
    prompt = f"a fox asks a .{ending} file for Wan 3.0"
    columns = ("model", "resolution", "aspect_ratio", "seconds", "audio")
    row = {"prompt": prompt, **OPEN}
    csv = f"prompt,{','.join(columns)}\n{prompt},{MODEL},480P,adaptive,-1,FALSE\n"
    bodies = {"json": json.dumps([row]), "jsonl": json.dumps(row) + "\n", "csv": csv, "txt": prompt}
    settings = {"model": MODEL, "resolution": "480P", "aspect-ratio": "adaptive", "seconds": "-1", "audio": "false"}
    local.stack.aws.s3.put_object(
        Bucket=local.stack.outputs["PromptsBucketName"],
        Key=f"wan30/fox.{ending}",
        Body=bodies[ending].encode(),
        Metadata=settings if ending == "txt" else {},
    )
    await_that(lambda: accepted(local, prompt) or None, "the task of the row")
    row_of = next(video for video in local.client.newest(50) if video["prompt"] == prompt)
    video = local.client.await_final(row_of["id"], within=FINAL_SECONDS)
    assert (video["status"], video["seconds"], video["audio"], video["size"]) == ("completed", "-1", False, None)
    assert float(video["usage"]["stated_seconds"]) == the_task(local, prompt)["seconds"]


def test_the_dashscope_face_answers_as_wan_does(local: Local) -> None:
    prompt = "a fox asks the SDK's Client for Wan 3.0"
    asked: dict[str, Any] = {"resolution": "480P", "ratio": "adaptive", "duration": -1, "parameters": {"audio": False}}
    with Client(api_key=local.stack.token, base_url=f"{local.stack.api_url}/api/v1") as client:
        made = client.videos.generate(model=MODEL, prompt=prompt, timeout=PATIENCE, **asked)
    task = the_task(local, prompt)
    answer = requests.get(
        f"{local.stack.api_url}/api/v1/tasks/{(made.output or {})['task_id']}",
        headers={"Authorization": f"Bearer {local.stack.token}"},
        timeout=PATIENCE,
    ).json()
    usage = answer["usage"]
    assert answer["output"]["task_status"] == "SUCCEEDED"
    assert (usage["duration"], usage["output_video_duration"]) == (task["seconds"], task["seconds"])
    assert (usage["input_video_duration"], usage["video_count"], usage["SR"], usage["fps"]) == (0.0, 1, 480, 30)
    assert usage["ratio"] != "adaptive"
    assert "size" not in usage


def test_the_dashscope_face_makes_no_video_of_references(local: Local) -> None:
    body = {
        "model": MODEL,
        "input": {"prompt": "a fox", "media": [{"type": "reference_image", "url": "https://example.com/fox.png"}]},
        "parameters": {},
    }
    answer = requests.post(
        f"{local.stack.api_url}/api/v1/services/aigc/video-generation/video-synthesis",
        json=body,
        headers={"Authorization": f"Bearer {local.stack.token}", "X-DashScope-Async": "enable"},
        timeout=PATIENCE,
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")
