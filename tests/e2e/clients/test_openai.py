"""The official openai SDK, unmodified, against this stack: it needs only a base URL and a token."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest
from openai import (
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
    UnprocessableEntityError,
)
from openai.types import Video

from tests.e2e.clients.cut import cutting
from tests.e2e.conftest import SPEED, Local
from tests.e2e.steps import FINAL_SECONDS, NOTICE_SECONDS, accepted
from tests.rows import put_rows
from tools.harness.samples import made, stored
from wan_video_local.sam import STACK_NAME

# The SDK marks its video methods as deprecated: OpenAI's own service has ended, the convention has not.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

MODEL: Final = "wan2.5-t2v-preview"
SMALL: Final[dict[str, Any]] = {"model": MODEL, "size": "832x480", "seconds": "5"}
EVERY_MS: Final = 300
MANY: Final = 250


def token_of(local: Local, owner: str, *options: str) -> str:
    """Return a token of an owner other than the stack's own."""
    command = ["wan-video", "token", "create", "--stack", STACK_NAME, "--owner", owner, *options]
    made = subprocess.run(command, env=local.stack.aws.environment(), capture_output=True, text=True, check=True)
    return made.stdout.strip()


def without_thumbnail(video: Video) -> dict[str, Any]:
    """Return the members of a video apart from its thumbnail, which is made later."""
    return video.model_dump(exclude={"thumbnail"})


def client_of(local: Local, token: str = "") -> OpenAI:
    return OpenAI(base_url=f"{local.stack.api_url}/v1", api_key=token or local.stack.token)


@pytest.fixture
def client(local: Local) -> Iterator[OpenAI]:
    with client_of(local) as client:
        yield client


@pytest.fixture(scope="module")
def many(local: Local) -> str:
    """Return a token whose owner has many videos, all of one second; they are never generated."""
    videos = [made(f"video_many{at:03d}", owner="many").completed(1, stored()).announced(1) for at in range(MANY)]
    put_rows(local.stack.aws.dynamodb, local.stack.outputs["VideosTableName"], videos)
    return token_of(local, "many")


def test_create_and_poll_gives_a_video_whose_content_is_wans_byte_for_byte(local: Local, client: OpenAI) -> None:
    prompt = "a fox asks another SDK"
    more = {"seed": 7, "watermark": True, "negative_prompt": "rain", "metadata": {"case": "7", "by": "me"}}
    video = client.videos.create_and_poll(prompt=prompt, poll_interval_ms=EVERY_MS, extra_body=more, **SMALL)
    assert (video.object, video.status, video.progress, video.error) == ("video", "completed", 100, None)
    assert (video.model, video.size, video.seconds, video.prompt) == (MODEL, "832x480", "5", prompt)
    assert video.model_extra is not None
    assert {name: video.model_extra[name] for name in more} == more
    assert video.completed_at is not None
    assert video.completed_at >= video.created_at
    (task,) = accepted(local, prompt)
    assert client.videos.download_content(video.id).content == local.simulator.film(task["task_id"])
    assert without_thumbnail(client.videos.retrieve(video.id)) == without_thumbnail(video)

    local.notices.await_about(video.id, within=NOTICE_SECONDS)
    deleted = client.videos.delete(video.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (video.id, True, "video.deleted")
    with pytest.raises(NotFoundError) as gone:
        client.videos.retrieve(video.id)
    assert gone.value.code == "video_not_found"
    with pytest.raises(APIStatusError) as no_content:
        client.videos.download_content(video.id)
    assert (no_content.value.status_code, no_content.value.code) == (410, "video_gone")


def test_its_asynchronous_twin_does_the_same(local: Local) -> None:
    prompt = "a fox asks asynchronously"

    async def use() -> tuple[str, bytes]:
        async with AsyncOpenAI(base_url=f"{local.stack.api_url}/v1", api_key=local.stack.token) as client:
            video = await client.videos.create_and_poll(prompt=prompt, poll_interval_ms=EVERY_MS, **SMALL)
            content = (await client.videos.download_content(video.id)).content
            assert without_thumbnail(await client.videos.retrieve(video.id)) == without_thumbnail(video)
            assert video.id in [listed.id async for listed in client.videos.list()]
            with pytest.raises(BadRequestError):
                await client.videos.create(prompt="", **SMALL)
            return video.status, content

    status, content = asyncio.run(use())
    (task,) = accepted(local, prompt)
    assert (status, content) == ("completed", local.simulator.film(task["task_id"]))


def test_a_video_that_fails_is_polled_to_its_error(client: OpenAI) -> None:
    prompt = "[simulate:task:DataInspectionFailed] a fox"
    video = client.videos.create_and_poll(prompt=prompt, poll_interval_ms=EVERY_MS, **SMALL)
    assert video.status == "failed"
    assert video.error is not None
    assert (video.error.code, bool(video.error.message)) == ("DataInspectionFailed", True)


def test_the_server_says_how_often_to_poll(client: OpenAI) -> None:
    raw = client.videos.with_raw_response.create(prompt="a fox waits", **SMALL)
    assert raw.headers["openai-poll-after-ms"] == str(15_000 // int(SPEED))
    assert raw.parse().status == "queued"


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_auto_paging_brings_each_of_many_videos_once(local: Local, many: str, order: Any) -> None:
    with client_of(local, many) as client:
        ids = [video.id for video in client.videos.list(order=order)]
    assert len(ids) == MANY
    assert sorted(ids) == [f"video_many{at:03d}" for at in range(MANY)]


def test_auto_paging_in_the_asynchronous_client_too(local: Local, many: str) -> None:
    async def use() -> list[str]:
        async with AsyncOpenAI(base_url=f"{local.stack.api_url}/v1", api_key=many) as client:
            return [video.id async for video in client.videos.list(limit=100)]

    assert len(set(asyncio.run(use()))) == MANY


def test_who_deletes_while_paging_deletes_everything(local: Local) -> None:
    videos = [made(f"video_few{at}", owner="few").completed(1, stored()).announced(1) for at in range(7)]
    put_rows(local.stack.aws.dynamodb, local.stack.outputs["VideosTableName"], videos)
    with client_of(local, token_of(local, "few")) as client:
        for video in client.videos.list(limit=3):
            client.videos.delete(video.id)
        assert list(client.videos.list()) == []


def test_a_key_makes_one_video_of_two_requests(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "openai-e2e-1"}
    ids = {client.videos.create(prompt="a fox, once", extra_headers=headers, **SMALL).id for _ in range(2)}
    assert len(ids) == 1
    with pytest.raises(UnprocessableEntityError) as reused:
        client.videos.create(prompt="a cat", extra_headers=headers, **SMALL)
    assert reused.value.code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"size": "4096x4096"}, "size"),
        ({"seconds": "7"}, "seconds"),
        ({"model": "sora-2"}, "model"),
        ({"extra_body": {"watermark": "yes"}}, "watermark"),
        ({"extra_body": {"fps": 30}}, "fps"),
        ({"input_reference": ("fox.png", b"PNG", "image/png")}, "input_reference"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_request_that_cannot_be_names_the_parameter(client: OpenAI, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.videos.create(**{"prompt": "a fox", **SMALL, **wrong})
    assert (refused.value.code, refused.value.param) == ("invalid_request", param)
    assert refused.value.type == "invalid_request_error"


def test_errors_are_of_the_class_that_their_status_has(local: Local, client: OpenAI) -> None:
    with client_of(local, "wv_nobody") as nobody, pytest.raises(AuthenticationError) as unauthorized:
        nobody.videos.retrieve("video_1")
    assert unauthorized.value.code == "unauthorized"
    with pytest.raises(NotFoundError) as missing:
        client.videos.retrieve("video_1")
    assert missing.value.code == "video_not_found"
    with (
        client_of(local, token_of(local, "reader", "--scope", "read")) as reader,
        pytest.raises(PermissionDeniedError) as forbidden,
    ):
        reader.videos.create(prompt="a fox", **SMALL)
    assert forbidden.value.code == "forbidden"
    with local.nothing_starts():
        video = client.videos.create(prompt="a fox in a hurry", **SMALL)
        with pytest.raises(ConflictError) as too_early:
            client.videos.delete(video.id)
    assert too_early.value.code == "video_not_deletable"


def test_a_create_that_the_sdk_sends_again_on_a_cut_connection_makes_one_video(local: Local) -> None:
    prompt = "a fox whose answer was cut off"
    with cutting(local.stack.api_url) as (url, posts), OpenAI(base_url=f"{url}/v1", api_key=local.stack.token) as sdk:
        video = sdk.videos.create(prompt=prompt, extra_body={"model": MODEL, "size": "832x480", "seconds": "5"})
    assert len(posts) == 2
    local.client.await_final(video.id, within=FINAL_SECONDS)
    assert len(accepted(local, prompt)) == 1
