"""Receive the stack's SNS notices as a user would: through a queue subscribed to the topic."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from wan_video_local.aws import Aws

LONG_POLL_SECONDS = 2

Event = Mapping[str, Any]


class NoNoticeError(Exception):
    """Raised when no notice about a video arrived within the given real seconds."""

    def __init__(self, video_id: str, seconds: float) -> None:
        super().__init__(f"No notice about video {video_id} arrived within {seconds:.0f} seconds.")
        self.video_id = video_id


class Notices:
    """A new queue subscribed to one topic; it receives everything that is published from now on."""

    def __init__(self, aws: Aws, topic_arn: str, queue_name: str) -> None:
        self._sqs = aws.sqs
        self._url = aws.sqs.create_queue(QueueName=queue_name)["QueueUrl"]
        self._received: list[Event] = []
        attributes = aws.sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        self.queue_arn = attributes["QueueArn"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": self.queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
                }
            ],
        }
        aws.sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        aws.sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=self.queue_arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def await_about(self, video_id: str, *, within: float) -> Event:
        """Wait for the first notice about a video. Raises NoNoticeError."""
        deadline = time.monotonic() + within
        while True:
            if found := self.about(video_id):
                return found[0]
            if time.monotonic() > deadline:
                raise NoNoticeError(video_id, within)
            self._receive(LONG_POLL_SECONDS)

    def each_about(self, video_ids: Collection[str], *, within: float) -> Iterator[Event]:
        """Yield the first notice about each of these videos, as they arrive.

        Raises NoNoticeError if none of the missing ones arrives within `within` real seconds.
        """
        waiting = set(video_ids)
        deadline = time.monotonic() + within
        while waiting:
            event = next((event for event in self._received if event["data"].get("id") in waiting), None)
            if event:
                waiting.discard(event["data"]["id"])
                yield event
                deadline = time.monotonic() + within
            elif time.monotonic() > deadline:
                raise NoNoticeError(min(waiting), within)
            else:
                self._receive(LONG_POLL_SECONDS)

    def wait(self) -> None:
        """Wait for the next notices, at most LONG_POLL_SECONDS; `all` then returns them too."""
        self._receive(LONG_POLL_SECONDS)

    def about(self, video_id: str) -> list[Event]:
        """Return every notice about a video that has arrived so far."""
        return [event for event in self.all() if event["data"].get("id") == video_id]

    def all(self) -> list[Event]:
        """Return every notice that has arrived so far."""
        while self._receive(0):
            pass
        return list(self._received)

    def _receive(self, seconds: int) -> int:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=seconds)
        messages = answer.get("Messages", [])
        for message in messages:
            self._received.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)
