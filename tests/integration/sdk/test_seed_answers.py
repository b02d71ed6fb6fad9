"""The example answers of Wan's own pages: our client reads them, and the simulator's answers have the same keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.integration.sdk.clients import own_client
from tests.integration.sdk.recorder import Json, recording
from tools.harness.patience import PATIENCE
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.domain.models import Region
from wan_video.domain.task import TaskAnswer
from wan_video.errors import WanUnauthorized

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "seed_answers.json"
EXAMPLES: Final[dict[str, Json]] = {example["name"]: example for example in json.loads(GOLDEN.read_text())}
QUERIES: Final = [name for name in EXAMPLES if name.startswith("query")]


def body(name: str) -> Json:
    """Return the example as HTTP transmits it: the SDK adds a status and empty fields."""
    answer: Json = EXAMPLES[name]["answer"]
    if EXAMPLES[name]["form"] == "http":
        return answer
    output = {field: value for field, value in answer["output"].items() if value != ""}
    usage = {"usage": answer["usage"]} if answer["usage"] else {}
    return {"request_id": answer["request_id"], "output": output, **usage}


def read(name: str) -> TaskAnswer:
    """Return what our client reads from an example."""
    with recording() as recorder:
        recorder.canned = body(name)
        return own_client(recorder.base_url, "sk-any").query(Region.SINGAPORE, body(name)["output"]["task_id"])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


@pytest.mark.parametrize("name", QUERIES)
def test_our_client_reads_every_field_it_keeps(name: str) -> None:
    answer, example = read(name), body(name)
    output, usage = example["output"], example.get("usage", {})

    assert (answer.task_id, answer.status) == (output["task_id"], output["task_status"])
    assert answer.request_id == example["request_id"]
    kept = ("video_url", "actual_prompt", "submit_time", "scheduled_time", "end_time", "code", "message")
    assert {field: getattr(answer, field) for field in kept} == {field: output.get(field) for field in kept}
    assert answer.seconds == usage.get("duration", usage.get("video_duration"))


def test_our_client_reads_a_refusal() -> None:
    with recording() as recorder:
        recorder.canned, recorder.status = body("create, no key"), 401
        with pytest.raises(WanUnauthorized) as caught:
            own_client(recorder.base_url, "sk-any").query(Region.SINGAPORE, "any")

    assert (caught.value.code, caught.value.message) == ("InvalidApiKey", "No API-key provided.")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_simulators_answer_has_the_keys_of_the_example(simulator: Simulator, name: str) -> None:
    example, expected = EXAMPLES[name], body(name)
    answer = simulated(simulator, example["model"], example["state"])
    partial = "partial" in example

    for part in ("output", "usage"):
        shown, wanted = answer.get(part, {}).keys(), expected.get(part, {}).keys()
        assert wanted <= shown if partial else wanted == shown
    assert answer.keys() == expected.keys()


def simulated(simulator: Simulator, model: str, state: str) -> Json:
    """Return the simulator's answer to a query of a task of `model` in `state`, or to its creation."""
    base_url, headers = simulator.base_url(), {"Authorization": f"Bearer {simulator.key()}"}

    def create(**changes: str) -> Any:
        wanted = {"model": model, "input": {"prompt": "a fox"}, "parameters": {"size": "1*1"} if failing else {}}
        url = f"{base_url}/services/aigc/video-generation/video-synthesis"
        sent = headers | {"X-DashScope-Async": "enable"} | changes
        return requests.post(url, json=wanted, headers=sent, timeout=PATIENCE).json()

    failing = state == "FAILED"
    if state in ("CREATED", "REFUSED"):
        return dict(create(**({"Authorization": ""} if state == "REFUSED" else {})))
    task_id = create()["output"]["task_id"] if state != "UNKNOWN" else "502a00b1"
    if state == "RUNNING":
        simulator.advance(30)
    elif state != "UNKNOWN":
        simulator.finish(task_id)
    return dict(requests.get(f"{base_url}/tasks/{task_id}", headers=headers, timeout=PATIENCE).json())
