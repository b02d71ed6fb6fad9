"""The official DashScope SDK, unmodified, against this stack: existing code changes its base URL and its key."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast

import pytest
import requests
from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis

from tests.e2e.clients.cut import cutting
from tests.e2e.clients.repeats import date_record
from tests.e2e.conftest import Local
from tests.e2e.steps import accepted
from tests.integration.sdk.record import asynchronous, pointed_at
from tools.harness.patience import PATIENCE
from wan_simulator.testing import tone
from wan_video_local.stack import PROJECT

DOCS: Final = PROJECT / "docs" / "dashscope.md"
SMALL: Final[dict[str, Any]] = {"model": "wan2.5-t2v-preview", "size": "832*480", "duration": 5}

# The SDK's annotations are narrower than what its own documentation passes.
Sync = cast(Any, VideoSynthesis)
Aio = cast(Any, AioVideoSynthesis)


@pytest.fixture
def sdk(local: Local) -> Iterator[None]:
    """Point the SDK at the stack, with the stack's token."""
    with pointed_at(f"{local.stack.api_url}/api/v1", local.stack.token):
        yield


def fetched(link: str) -> bytes:
    answer = requests.get(link, timeout=PATIENCE)
    answer.raise_for_status()
    return answer.content


@pytest.mark.usefixtures("sdk")
def test_call_waits_for_a_video_whose_link_brings_the_stored_file(local: Local) -> None:
    prompt = "a fox asks the official SDK"
    answer = Sync.call(**SMALL, prompt=prompt, seed=12345, wait_timeout=PATIENCE)

    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "SUCCEEDED")
    assert answer.usage == {"video_count": 1, "video_duration": 5, "video_ratio": "832*480"}
    assert answer.output.orig_prompt == prompt
    (task,) = accepted(local, prompt)
    assert fetched(answer.output.video_url) == local.simulator.film(task["task_id"])
    assert local.stack.api_url in answer.output.video_url
    head = requests.head(answer.output.video_url, allow_redirects=True, timeout=PATIENCE)
    assert (head.status_code, head.headers["Content-Length"]) == (
        HTTPStatus.OK,
        str(len(fetched(answer.output.video_url))),
    )
    for path in ("/healthz", "/v1/videos"):
        answered = requests.head(local.stack.api_url + path, headers=lower(local.stack.token), timeout=PATIENCE)
        assert (answered.status_code, answered.content) == (HTTPStatus.OK, b"")


def lower(token: str) -> dict[str, str]:
    """Return a header with its scheme in lower case, which must make no difference."""
    return {"Authorization": f"bearer {token}"}


@pytest.mark.usefixtures("sdk")
def test_async_call_fetch_and_wait_go_step_by_step() -> None:
    created = Sync.async_call(**SMALL, prompt="a fox goes step by step")
    assert (created.status_code, created.output.task_status) == (HTTPStatus.OK, "PENDING")
    assert Sync.fetch(created).output.task_id == created.output.task_id
    done = Sync.wait(created, wait_timeout=PATIENCE)
    assert done.output.task_status == "SUCCEEDED"
    assert Sync.fetch(created.output.task_id).output.video_url != ""


@pytest.mark.usefixtures("sdk")
def test_the_asyncio_client_and_the_keywords_of_wan27() -> None:
    async def make() -> Any:
        return await Aio.call(
            model="wan2.7-t2v",
            prompt="a fox in a portrait",
            resolution="720P",
            ratio="9:16",
            duration=2,
            wait_timeout=PATIENCE,
        )

    answer = asynchronous(make())
    assert answer.output.task_status == "SUCCEEDED"
    assert (answer.usage["ratio"], answer.usage["SR"], answer.usage["duration"]) == ("9:16", 720, 2)


@pytest.mark.usefixtures("sdk")
def test_a_moderated_prompt_is_reported_as_wan_reports_it() -> None:
    answer = Sync.call(**SMALL, prompt="a fox [simulate:task:DataInspectionFailed]", wait_timeout=PATIENCE)
    assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "FAILED")
    assert answer.output.code == "DataInspectionFailed"


@pytest.mark.usefixtures("sdk")
def test_list_shows_what_was_made_and_cancel_refuses_what_has_gone_to_wan() -> None:
    created = Sync.async_call(**SMALL, prompt="a fox in a list")
    done = Sync.wait(created, wait_timeout=PATIENCE)
    listed = Sync.list(page_size=100, status="SUCCEEDED")
    assert done.output.task_id in {line["task_id"] for line in listed.output["data"]}
    refused = Sync.cancel(created)
    assert (refused.status_code, refused.code) == (HTTPStatus.BAD_REQUEST, "UnsupportedOperation")


def test_a_wrong_key_is_reported_as_wan_reports_it(local: Local) -> None:
    with pointed_at(f"{local.stack.api_url}/api/v1", "sk-wrong"):
        answer = Sync.async_call(**SMALL, prompt="a fox without a key")
    assert (answer.status_code, answer.code) == (HTTPStatus.UNAUTHORIZED, "InvalidApiKey")


@pytest.mark.usefixtures("sdk")
def test_a_size_the_model_lacks_is_an_invalid_parameter() -> None:
    answer = Sync.async_call(model="wan2.5-t2v-preview", prompt="a fox", size="1*1")
    assert (answer.status_code, answer.code) == (HTTPStatus.BAD_REQUEST, "InvalidParameter")


@pytest.mark.usefixtures("sdk")
def test_a_local_file_becomes_the_sound(tmp_path: Path) -> None:
    sound = tmp_path / "fox.wav"
    sound.write_bytes(tone(4, "wav"))
    answer = Sync.call(**SMALL, prompt="a fox hums", audio_url=sound.as_uri(), wait_timeout=PATIENCE)
    assert answer.output.task_status == "SUCCEEDED"


def test_a_create_that_the_sdk_sends_again_on_a_cut_connection_makes_one_video(local: Local) -> None:
    prompt = "a fox behind a cut connection"

    # The SDK repeats the create at once, within a window of ten seconds; a slow machine could take longer.
    def the_window_is_open(body: bytes) -> None:
        assert date_record(local, body, int(time.time() + PATIENCE)), "this SDK sends no Idempotency-Key"

    with (
        cutting(local.stack.api_url, the_window_is_open) as (url, posts),
        pointed_at(f"{url}/api/v1", local.stack.token),
    ):
        created = Sync.async_call(**SMALL, prompt=prompt)
        assert created.status_code == HTTPStatus.OK
    assert len(posts) == 2
    local.client.await_final(created.output.task_id, within=PATIENCE)
    assert len(accepted(local, prompt)) == 1


def test_the_sample_of_the_docs_runs_as_it_stands_there(local: Local, tmp_path: Path) -> None:
    (sample,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    sound = tmp_path / "fox.mp3"
    sound.write_bytes(tone(4, "mp3"))
    # The sample's sound is on the internet, which no test uses.
    script = re.sub(r'audio_url="[^"]*"', f"audio_url={sound.as_uri()!r}", sample)
    environment = {"WAN_VIDEO_API_URL": local.stack.api_url, "DASHSCOPE_API_KEY": local.stack.token}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    link = done.stdout.splitlines()[-1]
    assert fetched(link)[4:8] == b"ftyp"
