"""Clients that repeat a create by themselves, over a line that loses answers: each create becomes one video."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import requests
from dashscope import AsyncClient, Client

from tests.e2e.clients import node
from tests.e2e.clients.bad_line import LOSSES, Loss, losing_answers
from tests.e2e.clients.repeats import date_record
from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, MODEL, accepted
from tools.harness.patience import PATIENCE

pytestmark = pytest.mark.slow

CREATES: Final = 50
AT_ONCE: Final = 10
SMALL: Final[dict[str, Any]] = {"model": MODEL, "size": "832*480", "duration": 5}
READ_SECONDS: Final = 300
"""Default read time-out of `dashscope.Client`, in seconds."""

SHORT_SECONDS: Final = 20.0
"""Read time-out of the clients in these tests, in seconds; the record of the first sending is aged by the rest."""


def create_by_client(url: str, token: str, prompts: Sequence[str]) -> dict[str, str]:
    """Create videos by `dashscope.Client`, from many threads of one process."""
    client = Client(base_url=f"{url}/api/v1", api_key=token, timeout=SHORT_SECONDS)
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            jobs = threads.map(lambda prompt: client.videos.jobs.create(**SMALL, prompt=prompt), prompts)
            return {prompt: job.task_id for prompt, job in zip(prompts, jobs, strict=True)}
    finally:
        client.close()


def create_by_async_client(url: str, token: str, prompts: Sequence[str]) -> dict[str, str]:
    """Create videos by `dashscope.AsyncClient`, from many tasks of one event loop."""

    async def all_of_them() -> dict[str, str]:
        some = asyncio.Semaphore(AT_ONCE)
        async with AsyncClient(base_url=f"{url}/api/v1", api_key=token, timeout=SHORT_SECONDS) as client:

            async def create(prompt: str) -> str:
                async with some:
                    return str((await client.videos.jobs.create(**SMALL, prompt=prompt)).task_id)

            return dict(zip(prompts, await asyncio.gather(*map(create, prompts)), strict=True))

    made: dict[str, str] = asyncio.run(all_of_them())
    return made


def create_by_ai(url: str, token: str, prompts: Sequence[str]) -> dict[str, str]:
    """Create videos by npm's `ai` with `@ai-sdk/alibaba`, in Node."""
    limits = {"atOnce": AT_ONCE, "timeoutMs": int(SHORT_SECONDS * 1000)}
    return node.run("ai.mjs", {"do": "start", "baseURL": url, "apiKey": token, "prompts": list(prompts), **limits})


CLIENTS: Final = {"Client": create_by_client, "AsyncClient": create_by_async_client, "ai": create_by_ai}


def queued(local: Local) -> list[dict[str, Any]]:
    """Return every queued video; Wan would bill each of them."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        query = {"status": "queued", "limit": "100", **after}
        answer = requests.get(
            f"{local.stack.api_url}/v1/videos", params=query, headers=authorized(local), timeout=PATIENCE
        )
        page = answer.json()
        found += page["data"]
        if not page["has_more"]:
            return found
        after = {"after": page["last_id"]}


def authorized(local: Local) -> dict[str, str]:
    return {"Authorization": f"Bearer {local.stack.token}"}


@pytest.fixture
def nothing_is_made(local: Local) -> Iterator[None]:
    """Keep all videos queued, so that the test can count what Wan would bill; cancel them at the end."""
    with local.nothing_starts():
        yield
        for video in queued(local):
            path = f"{local.stack.api_url}/v1/videos/{video['id']}/cancel"
            requests.post(path, headers=authorized(local), timeout=PATIENCE).raise_for_status()


def aging_the_first(local: Local) -> Callable[[bytes, int], None]:
    """Return a function that makes the first sending of a create as old as full read time-outs would have made it."""

    def age(body: bytes, sendings: int) -> None:
        date_record(local, body, int(time.time()) - sendings * READ_SECONDS)

    return age


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("create", CLIENTS.values(), ids=CLIENTS)
def test_fifty_creates_whose_answers_are_lost_twice_are_fifty_videos(
    local: Local, create: Callable[[str, str, Sequence[str]], dict[str, str]]
) -> None:
    """Each client sends a create three times; two read time-outs are ten minutes."""
    who = create.__name__
    losses: dict[str, Sequence[Loss]] = {
        f"a fox of {who} behind a line with {LOSSES[number % 3]}, {number}": [LOSSES[number % 3]] * 2
        for number in range(CREATES)
    }
    with losing_answers(local.stack.api_url, losses, aging_the_first(local)) as (url, line):
        made = create(url, local.stack.token, list(losses))

    assert {prompt: len(line.sent[prompt]) for prompt in losses} == dict.fromkeys(losses, 3)
    waiting = [(video["prompt"], video["id"]) for video in queued(local) if video["prompt"] in losses]
    assert sorted(waiting) == sorted(made.items())
    assert len(set(made.values())) == CREATES


@pytest.mark.usefixtures("nothing_is_made")
def test_a_second_take_is_a_second_video_once_the_first_was_fetched(local: Local) -> None:
    prompt = "a fox, take after take"
    with Client(base_url=f"{local.stack.api_url}/api/v1", api_key=local.stack.token) as client:
        takes = []
        for _ in range(3):
            takes.append(client.videos.jobs.create(**SMALL, prompt=prompt).task_id)
            # The task was not fetched yet, so a create that is sent now may be a repetition.
            assert client.videos.jobs.create(**SMALL, prompt=prompt).task_id == takes[-1]
            assert client.videos.jobs.fetch(takes[-1]).status == "PENDING"
    assert sorted(takes) == sorted(video["id"] for video in queued(local) if video["prompt"] == prompt)
    assert len(set(takes)) == 3


@pytest.mark.usefixtures("nothing_is_made")
def test_each_call_of_ai_is_a_video_of_its_own_also_for_the_same_prompt(local: Local) -> None:
    asked = {"do": "start", "baseURL": local.stack.api_url, "apiKey": local.stack.token, "atOnce": 1}
    prompt = "a fox, twice in Node"
    takes = [node.run("ai.mjs", {**asked, "prompts": [prompt]})[prompt] for _ in range(2)]
    assert sorted(takes) == sorted(video["id"] for video in queued(local) if video["prompt"] == prompt)
    assert len(set(takes)) == 2


def test_a_video_of_the_second_generation_of_the_sdk_comes_home_and_is_listed(local: Local) -> None:
    prompt = "a fox asks dashscope.Client"
    with Client(base_url=f"{local.stack.api_url}/api/v1", api_key=local.stack.token) as client:
        job = client.videos.generate(**SMALL, prompt=prompt, timeout=FINAL_SECONDS)
        listed = client.videos.jobs.list(page_size=100)
    (task,) = accepted(local, prompt)
    assert requests.get(job.video_url or "", timeout=PATIENCE).content == local.simulator.film(task["task_id"])
    assert job.task_id in {one.task_id for one in listed.tasks}


def test_a_video_of_ai_comes_home(local: Local) -> None:
    prompt = "a fox asks from Node"
    wanted = {"model": MODEL, "video": {"prompt": prompt, "resolution": "832x480", "duration": 5}}
    where = {"baseURL": local.stack.api_url, "apiKey": local.stack.token}
    made = node.run("ai.mjs", {"do": "generate", **where, **wanted})
    (task,) = accepted(local, prompt)
    assert base64.b64decode(made["bytes"]) == local.simulator.film(task["task_id"])
    assert made["mediaType"] == "video/mp4"


def test_a_video_of_openrouters_sdk_comes_home(local: Local) -> None:
    prompt = "a fox asks in OpenRouter's dialect"
    asked = {"serverURL": f"{local.stack.api_url}/v1", "apiKey": local.stack.token, "prompt": prompt}
    made = node.run("openrouter.mjs", asked)
    (task,) = accepted(local, prompt)
    assert base64.b64decode(made["bytes"]) == local.simulator.film(task["task_id"])
