"""A subscriber that receives every notice through a queue and checks at once that a completed one is true."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.chaos.callers import Asked
from tests.chaos.plan import OWNER
from wan_video_local.notices import Notices
from wan_video_local.stack import Stack

Notice = Mapping[str, Any]

BATCH_COMPLETED: Final = "batch.completed"
TERMINAL: Final = ("video.completed", "video.failed", "video.cancelled", "video.expired")


class Observer:
    """A subscriber that receives notices in the background until it is closed."""

    def __init__(self, stack: Stack, asked: Asked) -> None:
        self._aws = stack.aws
        self._asked = asked
        notices = Notices(stack.aws, stack.outputs["TopicArn"], "chaos")
        self._url = self._aws.sqs.get_queue_url(QueueName="chaos")["QueueUrl"]
        assert notices.queue_arn
        self.notices: dict[str, list[Notice]] = defaultdict(list)
        """Every notice, by the id of its video."""
        self.unreadable: list[str] = []
        """Videos whose object was missing, or differed from the notice, when their completed notice arrived."""
        self.raw: list[str] = []
        self.events: dict[str, set[str]] = defaultdict(set)
        """The bodies of every final event, by its id."""
        self.heard_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def named(self) -> dict[str, list[Notice]]:
        """Return every terminal notice, by the name of the wish."""
        found: dict[str, list[Notice]] = defaultdict(list)
        for video_id, notices in list(self.notices.items()):
            found[self._name(video_id, notices[0])] += notices
        return found

    def owners(self) -> dict[str, str]:
        """Return the owner of every final event whose video a caller asked for, by the id of the event."""
        found = {}
        for event_id, bodies in list(self.events.items()):
            event = json.loads(next(iter(bodies)))
            wish = self._asked.wishes.get(self._name(event["data"]["id"], event))
            if event["type"] == BATCH_COMPLETED:
                found[event_id] = OWNER
            elif wish is not None:
                found[event_id] = wish.owner
        return found

    def _name(self, video_id: str, notice: Notice) -> str:
        return notice["data"].get("custom_id") or self._asked.by_id.get(video_id) or f"unknown {video_id}"

    def close(self) -> None:
        """Receive what remains in the queue, and stop."""
        self._stop.set()
        self._thread.join()

    def _listen(self) -> None:
        while True:
            stopping = self._stop.is_set()
            answer = self._aws.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = answer.get("Messages", [])
            for message in messages:
                self._hear(message["Body"])
                self._aws.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            if stopping and not messages:
                return

    def _hear(self, body: str) -> None:
        notice = json.loads(body)
        self.raw.append(body)
        if notice["type"] in (*TERMINAL, BATCH_COMPLETED):
            self.events[notice["id"]].add(body)
        if notice["type"] not in TERMINAL:
            return
        video_id = notice["data"]["id"]
        if video_id not in self.notices:
            self.heard_at = time.monotonic()
        if notice["type"] == "video.completed" and not self._is_readable(notice["data"]["s3"]):
            self.unreadable.append(video_id)
        self.notices[video_id].append(notice)

    def _is_readable(self, stored: Mapping[str, Any] | None) -> bool:
        if stored is None:
            return False
        try:
            head = self._aws.s3.head_object(Bucket=stored["bucket"], Key=stored["key"])
        except ClientError:
            return False
        return bool(head["ContentLength"] == stored["bytes"])
