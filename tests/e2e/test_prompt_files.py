"""Prompt files in the deployed stack: EventBridge announces each upload, and repeated events change nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from rich.console import Console

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, MODEL, NOTICE_SECONDS, accepted, await_that, request
from wan_video.domain.batch import REPORT, report_key
from wan_video.domain.prompt_file import MAX_WHOLE_BYTES, PromptFile, batch_id
from wan_video_local.aws import Aws
from wan_video_local.evidence import logs_of
from wan_video_local.film import measure
from wan_video_local.run_file import make_videos, read_file
from wan_video_local.screen import Screen

REFUSED = json.dumps([{"prompt": "a fox", "seconds": 99}]).encode()
"""A file whose only row is refused: it is read and reported like any other, and makes no video."""


@dataclass(frozen=True)
class Door:
    """The file door of the running stack, with a queue that receives every event of the bucket."""

    local: Local
    events_url: str
    aws: Aws = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aws", self.local.stack.aws)

    @cached_property
    def bucket(self) -> str:
        """The name of the bucket for prompt files."""
        return self.local.stack.outputs["PromptsBucketName"]

    def put(self, key: str, body: bytes, **metadata: str) -> str:
        """Upload a file as `aws s3 cp` does, and return the id of its batch."""
        self.aws.s3.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=metadata)
        return batch_id(self.bucket, key, PromptFile(self.bucket, key, "", len(body), lambda: [body], metadata).digest)

    def report(self, batch: str) -> Mapping[str, Any]:
        """Wait until the report of a batch exists, and return it."""
        return await_that(lambda: self.report_now(batch), f"the report of {batch}")

    def report_now(self, batch: str) -> Mapping[str, Any] | None:
        """Return the report of a batch, or None if it does not exist yet."""
        try:
            stored = self.aws.s3.get_object(
                Bucket=self.local.stack.outputs["VideosBucketName"], Key=report_key(batch, REPORT)
            )
        except self.aws.s3.exceptions.NoSuchKey:
            return None
        report: Mapping[str, Any] = json.loads(stored["Body"].read())
        return report

    def event(self, key: str) -> Mapping[str, Any]:
        """Return the next event about a key, exactly as EventBridge delivers it."""

        def arrived() -> Mapping[str, Any] | None:
            for message in self.aws.sqs.receive_message(QueueUrl=self.events_url).get("Messages", []):
                self.aws.sqs.delete_message(QueueUrl=self.events_url, ReceiptHandle=message["ReceiptHandle"])
                event: Mapping[str, Any] = json.loads(message["Body"])
                if event["detail"]["object"]["key"] == key:
                    return event
            return None

        return await_that(arrived, f"an event about {key}")

    def ingest(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the function with an event, and return its answer."""
        answer = self.aws.functions.invoke(FunctionName="wan-video-ingest", Payload=json.dumps(event).encode())
        assert "FunctionError" not in answer
        payload: Mapping[str, Any] = json.loads(answer["Payload"].read())
        return payload

    def ingestions(self, batch: str) -> int:
        """Return how often the function has processed a batch, by its log."""
        return sum(f'"batch_id":"{batch}"' in line.replace(": ", ":") for line in logs_of(self.aws, "Ingest"))

    def rows(self, batch: str) -> set[str]:
        """Return the ids of all rows in the table that belong to a batch."""
        table = self.aws.dynamodb.Table(self.local.stack.outputs["VideosTableName"])
        found = table.scan(FilterExpression=Attr("batch_id").eq(batch), ConsistentRead=True)
        return {str(item["id"]) for item in found["Items"]}


@pytest.fixture(scope="module")
def door(local: Local) -> Iterator[Door]:
    """Yield the door, which a second rule observes in addition to the stack's own."""
    aws = local.stack.aws
    url = aws.sqs.create_queue(QueueName="uploads")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [local.stack.outputs["PromptsBucketName"]]}}}
    aws.events.put_rule(Name="overhear", EventPattern=json.dumps(pattern))
    aws.events.put_targets(Rule="overhear", Targets=[{"Id": "queue", "Arn": arn}])
    yield Door(local, url)
    aws.events.remove_targets(Rule="overhear", Ids=["queue"])
    aws.events.delete_rule(Name="overhear")


def screen() -> Screen:
    """Return a screen that prints into memory."""
    return Screen(Console(file=io.StringIO()))


def test_three_prompts_in_one_json_make_three_videos_and_one_report(local: Local, tmp_path: Path) -> None:
    prompts = [f"a fox counts to {number}" for number in ("one", "two", "three")]
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps([request(prompt) for prompt in prompts]), encoding="utf-8")
    made = make_videos(local.stack, read_file(path, {}), screen(), tmp_path)

    assert (made.report["accepted"], made.report["refused"], made.billed) == (3, 0, 3)
    assert [row["row"] for row in made.report["rows"]] == [1, 2, 3]
    assert made.path.name == f"{made.report['batch_id']}.report.json"
    for row, prompt in zip(made.report["rows"], prompts, strict=True):
        film = tmp_path / f"{row['video_id']}.mp4"
        video = json.loads(film.with_suffix(".json").read_text(encoding="utf-8"))
        assert (video["prompt"], video["batch_id"]) == (prompt, made.report["batch_id"])
        assert film.read_bytes() == local.simulator.film(video["upstream"]["task_id"])
        assert len(accepted(local, prompt)) == 1
        local.notices.await_about(row["video_id"], within=NOTICE_SECONDS)
        assert len(local.notices.about(row["video_id"])) == 1
    assert len(list(tmp_path.glob("*.mp4"))) == 3


def test_a_text_is_one_prompt_and_takes_model_and_size_from_its_metadata(
    door: Door, local: Local, tmp_path: Path
) -> None:
    prompt = "a fox leaves a note"
    report = door.report(door.put("note.txt", f"{prompt}\n".encode(), model=MODEL, size="480x832", colour="red"))
    (row,) = report["rows"]
    video = local.client.await_final(row["video_id"], within=FINAL_SECONDS)

    assert (video["status"], video["prompt"]) == ("completed", prompt)
    assert (video["model"], video["size"]) == (MODEL, "480x832")
    local.client.download(video["id"], tmp_path / "note.mp4")
    film = measure(tmp_path / "note.mp4")
    assert (film.width, film.height) == (480, 832)


def test_the_same_event_again_and_at_once_and_the_same_file_again_change_nothing(door: Door, local: Local) -> None:
    prompts = ["a fox rings twice", "a fox rings thrice"]
    body = json.dumps([request(prompt) for prompt in prompts]).encode()
    batch = door.put("rings.json", body)
    event = door.event("rings.json")
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(door.ingest, [event] * 5))
    assert {(answer["batch_id"], answer["accepted"]) for answer in answers} == {(batch, 2)}
    report = door.report(batch)
    ids = {row["video_id"] for row in report["rows"]}
    for video_id in ids:
        assert local.client.await_final(video_id, within=FINAL_SECONDS)["status"] == "completed"

    before = door.ingestions(batch)
    assert door.put("rings.json", body) == batch
    await_that(lambda: door.ingestions(batch) > before or None, "the second upload's event")
    door.ingest(event)
    assert door.report_now(batch) == report
    assert door.rows(batch) == ids
    assert [len(accepted(local, prompt)) for prompt in prompts] == [1, 1]
    for video_id in ids:
        local.notices.await_about(video_id, within=NOTICE_SECONDS)
        assert len(local.notices.about(video_id)) == 1


def test_a_bad_row_in_the_middle_is_reported_and_the_others_continue(door: Door, local: Local) -> None:
    first, last = "a fox comes first", "a fox comes last"
    body = json.dumps([request(first), {**request("a fox"), "seconds": 99}, request(last)]).encode()
    report = door.report(door.put("middle.json", body))

    assert (report["accepted"], report["refused"]) == (2, 1)
    assert report["rows"][1]["row"] == 2
    assert report["rows"][1]["errors"][0]["pointer"] == "/seconds"
    for row in (report["rows"][0], report["rows"][2]):
        assert local.client.await_final(row["video_id"], within=FINAL_SECONDS)["status"] == "completed"
    assert len(accepted(local, first)) == len(accepted(local, last)) == 1


@pytest.mark.parametrize(
    "key",
    [
        "two words.json",
        "a+b.json",
        "100%25 %2F.json",
        "狐狸🦊.json",
        "up/../../down.json",
        "=cmd|'.json",
        "f" * 1019 + ".json",
    ],
    ids=["spaces", "plus", "percent", "emoji", "dots", "formula", "1024 bytes"],
)
def test_a_key_arrives_as_it_is_whatever_is_in_it(door: Door, key: str) -> None:
    report = door.report(door.put(key, REFUSED))

    assert report["file"]["key"] == key
    assert [row["errors"][0]["pointer"] for row in report["rows"]] == ["/seconds"]


def test_a_file_that_was_replaced_or_deleted_before_it_is_read_is_left_to_its_own_event(door: Door) -> None:
    door.put("hasty.json", REFUSED)
    event = door.event("hasty.json")
    replaced_by = door.put("hasty.json", REFUSED + b" ")
    assert door.ingest(event)["batch_id"] is None
    assert door.report(replaced_by)["refused"] == 1

    door.aws.s3.delete_object(Bucket=door.bucket, Key="hasty.json")
    assert door.ingest(event)["batch_id"] is None


def test_a_file_of_another_kind_is_ignored_and_that_is_reported(door: Door) -> None:
    answer = door.aws.s3.put_object(Bucket=door.bucket, Key="setup.exe", Body=b"MZ\x90")
    batch = batch_id(door.bucket, "setup.exe", answer["ETag"].strip('"'))

    assert door.report(batch)["error"]["code"] == "file_refused"
    assert door.rows(batch) == set()


def test_a_file_that_is_too_large_is_reported_by_its_size_and_not_read(door: Door) -> None:
    size = MAX_WHOLE_BYTES + 1
    answer = door.aws.s3.put_object(Bucket=door.bucket, Key="huge.json", Body=b" " * size)
    report = door.report(batch_id(door.bucket, "huge.json", answer["ETag"].strip('"')))

    assert str(size) in report["error"]["message"]
    assert (report["accepted"], report["rows"]) == (0, [])


def test_a_file_that_could_not_be_taken_in_is_a_dead_letter_that_can_be_tried_again(door: Door, local: Local) -> None:
    resource = {"StackName": "wan-video", "LogicalResourceId": "DeadLetters"}
    detail = door.aws.cloudformation.describe_stack_resource(**resource)["StackResourceDetail"]
    url = detail["PhysicalResourceId"]
    right = local.variable("ingest", "VIDEOS_BUCKET")
    local.set_variable(["ingest"], "VIDEOS_BUCKET", "no-such-bucket")
    try:
        batch = door.put("unlucky.json", REFUSED)

        def failed() -> Mapping[str, Any] | None:
            for message in door.aws.sqs.receive_message(QueueUrl=url).get("Messages", []):
                letter: Mapping[str, Any] = json.loads(message["Body"])
                # All functions share the queue: a worker that dies under load leaves other letters.
                if letter.get("requestPayload", {}).get("detail", {}).get("object", {}).get("key") == "unlucky.json":
                    return letter
            return None

        letter = await_that(failed, "the dead letter")
    finally:
        local.set_variable(["ingest"], "VIDEOS_BUCKET", right)
    assert door.report_now(batch) is None
    assert door.ingest(letter["requestPayload"])["batch_id"] == batch
    assert door.report(batch)["refused"] == 1
