"""Executions of the state machine `generate_video`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from wan_video.domain.video import Video

_EXISTS: Final = "ExecutionAlreadyExists"
_MISSING: Final = "ExecutionDoesNotExist"


class StepFunctionsExecutions:
    """The port `Executions`. The name of an execution is the video and a number, so a repeated start has no effect."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, video: Video) -> None:
        document: dict[str, str | int] = {"video_id": video.id, "n": video.execution}
        if video.task is not None:
            document["task_id"] = video.task.id
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=_name(video.id, video.execution), input=json.dumps(document)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _EXISTS:
                raise

    def status(self, video_id: str, execution: int) -> str | None:
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{_name(video_id, execution)}"
        try:
            return self._client.describe_execution(executionArn=arn)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] != _MISSING:
                raise
            return None


def _name(video_id: str, execution: int) -> str:
    return f"{video_id}-{execution}"
