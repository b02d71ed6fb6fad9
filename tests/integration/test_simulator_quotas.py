"""Changes at Wan: quotas, retired models, workspace hosts, and answers that vary."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
import requests

from tools.harness.patience import PATIENCE
from wan_simulator.simulator import Simulator
from wan_simulator.testing import TEST_ORIGIN, running_simulator
from wan_video.domain.models import Region

FAILING = "a fox [simulate:task:InternalError]"
"""A prompt whose task fails without rendering a film."""
WORKSPACE = "ws-simulator"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


@pytest.fixture
def strict() -> Iterator[Simulator]:
    with running_simulator(rate_limits=True) as one:
        yield one


def headers(simulator: Simulator, region: Region, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {simulator.key(region)}"} | more


def create(
    simulator: Simulator,
    model: str = "wan2.6-t2v",
    *,
    region: Region = Region.SINGAPORE,
    host: str | None = None,
    prompt: str = FAILING,
    **parameters: Any,
) -> requests.Response:
    return requests.post(
        f"{simulator.base_url(region, host)}/services/aigc/video-generation/video-synthesis",
        json={"model": model, "input": {"prompt": prompt}, "parameters": parameters},
        headers=headers(simulator, region, **{"X-DashScope-Async": "enable"}),
        timeout=PATIENCE,
    )


def get(
    simulator: Simulator, path: str, *, region: Region = Region.SINGAPORE, host: str | None = None, **query: str
) -> requests.Response:
    url = f"{simulator.base_url(region, host)}/{path}"
    return requests.get(url, params=query, headers=headers(simulator, region), timeout=PATIENCE)


def post(simulator: Simulator, control: str, **body: Any) -> None:
    url = f"{simulator.origin}/_simulator/{control}"
    requests.post(url, json=body, timeout=PATIENCE).raise_for_status()


def quota_of(simulator: Simulator, model: str, **more: Any) -> dict[str, Any]:
    (quota,) = get(simulator, "quotas", model=model, **more).json()["output"]["quotas"]
    result: dict[str, Any] = quota
    return result


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def statuses(simulator: Simulator, tasks: list[str]) -> list[str]:
    return [get(simulator, f"tasks/{task}").json()["output"]["task_status"] for task in tasks]


def tasks_of(answers: list[requests.Response]) -> list[str]:
    return [answer.json()["output"]["task_id"] for answer in answers]


# --- the quota API --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["quotas", "models/limits"])
def test_both_routes_report_the_limits_of_a_model(simulator: Simulator, route: str) -> None:
    answer = get(simulator, route, model="wan2.6-t2v").json()

    assert answer["request_id"]
    assert answer["output"] == {
        "total": 1,
        "page_no": 1,
        "page_size": 20,
        "quotas": [
            {
                "model": "wan2.6-t2v",
                "workspace_id": WORKSPACE,
                "model_limit": {
                    "request_limit": 5,
                    "request_limit_period": 1,
                    "usage_limit": None,
                    "usage_limit_field": None,
                    "usage_limit_period": None,
                    "async_user_queue_limit": None,
                    "async_user_concurrency_limit": 5,
                },
                "workspace_limit": None,
            }
        ],
    }


def test_quotas_are_listed_in_pages_and_filtered_by_a_part_of_the_name(simulator: Simulator) -> None:
    all_of_them = get(simulator, "quotas", page_size="100").json()["output"]["quotas"]
    second = get(simulator, "quotas", page_no="2", page_size="3").json()["output"]
    by_name = get(simulator, "quotas", name="wan2.7").json()["output"]["quotas"]

    assert second["quotas"] == all_of_them[3:6]
    assert second["total"] == len(all_of_them)
    assert {quota["model"] for quota in by_name} == {
        "wan2.7-t2v",
        "wan2.7-t2v-2026-04-25",
        "wan2.7-t2v-2026-06-12",
        "wan2.7-i2v",
        "wan2.7-i2v-2026-04-25",
    }
    assert refused(get(simulator, "quotas", page_no="0")) == (400, "InvalidParameter")


@pytest.mark.parametrize(("kept", "gone"), [("quotas", "models/limits"), ("models/limits", "quotas")])
def test_either_route_can_be_missing(simulator: Simulator, kept: str, gone: str) -> None:
    post(simulator, "switches", quota_routes=[kept])

    assert get(simulator, kept).status_code == 200
    assert refused(get(simulator, gone)) == (404, "NotFound")


def test_reading_quotas_needs_the_key_of_the_region(simulator: Simulator) -> None:
    url = f"{simulator.base_url()}/quotas"
    answer = requests.get(url, headers={"Authorization": "Bearer sk-unknown"}, timeout=PATIENCE)

    assert refused(answer) == (401, "InvalidApiKey")


def test_a_member_can_be_null_while_its_limit_applies(simulator: Simulator) -> None:
    simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=1, hidden=["async_user_concurrency_limit"])
    tasks = tasks_of([create(simulator) for _ in range(2)])
    simulator.advance(20)

    assert quota_of(simulator, "wan2.6-t2v")["model_limit"]["async_user_concurrency_limit"] is None
    assert statuses(simulator, tasks) == ["RUNNING", "PENDING"]


def test_a_quota_of_running_tasks_can_fall_and_rise_while_tasks_run(simulator: Simulator) -> None:
    tasks = tasks_of([create(simulator) for _ in range(7)])
    simulator.advance(15)
    post(simulator, "quotas", region="singapore", model="wan2.6-t2v", async_user_concurrency_limit=2)
    assert statuses(simulator, tasks).count("RUNNING") == 5
    simulator.advance(50)
    assert statuses(simulator, tasks).count("RUNNING") == 2
    post(simulator, "quotas", region="singapore", model="wan2.6-t2v", async_user_concurrency_limit=20)
    more = tasks_of([create(simulator) for _ in range(18)])
    simulator.advance(15)

    assert statuses(simulator, more).count("RUNNING") == 18
    assert quota_of(simulator, "wan2.6-t2v")["model_limit"]["async_user_concurrency_limit"] == 20


def test_a_quota_of_requests_can_fall_and_rise_and_count_by_the_minute(strict: Simulator) -> None:
    strict.set_quota("wan2.6-t2v", request_limit=1)
    codes = [create(strict).status_code for _ in range(2)]
    strict.set_quota("wan2.6-t2v", request_limit=2, request_limit_period=60)
    codes.append(create(strict).status_code)
    strict.advance(59)
    codes.append(create(strict).status_code)
    strict.advance(1)
    codes.append(create(strict).status_code)

    assert codes == [200, 429, 200, 429, 200]


def test_a_workspace_has_its_own_quotas(strict: Simulator) -> None:
    strict.set_quota("wan2.6-t2v", workspace=WORKSPACE, request_limit=2, async_user_concurrency_limit=1)
    answers = [create(strict, host=WORKSPACE) for _ in range(3)]
    strict.advance(20)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert refused(answers[2]) == (429, "Throttling.RateQuota")
    assert statuses(strict, tasks_of(answers[:2])) == ["RUNNING", "PENDING"]
    assert quota_of(strict, "wan2.6-t2v")["workspace_limit"]["async_user_concurrency_limit"] == 1
    assert quota_of(strict, "wan2.6-t2v")["model_limit"]["async_user_concurrency_limit"] == 5


def test_a_quota_of_waiting_tasks_refuses_tasks_beyond_it(simulator: Simulator) -> None:
    simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=1, async_user_queue_limit=2)
    answers = [create(simulator) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(answers[3]) == (429, "Throttling.Concurrency")


def test_quotas_can_be_reset(simulator: Simulator) -> None:
    simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=0)
    tasks = tasks_of([create(simulator)])
    simulator.advance(100)
    assert statuses(simulator, tasks) == ["PENDING"]
    requests.delete(f"{simulator.origin}/_simulator/quotas", timeout=PATIENCE).raise_for_status()

    assert statuses(simulator, tasks) == ["RUNNING"]
    assert quota_of(simulator, "wan2.6-t2v")["model_limit"]["async_user_concurrency_limit"] == 5


# --- retirement -----------------------------------------------------------------------------------------------------


def offline_info(simulator: Simulator, model: str) -> object:
    models = get(simulator, "models", page_size="100").json()["output"]["models"]
    return {item["model"]: item["inference_offline_info"] for item in models}[model]


def test_a_retired_model_is_announced_in_the_list_of_models_and_then_refused(simulator: Simulator) -> None:
    task = create(simulator).json()["output"]["task_id"]
    assert offline_info(simulator, "wan2.6-t2v") is None
    post(simulator, "retirements", region="singapore", model="wan2.6-t2v", offline_time=TEST_ORIGIN + 3600)

    assert offline_info(simulator, "wan2.6-t2v") == {"offline_time": "2026-05-29 05:26:40"}
    assert offline_info(simulator, "wan2.7-t2v") is None
    assert create(simulator).status_code == 200
    simulator.advance(3600)
    assert refused(create(simulator)) == (403, "Endpoint.AccessDenied")
    assert create(simulator, region=Region.BEIJING).status_code == 200
    assert statuses(simulator, [task]) == ["FAILED"]
    simulator.retire("wan2.6-t2v", None)
    assert create(simulator).status_code == 200


# --- Wan 3.0 and workspace hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["wan3.0-video", "wan3.0-video-prime"])
def test_a_video_of_wan3_has_the_length_and_the_shape_that_its_usage_reports(simulator: Simulator, model: str) -> None:
    asked: dict[str, Any] = {"resolution": "480P", "ratio": "adaptive", "duration": -1, "seed": 8}
    answer = create(simulator, model, region=Region.BEIJING, prompt="a fox", **asked)
    task = answer.json()["output"]["task_id"]
    simulator.finish(task, patience=PATIENCE)
    ended = get(simulator, f"tasks/{task}", region=Region.BEIJING).json()
    usage = ended["usage"]
    video = requests.get(ended["output"]["video_url"], timeout=PATIENCE).content

    assert set(usage) == {
        "duration",
        "input_video_duration",
        "output_video_duration",
        "video_count",
        "SR",
        "ratio",
        "fps",
    }
    assert all(type(usage[name]) is float for name in usage if name.endswith("duration"))
    with av.open(io.BytesIO(video), "r") as film:
        stream = film.streams.video[0]
        assert stream.frames == round(usage["duration"] * 30)
        sizes = {"16:9": (832, 480), "9:16": (480, 832), "1:1": (624, 624), "4:3": (720, 544), "3:4": (544, 720)}
        assert (stream.width, stream.height) == sizes[usage["ratio"]]
        assert film.streams.audio
    (billed,) = simulator.ledger("billed")
    assert billed["seconds"] == usage["duration"]


def test_wan3_without_audio_is_silent(simulator: Simulator) -> None:
    answer = create(
        simulator, "wan3.0-video", region=Region.BEIJING, prompt="a fox", resolution="480P", duration=2, audio=False
    )
    task = answer.json()["output"]["task_id"]
    simulator.finish(task, patience=PATIENCE)
    link = get(simulator, f"tasks/{task}", region=Region.BEIJING).json()["output"]["video_url"]
    with av.open(io.BytesIO(requests.get(link, timeout=PATIENCE).content), "r") as film:
        assert film.streams.audio == ()


def test_outside_beijing_only_workspace_hosts_serve_wan3(simulator: Simulator) -> None:
    assert refused(create(simulator, "wan3.0-video")) == (403, "Endpoint.AccessDenied")
    assert create(simulator, "wan3.0-video", host=WORKSPACE).status_code == 200
    assert create(simulator, "wan3.0-video", region=Region.BEIJING).status_code == 200


def test_a_task_created_on_a_workspace_host_is_found_on_the_shared_one(simulator: Simulator) -> None:
    task = create(simulator, host=WORKSPACE).json()["output"]["task_id"]

    assert statuses(simulator, [task]) == ["PENDING"]


# --- answers that vary ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "held"), [("data", {"data"}), ("tasks", {"tasks"}), ("both", {"data", "tasks"})])
def test_a_list_contains_its_tasks_under_either_name(simulator: Simulator, key: str, held: set[str]) -> None:
    task = create(simulator).json()["output"]["task_id"]
    post(simulator, "switches", list_key=key)
    answer = get(simulator, "tasks").json()

    assert answer.keys() & {"data", "tasks"} == held
    assert all([item["task_id"] for item in answer[name]] == [task] for name in held)


@pytest.mark.parametrize("retry_after", [None, "7"])
def test_a_429_states_when_to_call_again_only_if_configured(strict: Simulator, retry_after: str | None) -> None:
    post(strict, "switches", retry_after=retry_after)
    strict.set_quota("wan2.6-t2v", request_limit=0)
    answer = create(strict)

    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, retry_after)
