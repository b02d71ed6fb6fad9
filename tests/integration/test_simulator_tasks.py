"""What callers can do with tasks besides queries: list and cancel them, add audio, and use a workspace."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
import pytest
import requests

from tools.harness.patience import PATIENCE
from wan_simulator.errors import ERROR_CODES
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator, tone
from wan_video.domain.models import Region

FAILING = "a fox [simulate:task:InternalError]"
"""A prompt whose task fails without rendering a film."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


def headers(simulator: Simulator, region: Region = Region.SINGAPORE, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {simulator.key(region)}"} | more


def get(simulator: Simulator, path: str, **query: str) -> requests.Response:
    url = f"{simulator.base_url()}{path}"
    return requests.get(url, params=query, headers=headers(simulator), timeout=PATIENCE)


def create(simulator: Simulator, prompt: str = FAILING, **wanted: Any) -> requests.Response:
    base_url = wanted.pop("base_url", simulator.base_url())
    more = {"X-DashScope-Async": "enable"} | wanted.pop("headers", {})
    body = {
        "model": wanted.pop("model", "wan2.6-t2v"),
        "input": {"prompt": prompt} | wanted.pop("input", {}),
        "parameters": {"size": "1280*720", "duration": 5} | wanted,
    }
    return requests.post(
        f"{base_url}/services/aigc/video-generation/video-synthesis",
        json=body,
        headers=headers(simulator) | more,
        timeout=PATIENCE,
    )


def task(simulator: Simulator, prompt: str = FAILING, **wanted: Any) -> str:
    return str(create(simulator, prompt, **wanted).json()["output"]["task_id"])


def cancel(simulator: Simulator, task_id: str, slash: str = "") -> requests.Response:
    url = f"{simulator.base_url()}/tasks/{task_id}/cancel{slash}"
    return requests.post(url, headers=headers(simulator), timeout=PATIENCE)


def ended(simulator: Simulator, task_id: str) -> dict[str, Any]:
    simulator.finish(task_id)
    output: dict[str, Any] = get(simulator, f"/tasks/{task_id}").json()["output"]
    return output


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- list -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/tasks", "/tasks/"])
def test_tasks_are_listed_in_pages_with_the_newest_first(simulator: Simulator, path: str) -> None:
    tasks = []
    for _ in range(11):
        tasks.append(task(simulator))
        simulator.advance(1)
    first, second = get(simulator, path).json(), get(simulator, path, page_no="2").json()

    assert [item["task_id"] for item in first["data"] + second["data"]] == tasks[::-1]
    assert (first["total"], first["total_page"], len(first["data"])) == (11, 2, 10)


def test_the_list_and_a_query_agree_on_a_tasks_state(simulator: Simulator) -> None:
    task_id = task(simulator)
    simulator.finish(task_id)

    assert [item["status"] for item in get(simulator, "/tasks", task_id=task_id).json()["data"]] == ["FAILED"]


def test_a_list_shows_only_its_own_region(simulator: Simulator) -> None:
    task(simulator)
    url = f"{simulator.base_url(Region.BEIJING)}/tasks"

    assert requests.get(url, headers=headers(simulator, Region.BEIJING), timeout=PATIENCE).json()["total"] == 0


def test_a_new_task_can_be_missing_in_the_list_for_some_time() -> None:
    with running_simulator(list_lag=60) as simulator:
        task(simulator)
        before = get(simulator, "/tasks").json()["total"]
        simulator.advance(60)

        assert (before, get(simulator, "/tasks").json()["total"]) == (0, 1)


def test_lists_and_cancellations_have_their_own_rates() -> None:
    with running_simulator(rate_limits=True) as simulator:
        lists = [get(simulator, "/tasks").status_code for _ in range(21)]
        cancels = [cancel(simulator, "any").status_code for _ in range(21)]

        assert lists == [200] * 20 + [429]
        assert cancels == [400] * 20 + [429]
        assert get(simulator, "/tasks/any").status_code == 200


# --- cancel ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_pending_task_can_be_cancelled_and_costs_nothing(simulator: Simulator, slash: str) -> None:
    task_id = task(simulator, "a fox")
    answer = cancel(simulator, task_id, slash)
    simulator.advance(3600)

    assert (answer.status_code, answer.json().keys()) == (200, {"request_id"})
    assert get(simulator, f"/tasks/{task_id}").json()["output"]["task_status"] == "CANCELED"
    assert [entry["event"] for entry in simulator.ledger()] == ["received", "accepted", "cancelled"]


def test_a_task_that_is_running_is_not_cancelled(simulator: Simulator) -> None:
    task_id = task(simulator)
    simulator.advance(30)
    answer = cancel(simulator, task_id)

    assert refused(answer) == (400, "UnsupportedOperation")
    assert answer.json()["message"] == ERROR_CODES["UnsupportedOperation"].message
    assert ended(simulator, task_id)["task_status"] == "FAILED"


@pytest.mark.parametrize("task_id", ["nobody", "cancelled"])
def test_a_missing_or_already_cancelled_task_is_not_cancelled(simulator: Simulator, task_id: str) -> None:
    if task_id == "cancelled":
        task_id = task(simulator)
        cancel(simulator, task_id)

    assert refused(cancel(simulator, task_id)) == (400, "UnsupportedOperation")


def test_a_cancelled_task_leaves_its_place_to_the_next() -> None:
    with running_simulator(queue=False) as simulator:
        tasks = [task(simulator) for _ in range(5)]
        full = create(simulator)
        cancel(simulator, tasks[0])

        assert (refused(full), create(simulator).status_code) == ((429, "Throttling"), 200)


# --- workspaces and keys --------------------------------------------------------------------------------------------


def test_a_workspace_may_be_named_in_a_header(simulator: Simulator) -> None:
    assert create(simulator, headers={"X-DashScope-WorkSpace": "ws-simulator"}).status_code == 200
    assert refused(create(simulator, headers={"X-DashScope-WorkSpace": "ws-x"})) == (404, "WorkSpaceNotFound")


def test_a_workspace_may_be_named_in_the_base_url(simulator: Simulator) -> None:
    known, other = (f"{simulator.origin}/{name}.singapore/api/v1" for name in ("ws-simulator", "ws-x"))

    assert create(simulator, base_url=known).status_code == 200
    assert refused(create(simulator, base_url=other)) == (403, "Endpoint.AccessDenied")


def test_frankfurt_is_reached_only_through_a_workspace(simulator: Simulator) -> None:
    own = headers(simulator, Region.FRANKFURT)
    through = f"{simulator.origin}/ws-simulator.frankfurt/api/v1"

    assert create(simulator, base_url=through, headers=own).status_code == 200
    assert refused(create(simulator, base_url=simulator.base_url(Region.FRANKFURT), headers=own))[0] == 403


def test_a_key_can_be_rotated_while_the_simulator_runs(simulator: Simulator) -> None:
    old = headers(simulator)
    new = simulator.rotate_key()

    assert refused(create(simulator, headers=old)) == (401, "InvalidApiKey")
    assert create(simulator).status_code == 200
    health = requests.get(f"{simulator.origin}/_simulator/health", timeout=PATIENCE).json()
    assert health["regions"]["singapore"]["key"] == new


def test_a_key_can_be_rotated_over_http(simulator: Simulator) -> None:
    url = f"{simulator.origin}/_simulator/keys"
    requests.post(url, json={"region": "beijing", "key": "sk-mine"}, timeout=PATIENCE).raise_for_status()

    assert simulator.key(Region.BEIJING) == "sk-mine"
    assert requests.post(url, json={"region": "mars", "key": "sk"}, timeout=PATIENCE).status_code == 400


# --- audio ----------------------------------------------------------------------------------------------------------


@contextmanager
def serving(content: bytes, status: int = 200) -> Iterator[str]:
    """Serve a file on loopback, and yield its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/voice.wav"
        server.shutdown()
        thread.join(PATIENCE)


def loudness(video: bytes) -> list[float]:
    """Return the greatest amplitude within each second of a video's sound."""
    with av.open(io.BytesIO(video), "r") as film:
        sound = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)
    seconds = sound.shape[1] // 48_000
    return [float(np.abs(second).max()) for second in np.split(sound[:, : seconds * 48_000], seconds, axis=1)]


def test_the_callers_own_audio_is_heard_and_followed_by_silence(simulator: Simulator) -> None:
    with serving(tone(3)) as url:
        output = ended(simulator, task(simulator, "a fox", input={"audio_url": url}))
    heard = loudness(requests.get(output["video_url"], timeout=PATIENCE).content)

    assert min(heard[:3]) > 0.3
    assert max(heard[4:]) < 0.01


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (tone(3), 404, "InvalidParameter"),
        (tone(3), 403, "InvalidParameter"),
        (tone(3), 500, "InvalidParameter.DataInspection"),
        (tone(31, "mp3"), 200, "InvalidURL"),
        (b"no sound", 200, "InvalidURL"),
    ],
    ids=["not there", "forbidden", "failing", "too long", "no sound"],
)
def test_audio_that_cannot_be_used_fails_the_task(simulator: Simulator, content: bytes, status: int, code: str) -> None:
    with serving(content, status) as url:
        output = ended(simulator, task(simulator, "a fox", input={"audio_url": url}))

    assert (output["task_status"], output["code"]) == ("FAILED", code)
    assert simulator.ledger("billed") == []


def test_a_server_that_refuses_the_connection_fails_the_task_with_that_error(simulator: Simulator) -> None:
    with serving(b"") as url:
        pass
    output = ended(simulator, task(simulator, "a fox", input={"audio_url": url}))

    assert output["code"] == "InvalidURL.ConnectionRefused"


def uploaded(simulator: Simulator, content: bytes, model: str = "wan2.6-t2v") -> str:
    policy = get(simulator, "/uploads", action="getPolicy", model=model).json()["data"]
    key = f"{policy['upload_dir']}/voice.wav"
    form = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": key,
        "success_action_status": "200",
    }
    requests.post(policy["upload_host"], data=form, files={"file": content}, timeout=PATIENCE).raise_for_status()
    return f"oss://{key}"


def test_an_uploaded_file_is_heard(simulator: Simulator) -> None:
    asked = {"input": {"audio_url": uploaded(simulator, tone(5))}}
    task_id = task(simulator, "a fox", headers={"X-DashScope-OssResourceResolve": "enable"}, **asked)
    video = requests.get(ended(simulator, task_id)["video_url"], timeout=PATIENCE).content

    assert min(loudness(video)[:4]) > 0.3


def test_an_oss_url_opens_nothing_without_its_header_nor_for_another_model(simulator: Simulator) -> None:
    asked = {"input": {"audio_url": uploaded(simulator, tone(5))}}
    resolving = {"X-DashScope-OssResourceResolve": "enable"}
    tasks = [
        task(simulator, "a fox", **asked),
        task(simulator, "a fox", model="wan2.5-t2v-preview", headers=resolving, **asked),
    ]

    assert [ended(simulator, each)["code"] for each in tasks] == ["InvalidParameter.DataInspection"] * 2


@pytest.mark.parametrize(
    ("query", "code"),
    [({"action": "getPolicy", "model": "wan9"}, "ModelNotFound"), ({"model": "wan2.6-t2v"}, "InvalidParameter")],
)
def test_a_policy_is_issued_only_for_an_existing_model(simulator: Simulator, query: dict[str, str], code: str) -> None:
    assert get(simulator, "/uploads", **query).json()["code"] == code


def test_an_upload_without_a_policy_is_refused_as_oss_does(simulator: Simulator) -> None:
    answer = requests.post(f"{simulator.origin}/dashscope-file", files={"file": b"x"}, timeout=PATIENCE)

    assert (answer.status_code, "<Code>InvalidAccessKeyId</Code>" in answer.text) == (403, True)


# --- faults of the newer routes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "path"), [("list", "/tasks"), ("query", "/tasks/any"), ("upload", "/uploads")])
def test_every_query_can_be_given_a_fault(simulator: Simulator, route: Any, path: str) -> None:
    simulator.faults.add(Fault(route, "refuse", code="Throttling/2"))
    answer = get(simulator, path)

    assert refused(answer) == (429, "Throttling")
    assert answer.json()["message"] == "Too many requests in route. Please try again later."


def test_the_answer_to_a_cancel_can_be_lost_after_it_took_effect(simulator: Simulator) -> None:
    task_id = task(simulator)
    simulator.faults.add(Fault("cancel", "reset", after=True))

    with pytest.raises(requests.ConnectionError):
        cancel(simulator, task_id)
    assert len(simulator.ledger("cancelled")) == 1


def test_a_task_can_be_unknown_too_early_and_a_success_come_without_its_link(simulator: Simulator) -> None:
    task_id = task(simulator, "a fox")
    simulator.finish(task_id)
    for kind in ("unknown", "no_link"):
        simulator.faults.add(Fault("query", kind))
    unknown, linkless, whole = (get(simulator, f"/tasks/{task_id}").json()["output"] for _ in range(3))

    assert unknown == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert (linkless["task_status"], "video_url" in linkless) == ("SUCCEEDED", False)
    assert whole["video_url"]


def test_a_task_takes_the_time_that_its_prompt_asks_for(simulator: Simulator) -> None:
    usual, quick = task(simulator, FAILING), task(simulator, f"{FAILING} [simulate:seconds:12]")
    simulator.advance(12)
    states = [get(simulator, f"/tasks/{task_id}").json()["output"]["task_status"] for task_id in (usual, quick)]
    assert states == ["RUNNING", "FAILED"]
