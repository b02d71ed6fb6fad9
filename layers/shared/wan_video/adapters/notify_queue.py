"""The queue of `notify`: messages that ask for attempts to deliver events."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from wan_video.domain.delivery import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_sqs import SQSClient

    from wan_video.ports.clock import Clock

LONGEST_DELAY_SECONDS: Final = 900
LONGEST_VISIBILITY_SECONDS: Final = 43_200


MOST_RECEIVES: Final = 50
"""How often one message is received before another replaces it: SQS makes a dead letter of it after twice as many.

The probes of a receiver that is paused are more than that.
"""


class SqsNotifyQueue:
    """The port `NotifyQueue`; the client is created for the first message.

    The URLs are those of the queue and of its dead-letter queue.
    """

    def __init__(self, client: Callable[[], SQSClient], clock: Clock, *, url: str, dead_letters: str = "") -> None:
        self._client = client
        self._clock = clock
        self._url = url
        self._dead_letters = dead_letters

    def send(self, tasks: Sequence[Task], seconds: float = 0) -> None:
        delay = min(self._real(seconds), LONGEST_DELAY_SECONDS)
        for task in tasks:
            self._client().send_message(QueueUrl=self._url, MessageBody=_text(task), DelaySeconds=delay)

    def bury(self, task: Task) -> None:
        redriven = Task(task.endpoint_id, task.delivery_id, redriven=True)
        self._client().send_message(QueueUrl=self._dead_letters, MessageBody=_text(redriven))

    def again(self, task: Task, receipt: str, received: int, seconds: float) -> bool:
        """Let a message come again in some seconds of the stack's clock, at most 12 real hours.

        Returns whether it is still the same message, which must not be deleted. `received` is how often it was received
        until now; after MOST_RECEIVES, a new message replaces it.
        """
        if received >= MOST_RECEIVES:
            self.send([task], seconds)
            return False
        self._later(receipt, seconds)
        return True

    def _later(self, receipt: str, seconds: float) -> None:
        pause = min(self._real(seconds), LONGEST_VISIBILITY_SECONDS)
        self._client().change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=pause)

    def _real(self, seconds: float) -> int:
        return math.ceil(self._clock.real_seconds(seconds))


def _text(task: Task) -> str:
    return json.dumps(task.message())
