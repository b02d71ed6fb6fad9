"""The request of a creation, and its result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.raw_server import answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, TASK_PATH, client_at, client_of, create
from tools.harness.samples import PROMPT, request
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.bodies import request_body
from wan_video.domain.models import Region, Size
from wan_video.domain.request import VideoRequest
from wan_video.domain.task import TaskAnswer
from wan_video.errors import WanUncertain


def test_up_to_wan26_the_size_is_sent_in_pixels() -> None:
    wanted = request(
        negative_prompt="blur",
        audio_url="https://example.com/a.mp3",
        shot_type="multi",
        seconds=15,
        watermark=True,
    )
    assert request_body(wanted) == {
        "model": "wan2.6-t2v",
        "input": {"prompt": PROMPT, "negative_prompt": "blur", "audio_url": "https://example.com/a.mp3"},
        "parameters": {
            "size": "1280*720",
            "duration": 15,
            "prompt_extend": True,
            "watermark": True,
            "seed": 7,
            "shot_type": "multi",
        },
    }


def test_from_wan27_on_the_size_is_sent_as_resolution_and_ratio() -> None:
    wanted = request(model="wan2.7-t2v", size=Size(832, 1104), seconds=2, prompt_extend=False)
    assert request_body(wanted) == {
        "model": "wan2.7-t2v",
        "input": {"prompt": PROMPT},
        "parameters": {
            "resolution": "720P",
            "ratio": "3:4",
            "duration": 2,
            "prompt_extend": False,
            "watermark": False,
            "seed": 7,
        },
    }


def test_the_length_is_not_sent_to_a_model_with_only_one() -> None:
    body = request_body(request(model="wan2.2-t2v-plus", size=Size(832, 480)))
    assert "duration" not in body["parameters"]


def test_a_creation_is_one_post_with_the_documented_headers() -> None:
    body = json.dumps({"output": {"task_id": "task-1", "task_status": "PENDING"}, "request_id": "r-1"}).encode()
    with raw_server(say(answer("200 OK", body))) as server:
        made = TaskAnswer("task-1", "PENDING", "r-1", base_url=f"{server.url}/api/v1")
        assert create(client_at(server)) == made
    (sent,) = server.requests
    head, _, sent_body = sent.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == TASK_PATH
    assert {
        b"Authorization: Bearer sk-CANARY-KEY",
        b"X-DashScope-Async: enable",
        b"Content-Type: application/json",
    } <= {*lines}
    assert json.loads(sent_body) == request_body(request())


def test_a_query_does_not_ask_to_be_asynchronous() -> None:
    body = json.dumps({"output": {"task_id": "a/../b?c", "task_status": "RUNNING"}}).encode()
    with raw_server(say(answer("200 OK", body))) as server:
        client_at(server).query(SINGAPORE, "a/../b?c")
    (sent,) = server.requests
    assert sent.startswith(b"GET /api/v1/tasks/a%2F..%2Fb%3Fc HTTP/1.1")
    assert b"x-dashscope-async" not in sent.lower()


def test_a_netrc_file_does_not_replace_the_key(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with raw_server(say(answer("200 OK", b"{}"))) as server, pytest.raises(WanUncertain):
        create(client_at(server))
    assert b"Authorization: Bearer sk-CANARY-KEY" in server.requests[0]


@pytest.mark.parametrize(
    "wanted",
    [
        request(),
        request(model="wan2.7-t2v", size=Size(1648, 1248), seconds=2),
        request(model="wan2.5-t2v-preview", region=Region.BEIJING, size=Size(624, 624), seconds=5),
        request(model="wan2.2-t2v-plus", size=Size(832, 480)),
    ],
    ids=lambda wanted: wanted.model,
)
def test_a_task_is_created_queried_and_found_with_its_link_and_seconds(
    simulator: Simulator, wanted: VideoRequest
) -> None:
    client = client_of(simulator)
    task = create(client, wanted)
    assert task.status == "PENDING"
    assert task.request_id
    waiting = client.query(wanted.region, task.task_id)
    assert (waiting.status in ("PENDING", "RUNNING"), waiting.video_url, waiting.seconds) == (True, None, None)
    simulator.finish(task.task_id)
    done = client.query(wanted.region, task.task_id)
    assert (done.status, done.seconds) == ("SUCCEEDED", wanted.seconds)
    assert done.video_url is not None
    assert done.video_url.startswith(simulator.origin)
    assert done.submit_time
    assert done.end_time
    (billed,) = [entry for entry in simulator.ledger("billed") if entry["task_id"] == task.task_id]
    assert (billed["model"], billed["size"], billed["seconds"], billed["seed"]) == (
        wanted.model,
        str(wanted.size),
        wanted.seconds,
        7,
    )


def test_a_failed_task_is_returned_with_code_and_message(simulator: Simulator) -> None:
    client = client_of(simulator)
    task = create(client, request(prompt="[simulate:task:DataInspectionFailed]"))
    simulator.finish(task.task_id)
    failed = client.query(SINGAPORE, task.task_id)
    assert (failed.status, failed.code) == ("FAILED", "DataInspectionFailed")
    assert failed.message


def test_a_task_that_wan_does_not_know_is_unknown(simulator: Simulator) -> None:
    assert client_of(simulator).query(SINGAPORE, "no-such-task").status == "UNKNOWN"
