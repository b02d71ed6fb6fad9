"""All functions together, as events and the state machine call them: to a notice, and every way to fail."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.fakes.samples import made, running, starting, stored
from tests.integration.lambdas import event, forget, invoke, warm
from tests.integration.stack import BUCKET, LEDGER, VIDEOS, Stack
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.adapters.ledger import token_key
from wan_video.domain.names import metadata_key, video_key
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import DeliveryInterrupted, VideoDeleted, WanThrottled, WanUnavailable

TOKEN = "wv_CANARY-TOKEN"
POOL = "singapore#wan2.6-t2v"


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@dataclass
class Project:
    """A deployed stack whose Wan is the simulator, and the steps of the state machine."""

    stack: Stack
    simulator: Simulator
    monkeypatch: pytest.MonkeyPatch
    billed_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.billed_before = len(self.simulator.ledger("billed"))

    def post(self, prompt: str) -> str:
        """Ask for a video; returns its id."""
        given = event("api_post")
        given["body"] = json.dumps({"prompt": prompt, "seconds": 2})
        answer = invoke("api", given)
        assert answer["statusCode"] == 202, answer["body"]
        video_id: str = json.loads(answer["body"])["id"]
        return video_id

    def get(self, video_id: str, suffix: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = invoke("api", event("api_get") | {"path": f"/v1/videos/{video_id}{suffix}"})
        return answer

    def dispatch(self) -> None:
        invoke("dispatch", event("stream_insert"))

    def submit(self, video_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("submit", {"video_id": video_id, "n": 1})
        return answer

    def poll(self, video_id: str, task_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("poll", {"video_id": video_id, "task_id": task_id, "n": 1})
        return answer

    def deliver(self, video_id: str, task_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("deliver", {"video_id": video_id, "task_id": task_id})
        return answer

    def report_failure(self, video_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("report_failure", {"video_id": video_id})
        return answer

    def started(self, prompt: str) -> str:
        """A video whose execution was begun."""
        video_id = self.post(prompt)
        self.dispatch()
        return video_id

    def finished(self, prompt: str) -> tuple[str, str]:
        """A video whose task is over at Wan, and the task."""
        video_id = self.started(prompt)
        task_id = str(self.submit(video_id)["task_id"])
        self.simulator.finish(task_id)
        return video_id, task_id

    def at(self, seconds: float) -> None:
        """Let time pass, for Wan and for the functions."""
        self.simulator.advance(seconds)
        self.monkeypatch.setenv("CLOCK", f"0@{self.simulator.wan.clock.now()}")
        forget()

    def row(self, video_id: str) -> Video:
        return self.stack.videos.get(video_id)

    @property
    def billed(self) -> int:
        return len(self.simulator.ledger("billed")) - self.billed_before

    def notices(self) -> list[dict[str, Any]]:
        return [json.loads(envelope["Message"]) for envelope in self.stack.notices()]

    def everything_stored(self) -> str:
        """All items, executions and notices as text."""
        items = [self.stack.dynamodb.Table(table).scan()["Items"] for table in (VIDEOS, LEDGER)]
        return json.dumps([items, self.stack.executions(), self.stack.notices()], default=str)


@pytest.fixture
def project(stack: Stack, shared_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    stack.write_keys(singapore=shared_simulator.key())
    warm(
        stack,
        monkeypatch,
        WAN_ENDPOINTS=f"singapore={shared_simulator.base_url()}",
        RESULT_HOSTS=shared_simulator.origin,
        CLOCK=f"0@{shared_simulator.wan.clock.now()}",
    )
    forget()
    yield Project(stack, shared_simulator, monkeypatch)
    shared_simulator.faults.clear()
    forget()


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_a_prompt_becomes_a_stored_announced_video_and_one_bill(project: Project) -> None:
    video_id = project.post("a fox")
    project.dispatch()
    assert project.stack.executions() == {f"{video_id}-1": {"video_id": video_id, "n": 1}}
    submitted = project.submit(video_id)
    task_id = submitted["task_id"]
    assert submitted == {"outcome": "submitted", "task_id": task_id}
    waiting = project.poll(video_id, task_id)
    assert waiting["outcome"] == "running"
    assert waiting["task_status"] in ("PENDING", "RUNNING")
    project.simulator.finish(task_id)
    assert project.poll(video_id, task_id) == {"outcome": "succeeded", "task_status": "SUCCEEDED"}
    (pool,) = project.stack.pools.read([POOL])
    assert pool.running == frozenset()
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}

    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["id"]) == ("video.completed", video_id)
    body = project.stack.s3.get_object(Bucket=BUCKET, Key=notice["data"]["s3"]["key"])["Body"].read()
    (billed,) = [entry for entry in project.simulator.ledger("billed") if entry["task_id"] == task_id]
    assert hashlib.sha256(body).hexdigest() == billed["sha256"]
    assert project.billed == 1
    link = project.get(video_id, "/content")["multiValueHeaders"]["Location"][0]
    assert requests.get(link, timeout=5).content == body
    shown = json.loads(project.get(video_id)["body"])
    assert (shown["status"], shown["progress"], shown["usage"]["seconds"]) == ("completed", 100, 2)
    sidecar = json.loads(
        project.stack.s3.get_object(Bucket=BUCKET, Key=f"videos/{video_id}/metadata.json")["Body"].read()
    )
    assert (sidecar["id"], sidecar["status"], sidecar["bytes"]) == (video_id, "completed", len(body))


def test_one_id_leads_from_the_request_to_the_notice(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.deliver(video_id, task_id)
    (envelope,) = project.stack.notices()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    about = [line for line in lines if line.get("video_id") == video_id]
    words = [line["message"] for line in about]
    assert words == ["api", "started", "task created", "submit", "poll", "ended", "deliver"]
    assert about[0]["request_id"] == event("api_post")["requestContext"]["requestId"]
    assert about[-1]["outcome"] == "completed"
    assert list(project.stack.executions()) == [f"{video_id}-1"]
    notice = json.loads(envelope["Message"])["data"]
    assert (notice["id"], notice["s3"]["key"]) == (video_id, video_key(video_id))


def test_each_number_that_is_asked_for_is_measured_once_a_video(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    video_id, task_id = project.finished("a fox")
    for _ in range(2):
        project.poll(video_id, task_id)
        project.deliver(video_id, task_id)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    blobs = [line["_aws"]["CloudWatchMetrics"][0]["Metrics"] for line in lines if "_aws" in line]
    counted = Counter(metric["Name"] for metrics in blobs for metric in metrics)
    once = {"VideosStarted", "QueueSeconds", "GenerationSeconds", "Videos", "VideoSeconds", "PriceCNY", "TotalSeconds"}
    assert {name: counted[name] for name in (*once, "Bytes")} == dict.fromkeys((*once, "Bytes"), 1)


def test_every_step_may_come_again(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.dispatch()
    again = {"outcome": "submitted", "task_id": task_id}
    assert [project.submit(video_id) for _ in range(2)] == [again, again]
    assert [project.poll(video_id, task_id)["outcome"] for _ in range(2)] == ["succeeded", "succeeded"]
    assert [project.deliver(video_id, task_id)["outcome"] for _ in range(3)] == ["completed", "over", "over"]
    assert project.submit(video_id) == {"outcome": "over"}
    assert project.poll(video_id, task_id) == {"outcome": "over", "task_status": None}
    assert project.report_failure(video_id) == {"outcome": "completed"}
    assert (project.billed, len(project.notices()), len(project.stack.executions())) == (1, 1, 1)


def test_no_log_line_row_history_or_notice_holds_a_secret(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    put_token(project.stack)
    invoke("authorize", event("authorizer_token"))
    video_id, task_id = project.finished("CANARY-PROMPT \u2028 {")
    project.simulator.faults.add(Fault("result", "truncate"))
    project.simulator.faults.add(Fault("result", "flip"))
    project.poll(video_id, task_id)
    with pytest.raises(DeliveryInterrupted) as caught:
        project.deliver(video_id, task_id)
    project.deliver(video_id, task_id)
    invoke("sweep", event("schedule"))
    logs = capsys.readouterr().out
    lines = [json.loads(line) for line in logs.splitlines()]
    told = {line["message"] for line in lines if "message" in line}
    assert told >= {"api", "started", "submit", "poll", "deliver", "ended"}
    assert [line["source_resumed"] for line in lines if line.get("message") == "transfer trouble"] == [1]
    for secret in (TOKEN, project.simulator.key(), "Signature", "OSSAccessKeyId"):
        assert secret not in logs + str(caught.value) + project.everything_stored()
    assert "CANARY" not in logs + str(caught.value) + str(project.stack.executions()) + str(project.notices())
    assert "CANARY-PROMPT" in project.everything_stored()


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_moderated_prompt_is_refused_once_and_costs_nothing(project: Project) -> None:
    video_id = project.started("[simulate:DataInspectionFailed]")
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["error"]["code"]) == ("video.failed", "DataInspectionFailed")
    assert (project.billed, project.row(video_id).spent_seconds) == (0, 0)


def test_a_task_that_fails_is_reported_with_its_code(project: Project) -> None:
    video_id, task_id = project.finished("[simulate:task:InternalError.Algo]")
    assert project.poll(video_id, task_id) == {"outcome": "failed", "task_status": "FAILED"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert (notice["data"]["error"]["code"], notice["data"]["error"]["retryable"]) == ("InternalError.Algo", True)


def test_a_throttled_submission_raises_its_name_and_succeeds_later(project: Project) -> None:
    video_id = project.started("a fox")
    project.simulator.faults.add(Fault("create", "refuse", code="Throttling.RateQuota"))
    with pytest.raises(WanThrottled):
        project.submit(video_id)
    assert project.submit(video_id)["outcome"] == "submitted"


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_stays_visible_and_is_posted_once(project: Project, after: bool) -> None:
    video_id = project.started(f"a fox {after}")
    posts = len(project.simulator.ledger("received"))
    project.simulator.faults.add(Fault("create", "reset", after=after))
    assert [project.submit(video_id) for _ in range(3)] == [{"outcome": "uncertain"}] * 3
    assert len(project.simulator.ledger("received")) == posts + 1
    assert json.loads(project.get(video_id)["body"])["condition"]["code"] == "submission_uncertain"


def test_a_lost_answers_task_is_found_in_the_list_and_delivered(project: Project) -> None:
    video_id = project.started("a fox whose answer is lost")
    project.simulator.faults.add(Fault("create", "reset", after=True))
    project.submit(video_id)
    task_id = str(project.simulator.ledger("accepted")[-1]["task_id"])
    project.simulator.finish(task_id)
    project.at(60)
    assert project.submit(video_id) == {"outcome": "submitted", "task_id": task_id}
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}


def test_a_submission_that_wan_never_took_rings_and_is_held(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    video_id = project.started("a fox that never arrived")
    project.simulator.faults.add(Fault("create", "reset"))
    project.submit(video_id)
    for seconds in (600, 60):
        assert '"SubmissionUncertain"' not in capsys.readouterr().out
        project.at(seconds)
        assert project.submit(video_id) == {"outcome": "uncertain"}
    assert '"SubmissionUncertain":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_submission_that_wan_never_took_is_sent_again_where_that_is_wanted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ON_AMBIGUOUS_SUBMIT", "resend")
    video_id = project.started("a fox that is sent twice")
    project.simulator.faults.add(Fault("create", "reset"))
    posts = len(project.simulator.ledger("received"))
    outcomes = [project.submit(video_id)["outcome"]]
    for seconds in (600, 60, 60):
        project.at(seconds)
        outcomes.append(project.submit(video_id)["outcome"])
    assert outcomes == ["uncertain", "uncertain", "absent", "submitted"]
    assert len(project.simulator.ledger("received")) == posts + 2


def test_a_rotated_key_is_read_again_and_a_wrong_one_is_told_with_its_region(project: Project) -> None:
    first, second = project.started("a fox"), project.started("a cat")
    assert project.submit(first)["outcome"] == "submitted"
    project.stack.write_keys(singapore="sk-of-another-region")
    forget()
    assert project.submit(second) == {"outcome": "refused"}
    error = project.row(second).error
    assert error is not None
    assert (error.code, "singapore" in error.message) == ("InvalidApiKey", True)
    third = project.started("a dog")
    project.stack.write_keys(singapore=project.simulator.key())
    assert project.submit(third)["outcome"] == "submitted"
    submission = project.row(third).submission
    assert submission is not None
    assert submission.attempt == 2


def test_a_missing_key_is_refused_before_anything_is_sent(project: Project) -> None:
    project.stack.write_keys()
    video_id = project.started("a fox")
    posts = len(project.simulator.ledger("received"))
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert notice["data"]["error"]["code"] == "KeyMissing"
    assert len(project.simulator.ledger("received")) == posts


def test_a_poll_without_an_answer_raises_its_name_or_goes_on(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.simulator.faults.add(Fault("query", "reset"))
    with pytest.raises(WanUnavailable):
        project.poll(video_id, task_id)
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset", "times": 8}, {"kind": "flip"}, {"kind": "xml"}, {"kind": "redirect"}],
    ids=lambda f: str(f["kind"]),
)
def test_a_delivery_that_is_interrupted_leaves_nothing_and_succeeds_later(
    project: Project, fault: dict[str, Any]
) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.simulator.faults.add(Fault("result", **fault))
    with pytest.raises(DeliveryInterrupted):
        project.deliver(video_id, task_id)
    project.simulator.faults.clear()
    assert "Contents" not in project.stack.s3.list_objects_v2(Bucket=BUCKET)
    assert project.notices() == []
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}
    assert len(project.notices()) == 1


def test_a_link_to_another_host_is_not_followed(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.simulator.faults.add(Fault("query", "foreign_host"))
    with pytest.raises(DeliveryInterrupted, match="host_refused"):
        project.deliver(video_id, task_id)
    assert project.row(video_id).trouble is not None
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}


# --- repair ----------------------------------------------------------------------------------------------------------


def test_a_dead_execution_is_carried_on_when_its_event_comes(project: Project) -> None:
    video_id = "video_0123456789abcdef0123456789abcdef"
    project.stack.videos.accept(running(video_id))
    assert invoke("sweep", event("execution_status_change")) == {"execution_restarted": 1}
    assert project.stack.executions() == {
        f"{video_id}-2": {"video_id": video_id, "n": 2, "task_id": f"task-of-{video_id}"}
    }
    assert invoke("sweep", event("execution_status_change")) == {}


def test_the_scheduled_sweep_completes_lost_starts_and_publishes_lost_notices(project: Project) -> None:
    project.at(3600)
    late = int(project.simulator.wan.clock.now()) - 3600
    for video in (starting("video_1"), made("video_2").ended(late, Failure("x", "y", "deliver", True))):
        project.stack.videos.accept(video)
    assert invoke("sweep", event("schedule")) == {"start_completed": 1, "notice_published": 1}
    assert list(project.stack.executions()) == ["video_1-1"]
    assert [notice["type"] for notice in project.notices()] == ["video.failed"]
    assert invoke("sweep", event("schedule")) == {}


def test_the_scheduled_sweep_deletes_what_was_kept_long_enough(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "7")
    now = int(project.simulator.wan.clock.now())
    for video_id, age in (("video_1", 7), ("video_2", 6)):
        at = now - age * 24 * 3600
        project.stack.videos.accept(made(video_id).completed(at, stored(video_id)).announced(at))
        for key in (video_key(video_id), metadata_key(video_id)):
            project.stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert invoke("sweep", event("schedule")) == {"video_deleted": 1}
    listed = project.stack.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {entry["Key"] for entry in listed} == {video_key("video_2"), metadata_key("video_2")}
    with pytest.raises(VideoDeleted):
        project.stack.videos.get("video_1")
    assert invoke("sweep", event("schedule")) == {}


@pytest.mark.parametrize("name", ["stream_insert", "stream_modify", "schedule"])
def test_every_trigger_of_dispatch_fills_the_places(project: Project, name: str) -> None:
    video_id = project.post("a fox")
    invoke("dispatch", event(name))
    assert project.row(video_id).status is Status.STARTING


def test_the_off_switch_keeps_videos_waiting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARTS", "disabled")
    video_id = project.started("a fox")
    assert project.row(video_id).status is Status.QUEUED
    assert project.stack.executions() == {}


# --- authorize -------------------------------------------------------------------------------------------------------


def put_token(stack: Stack, **attributes: Any) -> None:
    item: dict[str, Any] = {
        **token_key(hashlib.sha256(TOKEN.encode()).hexdigest()),
        "owner": "alice",
        "scopes": {"read", "write"},
    }
    stack.dynamodb.Table(LEDGER).put_item(Item={**item, **attributes})


def test_a_good_token_opens_the_whole_api_and_says_who_calls(project: Project) -> None:
    put_token(project.stack, daily_seconds=60)
    policy = invoke("authorize", event("authorizer_token"))
    assert policy["principalId"] == "alice"
    assert policy["context"] == {"owner": "alice", "scopes": "read write", "daily_seconds": "60"}
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/v1/*",
    }


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wv_unknown", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_any_other_token_is_exactly_the_error_that_api_gateway_answers_with_a_401(
    project: Project, header: str
) -> None:
    put_token(project.stack)
    with pytest.raises(Exception, match=r"^Unauthorized$") as caught:
        invoke("authorize", event("authorizer_token") | {"authorizationToken": header})
    assert type(caught.value) is Exception
    assert caught.value.__suppress_context__


def test_a_revoked_token_opens_nothing(project: Project) -> None:
    put_token(project.stack, revoked_at=1)
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        invoke("authorize", event("authorizer_token"))


# --- importing is free -----------------------------------------------------------------------------------------------

IMPORT = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
from functions.{word}.handler import lambda_handler
heavy = sorted({{"anycrc", "botocore", "pydantic", "urllib3"}} & set(sys.modules))
assert not heavy, heavy
"""

WORDS = (
    "api",
    "authorize",
    "ingest",
    "finish_batch",
    "dispatch",
    "submit",
    "poll",
    "deliver",
    "report_failure",
    "sweep",
)


@pytest.mark.parametrize("word", WORDS)
def test_importing_a_handler_reads_no_environment_and_makes_no_client(word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(word=word)],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


RUN = """
import sys
from tests.integration.lambdas import event, forget, invoke, warm
from tests.integration.stack import deployed
from tests.fakes.samples import made, running, starting, stored
import pytest
before = "pydantic" in sys.modules
monkeypatch = pytest.MonkeyPatch()
with deployed() as stack:
    warm(stack, monkeypatch)
    video = made().completed(1, stored()).announced(1)
    stack.videos.accept(video)
    step = {"video_id": "video_1", "task_id": "task-1", "n": 1}
    print([invoke(word, step)["outcome"] for word in ("submit", "poll", "deliver", "report_failure")])
monkeypatch.undo()
assert not before, "the test itself imports pydantic"
assert "pydantic" not in sys.modules
"""


def test_the_functions_of_the_state_machine_never_load_pydantic(credentials: None) -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['over', 'over', 'over', 'completed']"
