"""DashScope's routes: tasks, lists, links and cancellation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dashscope.v2.resources._jobs import JobList

from tests.integration.dashscope.routes import DashScopeRoutes
from tests.integration.wan.clients import FixedKeys
from tests.rows import put_rows
from tools.harness.lambdas import end_process
from tools.harness.samples import NOW, made, queued, running, stored
from tools.harness.stack import VIDEOS
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_video import bootstrap
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.wire.dashscope import parse_time


def completed(video_id: str = "video_1") -> Video:
    return made(video_id).completed(NOW, stored()).announced(NOW)


STATES = [
    (queued(), "PENDING"),
    (running(), "PENDING"),
    (made(), "RUNNING"),
    (completed(), "SUCCEEDED"),
    (running().ended(NOW, Failure("DataInspectionFailed", "Inappropriate.", "poll", False)), "FAILED"),
    (queued().cancelled(NOW), "CANCELED"),
]


@pytest.mark.parametrize(("video", "word"), STATES)
def test_every_state_is_shown_with_wans_status(dashscope: DashScopeRoutes, video: Video, word: str) -> None:
    dashscope.store(video)
    for path in (f"/api/v1/tasks/{video.id}", f"/api/v1/tasks/{video.id}/"):
        status, answer = dashscope.call("GET", path)
        assert (status, answer["output"]["task_status"], answer["output"]["task_id"]) == (200, word, video.id)


def test_a_failure_is_shown_with_code_and_message_and_status_200(dashscope: DashScopeRoutes) -> None:
    dashscope.store(running().ended(NOW, Failure("DataInspectionFailed", "Inappropriate.", "poll", False)))
    status, answer = dashscope.call("GET", "/api/v1/tasks/video_1")
    assert (status, answer["output"]["code"], answer["output"]["message"]) == (
        200,
        "DataInspectionFailed",
        "Inappropriate.",
    )
    assert "usage" not in answer


@pytest.mark.parametrize("task_id", ["video_9", "86ecf553-d340-4e21-8af0-1d1ef8a3b1ac"])
def test_a_missing_task_and_one_of_another_owner_are_unknown(dashscope: DashScopeRoutes, task_id: str) -> None:
    dashscope.store(replace(completed("video_9"), owner="bob"))
    status, answer = dashscope.call("GET", f"/api/v1/tasks/{task_id}")
    assert (status, answer["output"]) == (200, {"task_id": task_id, "task_status": "UNKNOWN"})


def test_a_video_link_opens_the_stored_video_for_anyone_who_has_it(dashscope: DashScopeRoutes) -> None:
    dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"]
    prefix = "https://api.example/live"
    assert link.startswith(f"{prefix}/files/video_1/")
    path = link.removeprefix(prefix)
    for authorization in ("", "Bearer of-another-owner"):
        status, headers = dashscope.call("GET", path, Authorization=authorization)
        assert status == 302
        assert "videos/video_1/video.mp4" in headers["Location"][0]
    assert dashscope.call("GET", path.replace("video_1", "video_2"))[0] == 410
    assert dashscope.call("GET", path[:-6] + "0.mp4")[0] == 410


def test_a_link_is_invalid_after_its_video_was_deleted(dashscope: DashScopeRoutes) -> None:
    video = dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"]
    dashscope.stack.videos.delete(video, NOW + 86_400)
    assert dashscope.call("GET", link.removeprefix("https://api.example/live"))[0] == 410


def test_after_its_term_a_video_is_unknown_and_its_link_opens_nothing(
    dashscope: DashScopeRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"].removeprefix(
        "https://api.example/live"
    )
    assert dashscope.call("GET", link)[0] == 302
    monkeypatch.setenv("RETENTION_DAYS", "1")
    end_process()
    assert dashscope.call("GET", link)[0] == 410
    assert dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["task_status"] == "UNKNOWN"


def test_the_list_is_paged_by_number_and_filtered(dashscope: DashScopeRoutes) -> None:
    now = int(bootstrap.clock().now())
    for at in range(12):
        video = replace(queued(f"video_{at:02}"), created_at=now - 12 + at)
        dashscope.store(video.cancelled(now) if at % 2 else video)
    _, first = dashscope.call("GET", "/api/v1/tasks")
    _, second = dashscope.call("GET", "/api/v1/tasks/", query={"page_no": "2"})
    assert (first["total"], first["total_page"], len(first["data"]), len(second["data"])) == (12, 2, 10, 2)
    assert len({line["task_id"] for line in first["data"] + second["data"]}) == 12
    for page in (first, second):
        jobs = JobList.from_payload(page).tasks
        assert [job.task_id for job in jobs] == [line["task_id"] for line in page["data"]]
        assert all((job.finished_at is not None) is job.finished for job in jobs)
    _, cancelled = dashscope.call("GET", "/api/v1/tasks", query={"status": "CANCELED", "page_size": "100"})
    assert {line["status"] for line in cancelled["data"]} == {"CANCELED"}
    assert cancelled["total"] == 6
    assert dashscope.call("GET", "/api/v1/tasks", query={"model_name": "wan2.7-t2v"})[1]["total"] == 0
    assert dashscope.call("GET", "/api/v1/tasks", query={"task_id": "video_03"})[1]["total"] == 1


@pytest.mark.parametrize("query", [{}, {"status": "PENDING"}, {"model_name": "wan2.6-t2v"}], ids=str)
def test_an_old_window_is_read_directly_and_not_paged_to_from_today(
    dashscope: DashScopeRoutes, query: dict[str, str]
) -> None:
    day = 86_400
    begin = parse_time("20260501000000")
    later = (replace(queued(f"video_new_{at:03}"), created_at=begin + day + 1 + at) for at in range(150))
    put_rows(dashscope.stack.dynamodb, VIDEOS, later)
    for name, created in (("last", begin + day), ("middle", begin + 3600), ("first", begin), ("before", begin - 1)):
        dashscope.store(replace(queued(f"video_{name}"), created_at=created))
    queries: list[str] = []
    bootstrap.clients.dynamodb().meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append("x"))
    window = {"start_time": "20260501000000", "end_time": "20260502000000", **query}
    _, listed = dashscope.call("GET", "/api/v1/tasks", query=window)
    assert [line["task_id"] for line in listed["data"]] == ["video_last", "video_middle", "video_first"]
    pages = {"": 1, "PENDING": 3, "wan2.6-t2v": 7}["".join(query.values())]
    assert len(queries) == pages


@pytest.mark.parametrize(
    "query",
    [
        {"page_no": "0"},
        {"page_no": "５"},
        {"page_no": " 1"},
        {"page_no": "1_0"},
        {"page_no": "9" * 5000},
        {"page_size": "x"},
        {"page_size": "١"},
        {"start_time": "yesterday"},
        {"start_time": "20200101000000"},
        {"start_time": "２０２６１１２２１５３０００"},
        {"end_time": "9" * 14},
    ],
)
def test_an_impossible_list_is_an_invalid_parameter(dashscope: DashScopeRoutes, query: dict[str, str]) -> None:
    assert dashscope.call("GET", "/api/v1/tasks", query=query)[1]["code"] == "InvalidParameter"


def test_a_waiting_video_is_cancelled_and_a_running_one_is_not(dashscope: DashScopeRoutes) -> None:
    dashscope.store(queued())
    dashscope.store(running("video_2"))
    assert dashscope.call("POST", "/api/v1/tasks/video_1/cancel")[0] == 200
    assert dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["task_status"] == "CANCELED"
    for other in ("video_2", "video_3"):
        status, answer = dashscope.call("POST", f"/api/v1/tasks/{other}/cancel/", "")
        assert (status, answer["code"]) == (400, "UnsupportedOperation")


def at_wan(dashscope: DashScopeRoutes, simulator: Simulator) -> Video:
    """Return a video whose task is PENDING at Wan."""
    keys = FixedKeys({Region.SINGAPORE: simulator.key()})
    client = WanClient(keys, endpoints=Endpoints({Region.SINGAPORE: simulator.base_url()}))
    video = running()
    task = Task(client.prepare(video.request)().task_id, NOW)
    return dashscope.store(replace(video, task=task))


def test_a_pending_task_is_cancelled_at_wan(dashscope: DashScopeRoutes, simulator: Simulator) -> None:
    video = at_wan(dashscope, simulator)
    assert dashscope.call("POST", f"/api/v1/tasks/{video.id}/cancel")[0] == 200
    assert dashscope.call("GET", f"/api/v1/tasks/{video.id}")[1]["output"]["task_status"] == "CANCELED"
    assert [entry["task_id"] for entry in simulator.ledger("cancelled")] == [video.task.id if video.task else ""]
    assert dashscope.stack.videos.get(video.id).status == "cancelled"


@pytest.mark.parametrize("after", [True, False], ids=["after Wan accepted", "before"])
def test_a_cancellation_without_an_answer_from_wan_is_refused(
    dashscope: DashScopeRoutes, simulator: Simulator, after: bool
) -> None:
    video = at_wan(dashscope, simulator)
    simulator.faults.add(Fault("cancel", "reset", after=after))
    status, answer = dashscope.call("POST", f"/api/v1/tasks/{video.id}/cancel")
    assert (status, answer["code"]) == (400, "UnsupportedOperation")
    assert dashscope.stack.videos.get(video.id).status == "in_progress"
