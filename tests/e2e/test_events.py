"""The events of the running stack, received as docs/events.md says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import NOTICE_SECONDS, await_that, make, request
from tools.harness import event_schema
from tools.harness.patience import PATIENCE
from wan_video.domain.notice import API_VERSION
from wan_video_local.stack import PROJECT

DOCS = PROJECT / "docs" / "events.md"


def examples(kind: str) -> list[str]:
    """Return the JSON examples of one kind in the docs, as text."""
    return re.findall(rf"^```json{kind}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def example(kind: str) -> str:
    """Return the JSON of a kind that has a single example in the docs."""
    (found,) = examples(kind)
    return found


@pytest.fixture
def failures(local: Local) -> Iterator[str]:
    """Yield the URL of a queue that gets only failures."""
    sqs, topic_arn = local.stack.aws.sqs, local.stack.outputs["TopicArn"]
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = example(" policy").replace("<queue ARN>", arn).replace("<TopicArn>", topic_arn)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = local.stack.aws.sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes=json.loads(example(" subscription")),
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    yield url
    local.stack.aws.sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def nothing_starts(local: Local) -> Iterator[None]:
    """Switch starts off while the test runs."""
    with local.nothing_starts():
        yield


def received(local: Local, url: str) -> list[Any]:
    messages = local.stack.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_the_events_in_the_docs_keep_to_the_schema_beside_them() -> None:
    events = [json.loads(text) for text in examples("")]
    for event in events:
        event_schema.check(event)
    assert {event["data"]["id"].partition("_")[0] for event in events} == {"video", "batch"}
    assert event_schema.SCHEMA.relative_to(DOCS.parent).as_posix() in DOCS.read_text(encoding="utf-8")
    assert API_VERSION in event_schema.SCHEMA.name


def test_a_filtered_queue_gets_only_the_failure_and_the_other_queue_both(local: Local, failures: str) -> None:
    video = make(local, "a fox who succeeds")
    failed = make(local, "[simulate:task:DataInspectionFailed] a fox who fails")
    events = [local.notices.await_about(each["id"], within=NOTICE_SECONDS) for each in (video, failed)]
    assert [event["type"] for event in events] == ["video.completed", "video.failed"]
    assert await_that(lambda: received(local, failures) or None, "the failure") == [events[1]]


@pytest.mark.usefixtures("nothing_starts")
def test_a_video_cancelled_while_it_waits_is_announced(local: Local) -> None:
    video_id = local.client.create(request("a fox who changes his mind"))["id"]
    headers = {"Authorization": f"Bearer {local.stack.token}"}
    cancelled = requests.post(f"{local.stack.api_url}/v1/videos/{video_id}/cancel", headers=headers, timeout=PATIENCE)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    event = local.notices.await_about(video_id, within=NOTICE_SECONDS)
    assert (event["type"], event["data"]["usage"], event["data"]["error"]) == ("video.cancelled", None, None)
    assert local.client.video(video_id)["status"] == "cancelled"
